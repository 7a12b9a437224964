import { describe, expect, test } from "bun:test";
import { CellSyntaxError, prepare } from "./cell.ts";

/** The module without the frame around the body, in one line. */
const body = (source: string) =>
  prepare(source)
    .module.replace(/^.*?=> \{/s, "")
    .replace(/\}$/, "")
    .replaceAll("\n", " ")
    .trim();

function fault(source: string): CellSyntaxError {
  try {
    prepare(source);
  } catch (error) {
    if (error instanceof CellSyntaxError) return error;
  }
  throw new Error("it parsed");
}

describe("declarations become assignments to globals", () => {
  test.each([
    ["const x: number = 1", ";(x = 1);", ["x"]],
    ["let a, b = 2;", ";(a = undefined, b = 2);", ["a", "b"]],
    ["var v;", ";(v = v);", ["v"]],
    ["let w!: string;", ";(w = undefined);", ["w"]],
    [
      "const {a, b: [c = 1, ...d], ...e}: any = o",
      ";({a, b: [c = 1, ...d], ...e} = o);",
      ["a", "c", "d", "e"],
    ],
    ["function f<T>(x: T) {}", ";f = function <T>(x: T) {};", ["f"]],
    ["async function* g() {}", ";g = async function* () {};", ["g"]],
    ["class A<T> extends B {}", ";A = class A<T> extends B {};", ["A"]],
    ["abstract class A {}", ";A = class A {};", ["A"]],
    ["enum E { A }", ";E = (() => {enum E { A }; return E; })();", ["E"]],
    ["export const x = 1", ";(x = 1);", ["x"]],
  ])("%s", (source, expected, names) => {
    expect(body(source)).toBe(expected);
    expect(prepare(source).names).toEqual(names);
  });
});

describe("what the program is made of besides", () => {
  test.each([
    ["interface I { a: number }", "interface I { a: number }"],
    ["declare const x: number;", "declare const x: number;"],
    ["import type { A } from 'a'", ""],
    ["function f(a: number): void;\nfunction f(a: any) {}", ";f = function (a: any) {};"],
  ])("types leave nothing to run: %s", (source, expected) => {
    expect(body(source)).toBe(expected);
  });

  test("imports stay static and become globals under their own names", () => {
    const { module, names } = prepare('import d, { a as b, type T } from "m" with { type: "json" }');
    expect(module).toStartWith(
      'import {default as __import_d, a as __import_b} from "m" with { type: "json" };export default',
    );
    expect(module).toContain("d = __import_d;b = __import_b;");
    expect(names).toEqual(["d", "b"]);
  });

  test("functions are hoisted before the first statement", () => {
    expect(body("f()\nfunction f() { return 1 };")).toStartWith(";f = function () { return 1 };");
  });
});

describe("the last expression is the value", () => {
  test.each([
    ["1 + 1", ";return [(1 + 1 )];"],
    ["x // comment", ";return [(x )]; // comment"],
    ["{a: 1}", ";return [({a: 1} )];"],
    ['"text"', ';return [("text" )];'],
    ["export default 7", ";return [(7 )];"],
  ])("%s", (source, expected) => {
    expect(body(source)).toBe(expected);
  });

  test.each(["1 + 1;", "const x = 1", "if (x) { y }", "{ const a = 1; f(a) }"])("not of %s", (source) => {
    expect(body(source)).not.toContain("return [");
  });
});

describe("a cell that is not TypeScript", () => {
  test("is refused with line and column", () => {
    expect(fault("const a = 1;\nlet y: number = ;").position).toEqual({ line: 2, column: 17 });
  });

  test.each(["function f() {", "foo(", "`open", "/* open", "const a = [1,"])(
    "may be unfinished: %s",
    (source) => {
      expect(fault(source).incomplete).toBeTrue();
    },
  );

  test.each(["let y = ;", "const x = 1; const x = 2;", "}"])("may be wrong for good: %s", (source) => {
    expect(fault(`${source}\n1`).incomplete).toBeFalse();
  });

  test("casts with angle brackets are TypeScript, elements are TSX", () => {
    expect(prepare("<number>x").loader).toBe("ts");
    expect(prepare("<b>x</b>").loader).toBe("tsx");
  });
});

test("positions lead back to the cell, through imports, hoisting and edits", () => {
  const source = 'import { x } from "m";\nconst a: number = 1, b = fail();\nfunction late() {\n  boom();\n}';
  const { module, original } = prepare(source);
  for (const word of ["fail", "boom"]) {
    const index = module.indexOf(word);
    const line = module.slice(0, index).split("\n").length;
    const column = index - module.lastIndexOf("\n", index);
    const wanted = source.indexOf(word);
    expect(original({ line, column })).toEqual({
      line: source.slice(0, wanted).split("\n").length,
      column: wanted - source.lastIndexOf("\n", wanted),
    });
  }
});
