/** Whether a front end should wait for more of a cell. */
import { describe, expect, test } from "bun:test";
import { completeness } from "../cell.ts";
import { cellsOf } from "./session.harness.ts";

describe("is_complete:", () => {
  test.each(
    cellsOf(`
      x │ x; │ x! │ type │ a: 1 │ if (x) a │ \`a\` │ {} │ { a: 1 } │ // comment │ /* comment */ │ const x = 1 // [ │ a⏎// {
      class A {} │ @d class A {} │ f(⏎)⏎ │ function f() {⏎}⏎⏎ │ function f(a: 1): void⏎function f(a: 1) {}
      <b>x</b> │ <b>it's</b> │ <T>x │ <T>{x} │ declare function f(): void │ declare const x: 1 │ export {} │ 1⏎export { x }
    `),
  )("%j is complete", (source) => {
    expect(completeness(source)).toEqual({ status: "complete", indent: "" });
  });

  test.each(["", "  \n", "\r\n", "\uFEFF"])("%j, which is nothing, is complete", (source) => {
    expect(completeness(source).status).toBe("complete");
  });

  test.each(
    cellsOf(`
      \`open │ \`a\${ │ \`a\${b} │ /* open │ 1 + │ a ? │ a ? b : │ x => │ async () => │ foo. │ foo?. │ a, │ a ?? // c │ label:
      if (x) │ if (x) a; else │ for (;;) │ while (1) │ do {} │ do {} while │ switch (x) { case │ switch (x) {⏎case 1:
      try {} │ try {} // c │ try { a │ try {} catch │ try {} finally │ function f() { try {} │ throw │ new │ await │ typeof
      function f │ function f() │ function f(a: number): void; │ function f() { │ export default function f() │ async function
      class A │ class A { │ class A extends │ abstract class │ class A { get │ class A { x = │ @d │ @d()⏎// c⏎ │ export @d
      export │ export default │ export { │ export * │ import │ import { │ import x │ import x from │ import type { │ import * as
      const x = │ const x │ const x // c⏎ │ let │ let {a} │ let {a │ let x: │ let [a, b]⏎ │ using x │ var │ enum E │ enum E {
      type A │ type A = │ interface I │ interface I { │ namespace A │ namespace A { │ declare const │ x as │ x satisfies
      const x: Map<string, │ const f = <T,>( │ foo< │ [1, 2 │ ({ │ { │ { a: 1, b: │ { a: 1,⏎ b: 2 │ { a; b │ { a() │ 'a\\ │ f(\`a
      <div> │ <div │ <div>it's │ <div><b></b> │ <div a=' │ <div>{ │ const x = <div>⏎  two words
    `),
  )("%j is incomplete", (source) => {
    expect(completeness(source).status).toBe("incomplete");
    expect(completeness(`${source}\n`).status).toBe("incomplete");
  });

  test.each(
    cellsOf(`
      ) │ } │ ] │ let x = ;⏎1 │ const 1a = 2 │ const x = 1; const x = 2 │ 'open │ "open⏎ │ /open │ / │ 0x │ x = '\\u{ │ a b │ else
      case 1: │ try {}⏎foo() │ function f() { try {} } │ @d⏎foo() │ function f()⏎foo() │ <div></span> │ const x⏎foo() │ return
      return 1 │ yield │ break │ let x = 1 2⏎{ │ const undefined =⏎1 │ ... │ f(] │ export default⏎) │ const await │ a…b │ 1 = 2
    `),
  )("%j is invalid", (source) => {
    expect(completeness(source)).toEqual({ status: "invalid", indent: "" });
  });

  test.each([
    ["if (x) {", "  "],
    ["if (x) {\n", "  "],
    ["  f(", "    "],
    ["f(a,\n  [", "    "],
    ["f(a,\n  b,", "  "],
    ["f(a,\r\n  b, {\r\n", "    "],
    ["{\n  a\n\n\n", "  "],
    ["const f = () =>", "  "],
    ["switch (x) {\n  case 1:", "    "],
    ["switch (x) {\n  default:", "    "],
    ["switch (x) {\n  case 1:\n    a()", "    "],
    ["f( // why", "  "],
    ["f( /* why */", "  "],
    ["\tf(", "\t  "],
    ["1 +", ""],
    ["/* open {\n   text", "   "],
    ["  `text {", ""],
    ["f(`${", "  "],
  ])("after %j the next line is indented by %j", (source, indent) => {
    expect(completeness(source)).toEqual({ status: "incomplete", indent });
  });
});
