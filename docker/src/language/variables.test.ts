/** What `%vars` lists. */
import { expect, test } from "bun:test";
import { names, scope } from "./live.harness.ts";
import { variables } from "./variables.ts";

const found = new Map(variables(scope, names).map((variable) => [variable.name, variable]));

test("a variable has its declaration, its kind and a short value", () => {
  expect(found.get("total")).toEqual({
    name: "total",
    declared: "const",
    kind: "number",
    bytes: 8,
    text: "3",
  });
  expect(found.get("add")).toMatchObject({ declared: "function", kind: "function" });
  expect(found.get("Animal")).toMatchObject({ declared: "class", kind: "class Animal" });
});

test("types and what was never given a value are not there", () => {
  expect(found.has("Alias")).toBe(false);
  expect(found.has("ghost")).toBe(false);
});

test("the size of an array and of a buffer is theirs", () => {
  const session = { many: new Uint8Array(1 << 20), text: "abc" };
  const declared = new Map(
    ["many", "text"].map((name) => [name, { kind: "const", source: "", doc: "", cell: "" } as const]),
  );
  const [many, text] = variables(session, declared);
  expect(many?.bytes).toBeGreaterThanOrEqual(1 << 20);
  expect(many?.kind).toBe("Uint8Array(1048576)");
  expect(text?.bytes).toBe(3);
});

test("a long value is cut, and one of many lines is one line", () => {
  const session = { long: "x".repeat(999), deep: Array.from({ length: 99 }, (_, i) => `item ${i}`) };
  const declared = new Map(
    ["long", "deep"].map((name) => [name, { kind: "let", source: "", doc: "", cell: "" } as const]),
  );
  for (const { text } of variables(session, declared)) {
    expect(text.length).toBeLessThanOrEqual(82);
    expect(text).not.toContain("\n");
  }
});

test("nothing of the user's runs", () => {
  let ran = false;
  const trap = () => void (ran = true);
  const session = {
    get lazy() {
      return trap();
    },
    proxy: new Proxy({}, { get: trap, getOwnPropertyDescriptor: () => (trap(), undefined) }),
  };
  const declared = new Map(
    ["lazy", "proxy"].map((name) => [name, { kind: "var", source: "", doc: "", cell: "" } as const]),
  );
  expect(variables(session, declared).map(({ kind }) => kind)).toEqual(["accessor", "Proxy"]);
  expect(ran).toBe(false);
});
