/** What a cell becomes, and what it may not be. The tests next to this one run cells. */
import { describe, expect, test } from "bun:test";
import { CellSyntaxError, completeness, prepare } from "./cell.ts";

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
    throw error;
  }
  throw new Error("it parsed");
}

describe("declarations become assignments to globals", () => {
  test.each([
    ["const x: number = 1", ';(x = 1);__cell.constant("x");', ["x"]],
    ["let a, b = 2;", ";(a = undefined, b = 2);", ["a", "b"]],
    ["var v;", ";(v);", ["v"]],
    ["let w!: string;", ";(w = undefined);", ["w"]],
    ["let {a, b: [c = 1, ...d], ...e}: any = o", ";({a, b: [c = 1, ...d], ...e} = o);", ["a", "c", "d", "e"]],
    ["function f<T>(x: T) {}", ";f = function <T>(x: T) {}; ;", ["f"]],
    ["async function* g() {}", ";g = async function* () {}; ;", ["g"]],
    ["class A<T> extends B {}", ";A = class A<T> extends B {};", ["A"]],
    ["abstract class A {}", ";A =  class A {};", ["A"]],
    ["enum E { A }", ';E = (() => {enum E { A }return E;})();__cell.constant("E");', ["E"]],
    [
      "namespace N { export const x = 1 }",
      ';N = {};((__cell_namespace) => {  const x = 1;__cell_namespace.x = x;  })(N);__cell.constant("N");',
      ["N"],
    ],
    ["if (a) var x = 1", "if (a) {;(x = 1);}", ["x"]],
    ["for (var [a]: any of b);", "for ([a] of b);", ["a"]],
    ["using x = y", "using x = y", []],
    ["declare const x: number, y: 1;", ";", []],
    ["interface I { a: number } type T = 1", "; ;", []],
  ])("%s", (source, expected, names) => {
    expect(body(source)).toBe(expected);
    expect(prepare(source).names).toEqual(names);
  });
});

test("imports stay static and become constants under their own names", () => {
  const { module, names } = prepare('import d, { a as b, type T } from "m" with { type: "json" }');
  expect(module).toBe(
    'import {default as __cell_import_d, a as __cell_import_b} from "m" with { type: "json" };export default async (__cell) => {' +
      'd = __cell_import_d;__cell.constant("d");b = __cell_import_b;__cell.constant("b");\n;\n}',
  );
  expect(names).toEqual(["d", "b"]);
});

test("our own names give way to the cell's", () => {
  expect(prepare("const __cell = 1").module).toBe(
    'export default async (__cell_) => {\n;(__cell = 1);__cell_.constant("__cell");\n}',
  );
});

test.each([
  ["<number>x", "ts"],
  ["const f = <T>(x: T) => x", "ts"],
  ["const f = <T,>(x: T) => x", "tsx"],
  ["<b>x</b>", "tsx"],
  ["{ a: <b/> }", "tsx"],
  ["{ a: <number>x }", "ts"],
  ["a < b > c", "tsx"],
])("casts with angle brackets are TypeScript, elements are TSX: %s", (source, loader) => {
  expect(prepare(source).loader).toBe(loader as "ts" | "tsx");
});

describe("a cell that is not TypeScript is refused with reason, line and column:", () => {
  test.each([
    ["const a = 1;\nlet y: number = ;", "Unexpected token", 2, 17],
    ["const a = 1;\r\n\tlet y = ;\r\n", "Unexpected token", 2, 10],
    ['const s = "🥟", y = ;', "Unexpected token", 1, 21],
    ["\u2028let y = ;", "Unexpected token", 1, 10],
    ["{ a: 1,\n b: }", "Unexpected token", 2, 5],
    ["{ const x = 1;\n x = ) }", "Unexpected token", 2, 6],
    ["foo(", "Unexpected end of the cell", 1, 5],
    ["foo(1", 'Unexpected end of the cell, expected ","', 1, 6],
    ["const x = 1; let x = 2", "Identifier 'x' has already been declared.", 1, 18],
    ["1\nreturn 1", "'return' outside of function.", 2, 1],
    ["const undefined = 1", "Declaration name conflicts with built-in global identifier 'undefined'.", 1, 7],
    ["function NaN() {}", "Declaration name conflicts with built-in global identifier 'NaN'.", 1, 10],
    [
      "var { a: [globalThis] } = x",
      "Declaration name conflicts with built-in global identifier 'globalThis'.",
      1,
      11,
    ],
    ['import Bun from "bun"', "Declaration name conflicts with built-in global identifier 'Bun'.", 1, 8],
    ["let await = 1", "Unexpected reserved word 'await'.", 1, 5],
    ["const eval = 1", "Binding 'eval' in strict mode.", 1, 7],
    ["const let = 1", "Unexpected reserved word 'let'.", 1, 7],
    ["function f() { await 1 }", "Unexpected reserved word 'await'.", 1, 16],
    [
      "function f(): void\nf()",
      "Function implementation is missing or not immediately following the declaration.",
      1,
      19,
    ],
    ["<b>\n</i>", "Expected corresponding JSX closing tag for <b>.", 2, 1],
    ["let x = 'open", "Unterminated string constant.", 1, 9],
  ])("%j", (source, message, line, column) => {
    const error = fault(source);
    expect(error.message).toBe(message);
    expect(error.position).toEqual({ line, column });
  });
});

function soon(run: () => void): void {
  const start = performance.now();
  run();
  expect(performance.now() - start).toBeLessThan(4_000);
}

describe("hostile cells are refused or prepared, soon:", () => {
  const deep = 100_000;

  test.each([
    ["parentheses", "(".repeat(deep)],
    ["brackets", `${"[".repeat(deep)}${"]".repeat(deep)}`],
    ["blocks", "{".repeat(deep)],
    ["objects", "{a:".repeat(deep)],
    ["functions", "(()=>{".repeat(deep)],
    ["types", `let x: ${"A<".repeat(deep)}`],
    ["elements", "<a>".repeat(deep)],
    ["branches", `${"if(a)".repeat(deep)};`],
    ["namespaces", "namespace N {".repeat(deep)],
  ])("deep %s", (_, source) => {
    soon(() => expect(fault(source).message).toBe("The code is too deeply nested."));
    soon(() => expect(completeness(source).status).toBe("invalid"));
  });

  test.each([
    ["sum", `const x = ${"a+".repeat(1 << 19)}a`],
    ["string", `let x: string = "${"a".repeat(1 << 20)}"\nx`],
    ["list", `{ a: [${"1,".repeat(1 << 19)}] }`],
    ["text of comments", `${"/**/".repeat(1 << 14)}{ a: 1 }`],
    ["text of statements", "var a = 1; if (a) var b = 2\n".repeat(1 << 15)],
    ["import with its uses", `import { T } from "m"; let x: T\n${"x = 1\n".repeat(1 << 16)}`],
  ])("long %s", (_, source) => {
    soon(() => void prepare(source).original({ line: 2, column: 5 }));
  });

  test.each([
    ["comments behind an error", `(${"/**/".repeat(1 << 16)}`],
    ["white space behind an error", `(${" \n".repeat(1 << 19)}`],
    ["strings that never end", "'".repeat(1) + "a".repeat(1 << 20)],
  ])("%s", (_, source) => {
    soon(() => expect(fault(source)).toBeInstanceOf(CellSyntaxError));
  });
});
