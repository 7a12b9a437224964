import { expect, test } from "bun:test";
import { type Bounds, rightsOf, rulesOf, scopesOf } from "./landlock.ts";

const TREE: Readonly<Record<string, readonly string[]>> = {
  "/": ["etc", "proc", "sandbox", "tmp"],
  "/etc": ["hosts", "secret"],
  "/sandbox": ["code", "node_modules"],
  "/sandbox/code": ["one", "two"],
};
const EXECUTE_AND_READ = 0b101;
const LIST = 0b1000;
const ALL = 0x7fff;

function granted(folders: Partial<Bounds> = {}): Record<string, number> {
  const all = { version: 7, home: "/sandbox/code/one", shared: [], closed: [], ...folders };
  const rules = rulesOf(all, (folder) => TREE[folder] ?? []);
  return Object.fromEntries(rules.map(({ path, rights }) => [path, rights]));
}

test("nothing but the names of what lies beside a worker's folder is granted", () => {
  const { "/dev/null": _, "/dev/zero": __, "/dev/full": ___, ...rest } = granted();
  expect(rest).toEqual({
    "/": LIST,
    "/etc": EXECUTE_AND_READ,
    "/proc": EXECUTE_AND_READ,
    "/tmp": EXECUTE_AND_READ,
    "/sandbox/node_modules": EXECUTE_AND_READ,
    "/sandbox/code/one": ALL,
  });
});

test("folders that are shared may be written by all", () => {
  expect(granted({ shared: ["/tmp"] })["/tmp"]).toBe(ALL);
});

test("what is closed is granted to nobody, and what lies beside it is", () => {
  const { "/etc": folder, "/etc/hosts": other, "/etc/secret": file } = granted({ closed: ["/etc/secret"] });
  expect([folder, other, file]).toEqual([undefined, EXECUTE_AND_READ, undefined]);
});

test.each([
  [1, 0x1fff],
  [2, 0x3fff],
  [3, 0x7fff],
  [7, 0x7fff],
])("version %d knows of the rights %d", (version, rights) => {
  expect(rightsOf(version)).toBe(rights);
});

test("signals are bounded from version 6 on", () => {
  expect([5, 6, 7].map((version) => scopesOf(version) > 0n)).toEqual([false, true, true]);
});
