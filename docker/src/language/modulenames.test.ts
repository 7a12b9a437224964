/** Which modules may stand in an import. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { texts } from "./live.harness.ts";

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
