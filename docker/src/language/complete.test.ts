import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { complete } from "./complete.ts";
import { declarations, inspect } from "./inspect.ts";

const CELL = `
/** The running total. */
const total: number = 3, other = 4
/**
 * Adds two numbers.
 * @param a the first
 */
export function add(a: number, b = 1): { sum: number } { return { sum: a + b } }
function over(a: string): string
function over(a: any) { return a }
const arrow = async <T,>(value: T, done?: () => void): Promise<T> => value
let made = makeOf(1)
class Animal { legs = 4; constructor(readonly name: string, age = 1) {} speak() {} #secret = 1 }
class Dog extends Animal { fetch(what: string) {} }
enum Color { Red }
namespace Shape { export const sides = 3 }
import fs, { readFileSync as readIt } from "node:fs"
var { left, inner: [right = 1, ...rest], ...more } = table
declare const ghost: string
type Alias = string
`;
const names = declarations(CELL, "Cell [3]");

class Animal {
  legs = 4;
  speak() {}
}
class Dog extends Animal {
  fetch(_what: string) {}
}
const bare = (properties: object): object => Object.assign(Object.create(null) as object, properties);
const seven = bare({
  first: 1,
  second: { deep: 1 },
  "with space": 2,
  it: "it",
  "it's": 3,
  'say "hi"': 4,
  ünï: 5,
});

const scope = Object.assign(Object.create(globalThis) as Record<string, unknown>, {
  total: 3,
  add: (a: number, b = 1) => a + b,
  arrow: async (value: unknown) => value,
  made: (x: number, y: number) => x + y,
  Animal,
  Dog,
  Color: { Red: 0 },
  rex: new Dog(),
  seven,
  list: [1, { name: "x", tail: 2 }],
  index: 1,
  key: "second",
  promise: Promise.resolve(bare({ settled: 1 })),
  table: new Map<unknown, unknown>([
    ["a", 1],
    [{ b: 2 }, [3]],
  ]),
  pending: new Promise(() => {}),
  casing: bare({ aBc: 1, xabc: 2, ABc: 3, abc: 4 }),
  nothing: null,
  proxy: new Proxy({ hidden: 1 }, {}),
  accessor: bare(Object.defineProperty({}, "lazy", { get: () => ({ inside: 1 }), enumerable: true })),
});
Object.defineProperty(scope["accessor"], "lazy", { get: () => ({ inside: 1 }), enumerable: true });

/** The bar in the text is the cursor. */
const cut = (text: string): [code: string, cursor: number] => [text.replace("|", ""), text.indexOf("|")];
const completed = (text: string) => complete(...cut(text), scope, names);
const texts = (text: string): string[] => completed(text).matches.map((match) => match.text);

describe("completion", () => {
  const SEVEN = "first second it ünï";
  // The first matches in their order; a `.` at the end says that these are all.
  test.each([
    // members
    ["seven.|", `${SEVEN} .`],
    ["seven.f|", "first ."],
    ["seven?.sec|", "second ."],
    ["seven.second.|", "deep ."],
    ["seven . second\n  .de|", "deep ."],
    ["seven!.second!.d|", "deep ."],
    ["seven['second'].|", "deep ."],
    ["seven[key].|", "deep ."],
    ["seven?.['second']?.|", "deep ."],
    ["list[1].|", "name tail"],
    ["list[index].ta|", "tail ."],
    ["list[unknown].|", "."],
    ["list[index + 1].|", "."],
    ["(seven).f|", "first ."],
    ["((seven.second)).|", "deep ."],
    ["(await promise).|", "settled ."],
    ["(await pending).|", "."],
    ["(await seven).fir|", "first ."],
    ["await seven.second.|", "deep ."],
    ["await promise.fin|", "finally ."],
    ["typeof seven.fir|", "first ."],
    ["x = !seven.fir|", "first ."],
    ["rex.|", "legs constructor fetch speak"],
    ["new Dog().|", "constructor fetch speak"],
    ["new Dog.|", "length name prototype"],
    ["(new Dog).fe|", "fetch ."],
    ["new Map<string, number[]>().for|", "forEach ."],
    ["new seven.second().|", "."],
    ['"text".spl|', "split ."],
    ['"text".len|', "length ."],
    ["'a' + `t`.sli|", "slice ."],
    ["`${seven.first} and`.sli|", "slice ."],
    ["[1, 2].flatM|", "flatMap ."],
    ["(123).toF|", "toFixed ."],
    ["1.5.toF|", "toFixed ."],
    ["10n.toL|", "toLocaleString ."],
    ["/[/]re\\//gi.exe|", "exec ."],
    ["true.valueO|", "valueOf ."],
    ["this.rex.le|", "legs ."],
    ["globalThis.Math.flo|", "floor ."],
    ["self.Math.flo|", "floor ."],
    ["Math.PI.toFi|", "toFixed ."],
    ["Bun.peek.sta|", "status ."],
    ["process.env.PAT|", "PATH"],
    ["total.toFi|", "toFixed ."],
    ["add(1).|", "."],
    ["seven.first().|", "."],
    ["seven`x`.|", "."],
    ["nothing.|", "."],
    ["unknown.|", "."],
    ["proxy.|", "."],
    ["accessor.|", "lazy ."],
    ["accessor.lazy.|", "."],
    ["rex.#|", "."],
    ["rex.#se|", "."],
    ["12.|", "."],
    ["12|", "."],
    ["12ab|", "."],
    ["...seven.fi|", "first ."],
    ["[...|", "total"],
    ["x ? seven.fi| : 1", "first ."],
    ["a / seven.fi|", "first ."],
    ["f(a) / b / seven.fi|", "first ."],
    ["<p>{seven.fi|}</p>", "first ."],
    ["<p></p>; seven.fi|", "first ."],
    ["class Dog { run() { this.fet|", "fetch ."],
    ["class Unknown { run() { this.|", "."],
    // between brackets
    ['seven["|', `first second with\\_space it it's say\\_\\\\"hi\\\\" ünï .`],
    ['seven["w|', "with\\_space ."],
    ["seven['it|", "it it\\\\'s with\\_space ."],
    ["seven?.['se|", "second ."],
    ["seven['second']['|", "deep ."],
    ["list['|", "length"],
    ["['fir|", "."],
    ["x = ['fir|", "."],
    // ranks
    ["casing.ab|", "abc aBc ABc xabc ."],
    ["casing.AB|", "ABc aBc abc xabc ."],
    // names
    ["tot|", "total ."],
    ["x = tot|", "total ."],
    ["|", "total other add over arrow made Animal Dog Color Shape fs readIt left right rest more"],
    ["ad|", "add addEventListener"],
    ["const fresh = 1\nfres|", "fresh ."],
    ["function fresher() { fresh|", "fresher ."],
    ["instanc|", "instanceof ."],
    ["tota|l", "total ."],
    ["😀; tota|", "total ."],
    ["`${tota|", "total ."],
    ["`a ${ {b: `${1}`} } ${tota|", "total ."],
    ["f(tota|)", "total ."],
    ["{ a: tota|", "total ."],
    ["x = { tota|", "total ."],
    ["x = { Mat|", "."],
    ["x = { a: Mat|", "Math ."],
    ["if (x) { Mat|", "Math ."],
    ["() => { Mat|", "Math ."],
    ["class X { y = Mat|", "Math ."],
    ["const { a = Mat|", "Math ."],
    // new names
    ["const tot|", "."],
    ["let tot|", "."],
    ["const a = 1, tot|", "."],
    ["const { tot|", "."],
    ["const [a, tot|", "."],
    ["function tot|", "."],
    ["function* tot|", "."],
    ["function f(tot|", "."],
    ["function f(a, tot|", "."],
    ["catch (tot|", "."],
    ["class Ani|", "."],
    ["class X { tot|", "."],
    ["class X { static async tot|", "."],
    ["interface Ani|", "."],
    ["import tot|", "."],
    ["import * as tot|", "."],
    // exports
    ['import { readFileS| } from "node:fs"', "readFileSync ."],
    ['import fs, { a, readFileS| } from "fs"', "readFileSync ."],
    ['import { readFileS| } from "./unknown"', "."],
    ["import { readFileS|", "."],
    // no code
    ["'tot|", "."],
    ["'seven.f|", "."],
    ["x = 'a' + 'tot|", "."],
    ["`tot|", "."],
    ["`${1} tot|", "."],
    ["// tot|", "."],
    ["/* tot|", "."],
    ["/tot|", "."],
    ["x = /[/] tot|", "."],
    ["// tot\ntota|", "total ."],
    ["/* ' */ tota|", "total ."],
    ["'it\\'s' + tota|", "total ."],
    ["'broken\ntota|", "total ."],
    ["%time tot|", "."],
    ["x\n  %tot|", "."],
    ["%time\ntota|", "total ."],
    ["x = 5\n% tota|", "."],
    ["x % tota|", "total ."],
  ])("%s", (text, expected) => {
    const wanted = expected.split(" ").map((word) => word.replaceAll("\\_", " ").replaceAll("\\\\", "\\"));
    const found = texts(text);
    if (wanted.at(-1) !== ".") return expect(found.slice(0, wanted.length)).toEqual(wanted);
    const members = found.filter((name) => !(name in Object.prototype) || wanted.includes(name));
    return expect(members).toEqual(wanted.slice(0, -1));
  });

  test.each([
    ["seven.fir|st", 6, 9],
    ["😀😀 + tot|", 7, 10],
    ["seven.|", 6, 6],
    ["seven['sec|']", 7, 10],
    ['import "node:f|"', 8, 14],
    ["'a|", 1, 2],
    ["// a|", 4, 4],
    ["|", 0, 0],
  ])("replaces what is before the cursor: %s", (text, start, end) => {
    expect(completed(text)).toMatchObject({ start, end });
  });

  test.each([
    ["total|", "instance", ""],
    ["add|", "function", "(a: number, b = 1): { sum: number }"],
    ["over|", "function", ""],
    ["arrow|", "function", "(value: T, done?: () => void): Promise<T>"],
    ["made|", "function", "(x, y)"],
    ["Animal|", "class", "(readonly name: string, age = 1)"],
    ["Shape|", "module", ""],
    ["Math|", "module", ""],
    ["Color|", "class", ""],
    ["parseInt|", "function", ""],
    ["URLSearchParams|", "class", ""],
    ["rex.legs|", "property", ""],
    ["rex.fetch|", "function", "(_what)"],
    ["satisfies|", "keyword", ""],
    ["accessor.lazy|", "property", ""],
  ])("tells what it is: %s", (text, kind, signature) => {
    expect(completed(text).matches[0]).toEqual({
      text: text.replace(/.*\.|\|/g, "").replace("|", ""),
      kind,
      signature,
    });
  });

  test("keeps what every object has for the end, and names nothing twice", () => {
    const found = texts("rex.|");
    expect(found.slice(0, 4)).toEqual(["legs", "constructor", "fetch", "speak"]);
    expect(found.slice(4)).toEqual(
      Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== "constructor"),
    );
  });

  test.each([-5, 99, Number.NaN, Infinity, 1.5])("takes any cursor: %d", (cursor) => {
    const { start, end } = complete("seven.first", cursor, scope, names);
    expect(start).toBeGreaterThanOrEqual(0);
    expect(end).toBeLessThanOrEqual(11);
  });
});

describe("completion of modules", () => {
  const before = process.cwd();
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "complete-"));
    for (const name of [
      "inner/deeper",
      "node_modules/left-pad",
      "node_modules/@scope/one",
      "node_modules/.bin",
    ])
      mkdirSync(join(folder, name), { recursive: true });
    for (const name of ["data.json", "tool.ts", ".hidden", "inner/part.ts"])
      writeFileSync(join(folder, name), "");
    process.chdir(join(folder, "inner"));
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  test.each([
    ['import x from "left|"', "left-pad ."],
    ["import '@sc|", "@scope/one ."],
    ["import('lef|", "left-pad ."],
    ["await import('node:sqli|", "node:sqlite ."],
    ["require('bun:ff|", "bun:ffi ."],
    ["export * from 'sqlit|", "bun:sqlite node:sqlite ."],
    ["export { a } from 'fs/p|", "node:fs/promises ."],
    ["import x from '.|", "./ ../ ."],
    ["import x from './|", "./deeper/ ./part.ts ."],
    ["import x from '../|", "../data.json ../inner/ ../node_modules/ ../tool.ts ."],
    ["import x from '../to|", "../tool.ts ."],
    ["import x from './none/|", "."],
    ["console.log('lef|", "."],
    ["x.from['lef|", "."],
    ["import x from `lef|", "."],
  ])("%s", (text, expected) => {
    expect(texts(text).toSorted()).toEqual(expected.split(" ").slice(0, -1).toSorted());
  });
});

describe("declarations", () => {
  test("finds what a cell declares, as it was written", () => {
    expect([...names].map(([name, { kind, source }]) => [name, kind, source.slice(0, 30)])).toEqual([
      ["total", "const", "const total: number = 3"],
      ["other", "const", "const other = 4"],
      ["add", "function", "export function add(a: number,"],
      ["over", "function", "function over(a: string): stri"],
      ["arrow", "const", "const arrow = async <T,>(value"],
      ["made", "let", "let made = makeOf(1)"],
      ["Animal", "class", "class Animal { legs = 4; const"],
      ["Dog", "class", "class Dog extends Animal { fet"],
      ["Color", "enum", "enum Color { Red }"],
      ["Shape", "namespace", "namespace Shape { export const"],
      ["fs", "import", "import fs, { readFileSync as r"],
      ["readIt", "import", "import fs, { readFileSync as r"],
      ["left", "var", "var { left, inner: [right = 1,"],
      ["right", "var", "var { left, inner: [right = 1,"],
      ["rest", "var", "var { left, inner: [right = 1,"],
      ["more", "var", "var { left, inner: [right = 1,"],
    ]);
  });

  test.each([
    ["/** One. */ const a = 1", "One."],
    ["/**\n * One.\n *\n *   Two.\n * @x y\n */\nexport const a = 1", "One.\n\n  Two.\n@x y"],
    ["/* no */ const a = 1", ""],
    ["/** before */\n// more\nfunction a() {}", "before"],
    ["const b = 0, /** Late. */ a = 1", "Late."],
    ["/** First. */ function a(x: 1): 1;\nfunction a(x: any) {}", "First."],
  ])("reads its comment: %s", (code, doc) => {
    expect(declarations(code, "Cell [1]").get("a")?.doc).toBe(doc);
  });

  test.each(["", "const", "const a = ", "}{", "<div>", "const x = <T>y; let z = 1", "\u0000", "😀"])(
    "reads %j",
    (code) => {
      expect(declarations(code, "Cell [1]")).toBeInstanceOf(Map);
    },
  );
});

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

/** The global object of another context, which asks the object behind it. */
const foreign = (behind: object): unknown => runInContext("this", createContext(behind));

describe("nothing of the user's runs", () => {
  let ran = "";
  const { Error: OriginalError } = globalThis;
  /** A function that is never to be called; the note is taken without anything that a test replaces. */
  const note = (what: string) => (): never => {
    ran += `${what} `;
    throw new OriginalError(what);
  };
  beforeEach(() => void (ran = ""));

  const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, note(name)]));
  const spy = <Value extends object>(value: Value, ...keys: PropertyKey[]): Value => {
    for (const key of keys)
      Object.defineProperty(value, key, { get: note(String(key)), configurable: true, enumerable: true });
    return value;
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const INSPECT = Symbol.for("nodejs.util.inspect.custom");
  const hostile: Record<string, unknown> = {
    getter: spy(
      {},
      "value",
      "constructor",
      "then",
      "length",
      "size",
      "name",
      Symbol.toStringTag,
      Symbol.iterator,
    ),
    endless: {
      get value(): never {
        ran += "endless ";
        for (;;);
      },
    },
    proxy: new Proxy({}, traps),
    callable: new Proxy(() => 1, traps),
    revoked: revoked.proxy,
    child: Object.create(new Proxy({}, traps)),
    own: { value: 1, [INSPECT]: note("inspect"), toString: note("toString"), toJSON: note("toJSON") },
    map: spy(new Map([[new Proxy({}, traps), spy({}, "a")]]), "size", Symbol.iterator, "entries"),
    set: spy(new Set([new Proxy([], traps)]), "size", Symbol.iterator),
    array: spy([1, 2], "1", "value", Symbol.iterator, "map"),
    error: spy(new TypeError("x"), "message", "name", "cause", "toString"),
    promise: spy(Promise.resolve(1), "then", "constructor"),
    date: spy(new Date(0), "toISOString", "toJSON", Symbol.toPrimitive),
    regex: spy(/x/g, "flags", "source", "global", "exec"),
    bytes: spy(new Uint8Array(4), "length", "constructor"),
    code: spy(() => 1, "name", "length", "toString", "prototype", "constructor"),
    maker: spy(class extends Animal {}, "name", "value", Symbol.hasInstance),
    foreign: foreign(new Proxy({}, { getOwnPropertyDescriptor: note("foreign") })),
    context: foreign(spy({}, "value")),
  };
  hostile["all"] = { ...hostile };

  test.each(Object.keys(hostile))("by a value: %s", (name) => {
    const forms = [
      "_",
      "_.",
      "_.value",
      "_.value.",
      '_["',
      "_[0].",
      "_.value['",
      "new _().",
      "(await _).",
      "_(",
    ];
    for (const form of forms) {
      const code = form.replace("_", name);
      complete(code, code.length, hostile, names);
      inspect(code, code.length, true, hostile, names, true);
    }
    expect(ran).toBe("");
  });

  test("by an error's frames", () => {
    const before = Reflect.get(Error, "prepareStackTrace") as unknown;
    const value = Object.assign(new Error("x"), { code: 7 });
    Reflect.set(Error, "prepareStackTrace", note("prepareStackTrace"));
    const found = complete("value.", 6, { value }, names).matches.map(({ text }) => text);
    const frames = inspect("value.stack", 11, true, { value }, names, false);
    Reflect.set(Error, "prepareStackTrace", before);
    expect(ran).toBe("");
    expect(found).toContain("code");
    expect(frames).toEqual({ data: {} });
  });

  test("by what stands in the place of the language's own", () => {
    const code = `${CELL}\nconst fresh = (a = /x/) => { seven["second"] + '' + \`\${1}\`; `;
    const ends =
      "seven.|seven['second'].|new Dog().|(await promise).|tot||import '|import './|x = {|rex.fetch(|table";
    const asked = [...ends.split("|").map((end) => code + end), 'import { re} from "node:fs"'];
    const answer = (into: ReturnType<typeof inspect>[], best: string[]): void => {
      for (let i = 0; i < asked.length; i++) {
        const text = asked[i] as string;
        const cursor = i === asked.length - 1 ? 11 : text.length;
        best[i] = complete(text, cursor, scope, names).matches[0]?.text ?? "";
        into[i] = inspect(text, cursor, true, scope, names, false);
      }
    };
    const list = () => asked.map(() => ({ data: {} }));
    const [before, after, bestBefore, bestAfter] = [list(), list(), asked.map(String), asked.map(String)];
    const { defineProperty: define, deleteProperty: remove } = Reflect;
    const plan = replacements(note);
    answer(before, bestBefore);
    for (let i = 0; i < plan.length; i++)
      define(plan[i]?.holder as object, plan[i]?.key as string, plan[i]?.now as object);
    try {
      answer(after, bestAfter);
    } finally {
      for (let i = plan.length - 1; i >= 0; i--) {
        const { holder, key, old } = plan[i] as Replacement;
        if (old === undefined) remove(holder, key);
        else define(holder, key, old);
      }
    }
    expect(ran).toBe("");
    expect(plan.length).toBeGreaterThan(300);
    expect(bestAfter).toEqual(bestBefore);
    expect(bestAfter).toContain("read");
    expect(after).toEqual(before);
  });
});

type Replacement = {
  readonly holder: object;
  readonly key: PropertyKey;
  readonly now: PropertyDescriptor;
  readonly old: PropertyDescriptor | undefined;
};

/** Inherits nothing, since Object.prototype is replaced as well. */
const alone = <Of extends object>(of: Of): Of => Object.setPrototypeOf({ ...of }, null) as Of;

/** Everything of the language's own that a cell can replace, as far as it can be put back. */
function replacements(note: (what: string) => () => never): Replacement[] {
  const plan: Replacement[] = [];
  const replace = (holder: object, key: PropertyKey, descriptor: PropertyDescriptor) => {
    const own = Object.getOwnPropertyDescriptor(holder, key);
    const old = own === undefined ? undefined : alone(own);
    plan.push({ holder, key, now: alone({ ...descriptor, configurable: true }), old });
  };
  const iterators = [[].values(), new Map().values(), new Set().values()].map(
    (of) => Object.getPrototypeOf(of) as object,
  );
  const prototypes = [Array, String, Map, Set, RegExp, Function, Date, Promise, Symbol, Object].map(
    (of) => of.prototype as object,
  );
  for (const holder of [...prototypes, ...iterators, Object, Reflect, Array, JSON, Math])
    for (const key of Reflect.ownKeys(holder)) {
      const own = Object.getOwnPropertyDescriptor(holder, key);
      if (own?.configurable !== true || key === "constructor" || key === "__proto__") continue;
      if (typeof own.value === "function") replace(holder, key, { value: note(String(key)) });
      else if (own.get !== undefined) replace(holder, key, { get: note(`get ${String(key)}`) });
    }
  const [get, set] = [note("get"), note("set")];
  for (const key of [
    "get",
    "set",
    "value",
    "writable",
    "enumerable",
    "text",
    "kind",
    "open",
    "key",
    "encoding",
    "index",
  ])
    replace(Object.prototype, key, { get, set });
  for (const key of ["0", "1", "7"]) replace(Array.prototype, key, { get, set });
  for (const key of [
    "Set",
    "Map",
    "Error",
    "process",
    "Array",
    "Object",
    "Reflect",
    "String",
    "JSON",
    "Symbol",
  ])
    replace(globalThis, key, { get: note(`global ${key}`) });
  replace(process, "cwd", { value: note("cwd") });
  replace(process, "getBuiltinModule", { value: note("getBuiltinModule") });
  replace(Bun, "peek", { value: note("peek") });
  return plan;
}

function within(milliseconds: number, body: () => unknown): void {
  const start = performance.now();
  body();
  expect(performance.now() - start).toBeLessThan(milliseconds);
}

describe("no text and no value takes long", () => {
  const big: Record<string, number> = {};
  const indexed: Record<number, number> = {};
  const functions: Record<string, unknown> = {};
  for (let i = 0; i < 1_000_000; i++) big[`key${i}`] = indexed[i] = i;
  for (let i = 0; i < 2_000; i++) functions[`f${i}`] = (a: number) => a;
  const values = {
    big,
    indexed,
    functions,
    sparse: Object.assign([], { 4_000_000_000: 1 }),
    array: Array.from({ length: 1_000_000 }),
    bytes: new Uint8Array(10_000_000),
    text: "x".repeat(10_000_000),
    map: new Map(Object.entries(big)),
  };
  test.each(Object.keys(values))("of %s", (name) => {
    within(3000, () => {
      for (const code of [`${name}.`, `${name}.zzz`, `${name}["9`]) {
        expect(complete(code, code.length, values, names).matches.length).toBeLessThanOrEqual(1000);
        inspect(code, code.length, true, values, names, true);
      }
      expect(String(inspect(name, 1, true, values, names, false).data["text/plain"]).length).toBeLessThan(
        3000,
      );
    });
  });

  test.each([
    "(",
    "[",
    "{",
    ")",
    "a.",
    "a(",
    "`${",
    '"\\',
    "/*",
    "//",
    "/",
    "a<",
    "class A {",
    "😀",
    "import {",
    "🙂.",
    "\ud83d",
  ])("of many %j", (part) => {
    const code = part.repeat(50_000);
    within(3000, () => {
      for (const end of ["", ".", ")", "]"]) {
        complete(code + end, code.length + 1, scope, names);
        inspect(code + end, code.length + 1, true, scope, names, false);
      }
    });
  });

  test("of many brackets that do not belong together", () => {
    const code = "(".repeat(50_000) + "]".repeat(50_000);
    within(3000, () => complete(code, code.length, scope, names));
    within(3000, () => complete(`${code}}`.repeat(2), code.length, scope, names));
  });
});
