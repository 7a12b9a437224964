import { describe, expect, test } from "bun:test";
import { inspectValue } from "../display.ts";
import { thousands } from "./text.ts";

const range = <Value>(length: number, at: (index: number) => Value) =>
  Array.from({ length }, (_, index) => at(index));
const wide = (levels: number): unknown => {
  let tree: unknown = 1;
  for (let level = 0; level < levels; level++) tree = Array.from({ length: 50 }).fill(tree);
  return tree;
};

describe("text of what is large is short, and there at once", () => {
  test.each<[name: string, value: unknown, has: string]>([
    ["a long text", "x".repeat(1e8), "\n… 99,868,928 more characters"],
    ["a long text inside", { a: ["x".repeat(1e8)] }, '"… 99,990,000 more characters'],
    ["a wide array", range(1e6, (n) => ({ n })), "... 999900 more items"],
    [
      "a wide array with a long text",
      [...range(200, (n) => n), "x"].fill("y".repeat(1e5), 0, 1),
      "... 101 more items",
    ],
    ["a typed array", new Float64Array(1e7), "Float64Array(10000000)"],
    ["a buffer", new ArrayBuffer(1e8), "ArrayBuffer(100000000)"],
    ["a map", new Map(range(1e5, (n) => [n, { n }])), "Map(100000) {\n  0: {\n"],
    ["a map's end", new Map(range(1e5, (n) => [n, n])), "  999: 999,\n  …: 99,000 more entries,\n}"],
    ["a set", new Set(range(1e5, (n) => n)), "  999,\n  … 99,000 more entries,\n}"],
    ["a map inside", [new Map(range(1e5, (n) => [n, n]))], "    …: 99,000 more entries,\n  }\n]"],
    ["a tree that is one array 50 times, 20 times over", wide(20), "[Array ...]"],
    ["a deep tree", range(1e5, (n) => n).reduce<unknown>((inner) => ({ inner }), 1), "[Object ...]"],
    ["brackets", "[".repeat(1e7), "more characters"],
    ["an error", new Error("x".repeat(1e7)), "more characters"],
  ])("%s", (_, value, has) => {
    const start = performance.now();
    const text = inspectValue(value, false);
    expect(performance.now() - start).toBeLessThan(100);
    expect(text).toContain(has);
    expect(text.length).toBeLessThan(132_000);
  });

  test("an object of a million properties", () => {
    const value = Object.fromEntries(range(1e6, (n) => [`key${n}`, n]));
    const start = performance.now();
    expect(inspectValue(value, false)).toEndWith('  key999: 999,\n  "…": 999,000 more properties,\n}');
    expect(performance.now() - start).toBeLessThan(500);
  });

  test("keeps classes, getters and circles in what it cuts", () => {
    class Node {
      readonly text = "x".repeat(20_000);
      readonly self = this;
      readonly list = new Map([["me", this]]);
      get size(): number {
        return 1;
      }
    }
    const text = inspectValue(new Node(), false);
    expect(text).toStartWith('Node {\n  text: "xxx');
    expect(text).toEndWith(
      '"… 10,000 more characters,\n  self: [Circular],\n  list: Map(1) {\n    "me": [Circular],\n  },\n  size: [Getter],\n}',
    );
  });
});

test("errors inside a value tell where they come from, without the source around it", () => {
  const text = inspectValue(
    { reason: new TypeError("bad") },
    false,
    (error) => `${error.message}\n  at cell`,
  );
  expect(text).toBe("{\n  reason: bad\n    at cell,\n}");
});

test.each([
  [0, "0"],
  [999, "999"],
  [1000, "1,000"],
  [1234567, "1,234,567"],
])("%d reads %s", (count, text) => {
  expect(thousands(count)).toBe(text);
});
