/** What a cell declares, as those read it who ask about its names. */
import { describe, expect, test } from "bun:test";
import { declarations } from "./declarations.ts";
import { names } from "./live.harness.ts";

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
