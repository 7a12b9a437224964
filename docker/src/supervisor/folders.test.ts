/** Which folders are emptied, and that nothing in them can keep them from being emptied. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { empty, foldersToEmpty } from "./folders.ts";

describe("no more folders are emptied than a worker needs:", () => {
  test.each([
    ["none with room enough", [60, 8, 20], 88, []],
    ["the first", [60, 8, 20], 87, ["a"]],
    ["the first two", [60, 8, 20], 27, ["a", "b"]],
    ["not one that holds nothing", [60, 0, 20], 10, ["a", "c"]],
    ["not one before another that is enough", [1, 8, 32], 10, ["c"]],
    ["all where even that is too little", [60, 8, 20], -30, ["a", "b", "c"]],
  ])("%s", (_, sizes, allowed, emptied) => {
    const folders = sizes.map((bytes, at) => ({ path: "abc".charAt(at), bytes }));
    expect(foldersToEmpty(folders, allowed)).toEqual(emptied);
  });
});

describe("a folder is emptied of", () => {
  const root = mkdtempSync(join(tmpdir(), "folders-"));
  const folder = join(root, "full");
  const outside = join(root, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "kept"), "kept");
  const bytes = (...name: number[]): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name)]);

  afterEach(() => rmSync(folder, { recursive: true }));
  afterAll(() => rmSync(root, { recursive: true }));

  test.each([
    [
      "files and folders",
      () => (mkdirSync(`${folder}/a/b`, { recursive: true }), writeFileSync(`${folder}/a/b/c`, "")),
    ],
    ["names of any bytes", () => [0xff, 0xc3, 10, 92].forEach((byte) => mkdirSync(bytes(byte)))],
    [
      "what may not be read",
      () => (mkdirSync(`${folder}/a/b`, { recursive: true }), chmodSync(`${folder}/a`, 0)),
    ],
    ["itself closed", () => (writeFileSync(`${folder}/a`, ""), chmodSync(folder, 0))],
    ["links, and what they lead to stays", () => symlinkSync(outside, `${folder}/a`)],
    ["pipes, without waiting", () => Bun.spawnSync(["mkfifo", `${folder}/a`])],
    ["folders beyond the longest path", nest],
  ])("%s", (_, fill) => {
    mkdirSync(folder);
    fill();
    empty(folder);
    expect(readdirSync(folder)).toEqual([]);
    expect(readFileSync(join(outside, "kept"), "utf8")).toBe("kept");
  });

  test("its content alone: who may write to it stays", () => {
    mkdirSync(folder);
    chmodSync(folder, 0o1777);
    empty(folder);
    expect(existsSync(folder)).toBeTrue();
    expect(statSync(folder).mode & 0o7777).toBe(0o1777);
  });

  /** From the inside out, since no call takes a path that long. */
  function nest(): void {
    mkdirSync(`${folder}/inner`);
    for (let depth = 0; depth < 100; depth++) {
      mkdirSync(`${folder}/outer`);
      renameSync(`${folder}/inner`, `${folder}/outer/${"x".repeat(200)}`);
      renameSync(`${folder}/outer`, `${folder}/inner`);
    }
  }
});
