/** What is said of the name at a cursor. */
import { describe, expect, test } from "bun:test";
import { inspect } from "./inspect.ts";
import { Animal, cut, Dog, names, scope } from "./live.harness.ts";

const inspected = (text: string, detail = false, color = false) =>
  inspect(...cut(text), detail, scope, names, color).data;
const shown = (value: unknown): string =>
  String(inspect("value", 5, true, { value }, new Map(), false).data["text/plain"]);
const plain = (text: string, detail = false) => inspected(text, detail)["text/plain"];

describe("inspection", () => {
  test.each([
    ["tot|al", "Type:      number\nDeclared:  const, Cell [3]\nDoc:       The running total.\nValue:     3"],
    [
      "x + |total",
      "Type:      number\nDeclared:  const, Cell [3]\nDoc:       The running total.\nValue:     3",
    ],
    ["seven.fir|st", "Type:      number\nValue:     1"],
    ["seven.first|", "Type:      number\nValue:     1"],
    ["sev|en.second.deep", expect.stringContaining("[Object: null prototype]")],
    ["seven.se|cond.deep", expect.stringContaining("{ deep: 1 }")],
    ["list[1].|", 'Type:      Object\nValue:     { name: "x", tail: 2 }'],
    ["list|", 'Type:      Array(2)\nValue:     [ 1, { name: "x", tail: 2 } ]'],
    ["list[0]|", "Type:      number\nValue:     1"],
    ["key|", 'Type:      string\nValue:     "second"'],
    ["table|", 'Type:      Map(2)\nValue:     Map(2) { "a": 1, { b: 2 }: [ 3 ] }'],
    ["promise|", expect.stringContaining("Promise { [Object: null prototype] { settled: 1 } }")],
    ["rex|", "Type:      Dog\nValue:     Dog { legs: 4 }"],
    ["proxy|", "Type:      Proxy"],
    ["accessor|", expect.stringContaining("{ lazy: [Getter] }")],
    ["accessor.lazy|", "Type:      accessor, which is not run"],
    ["nothing|", "Type:      null\nValue:     null"],
    ["Math.PI|", "Type:      number\nValue:     3.141592653589793"],
    ["Math.max|", "Type:      function, takes 2 arguments"],
    ["Math.max(1, |", "Type:      function, takes 2 arguments"],
    ["list.map(|", "Type:      function, takes 1 argument"],
    ["'a'.padEnd(|", "Type:      function, takes 1 argument"],
    ["new Map().get(|", "Type:      function, takes 1 argument"],
    ["rex.fetch('st|", "Signature: rex.fetch(_what)\nType:      function"],
    ["rex.fetch(unknown|", "Signature: rex.fetch(_what)\nType:      function"],
    ["rex.fetch(unknown(1, [2], |", "Signature: rex.fetch(_what)\nType:      function"],
    ["rex.fetch(1)|", "Signature: rex.fetch(_what)\nType:      function"],
    ["rex.fetch(total|", expect.stringContaining("const, Cell [3]")],
    [
      "arrow|",
      "Signature: arrow(value: T, done?: () => void): Promise<T>\nType:      function\nDeclared:  const, Cell [3]",
    ],
    ["Dog|", "Type:      class Dog extends Animal\nDeclared:  class, Cell [3]"],
    [
      "new Animal(|",
      "Signature: new Animal(readonly name: string, age = 1)\nType:      class Animal\nDeclared:  class, Cell [3]",
    ],
    ["new Map<string, number>(|", "Type:      class Map, takes 0 arguments"],
    ["over|", "Type:      function\nDeclared:  function, Cell [3]"],
    ["`${total|", expect.stringContaining("number")],
    ["unknown|", undefined],
    ["seven.unknown|", undefined],
    ["unknown.first|", undefined],
    ["// total|", undefined],
    ["'total|", undefined],
    ["if (|", undefined],
    ["12|", undefined],
    ["|", undefined],
  ])("%s", (text, expected) => {
    if (typeof expected === "string") expect(plain(text)).toBe(expected);
    else if (expected === undefined) expect(inspected(text)).toEqual({});
    else expect(plain(text)).toEqual(expected);
  });

  test("says all of a function: signature, place, comment, and the source when asked for detail", () => {
    expect(plain("add(1, |", true)).toBe(
      `Signature: add(a: number, b = 1): { sum: number }
Type:      function
Declared:  function, Cell [3]
Doc:
Adds two numbers.
@param a the first
Source:    export function add(a: number, b = 1): { sum: number } { return { sum: a + b } }`,
    );
    expect(inspected("add|")["text/markdown"]).toBe(
      "```ts\nadd(a: number, b = 1): { sum: number }\n```\n\n`function` (function, Cell [3])\n\nAdds two numbers.\n@param a the first",
    );
  });

  test("takes colours for the console only where they are asked for", () => {
    expect(inspected("total|", false, true)["text/plain"]).toContain("\u001b[31mType:\u001b[0m");
    expect(JSON.stringify(inspected("total|", false, true)["text/markdown"])).not.toContain("\\u001b");
  });

  test.each([
    ["-1n", -1n],
    ["-0.5", -0.5],
    ['"```"', "```"],
    ["Symbol(s)", Symbol("s")],
    ["undefined", undefined],
    ["1970-01-01T00:00:00.000Z", new Date(0)],
    ["Invalid Date", new Date(Number.NaN)],
    ["/a[/]/gi", /a[/]/gi],
    ["TypeError: boom", new TypeError("boom")],
    ["Uint8Array(3) [ 0, 0, 0 ]", new Uint8Array(3)],
    ['Set(1) { "a" }', new Set(["a"])],
    ["Promise { <pending> }", new Promise(() => {})],
    ["[ empty, empty ]", Array(2)],
    ["[]", []],
    ["{}", {}],
    ["[ [ [ [Array(1)] ] ] ]", [[[[[1]]]]]],
    ["{ f: [function], Animal: [class Animal] }", { f: () => 1, Animal }],
    ["{ Dog: [class Dog extends Animal] }", { Dog }],
    ["Dog { legs: 4 }", new Dog()],
  ])("shows %s", (expected, value) => {
    expect(shown(value)).toEndWith(`Value:     ${expected}`);
  });

  test("shortens what is long", () => {
    expect(shown("x".repeat(1e6)).length).toBeLessThan(2100);
    expect(shown(Array(1e6).fill("x".repeat(1e4))).length).toBeLessThan(2100);
    expect(shown(Array(1e6).fill(7))).toEndWith("7, 7, … 999983 more ]");
    expect(shown(new Set(Array(99).keys()))).toEndWith("16, … 82 more }");
    expect(shown(Object.fromEntries(Array(30).entries())).split("\n").length).toBeLessThan(25);
    expect(shown(1n << 100_000n)).toEndWith("[bigint]");
  });
});
