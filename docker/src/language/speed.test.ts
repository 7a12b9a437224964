/** However much there is of it. */
import { describe, expect, test } from "bun:test";
import { complete } from "./complete.ts";
import { inspect } from "./inspect.ts";
import { names, scope } from "./live.harness.ts";

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
