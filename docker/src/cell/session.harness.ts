/**
 * For tests: cells as a session runs them, one after another, and tables of literal sources and what comes of them.
 *
 * A row is `law: cell ▸ next cell → value of the last`; `⏎` and `␍` in a cell are line ends. The value is TypeScript
 * too, or `nothing`. Lines that are indented further belong to the row above.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { plugin } from "bun";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cell, prepare } from "../cell.ts";

const FILES = {
  "m.ts":
    "export const a = 1, b = 2; export default 5; export type T = 1; export class K {}; export { a as 'x-y' }",
  "types.ts": "export default interface I {}",
  "effect.ts": "globalThis.effect = 1",
  "side.ts": "globalThis.effects = 1; export const s = 1",
  "other.ts": "globalThis.effects = 7; export const s = 1",
  "data.json": '{ "answer": 42 }',
  "common.cjs": "exports.c = 3",
};
const folder = join(tmpdir(), `cells-${process.pid}`);

/** For each file of tests: what its cells import. */
export function withFiles(): void {
  beforeAll(() => {
    mkdirSync(folder);
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
}

const modules: Cell[] = [];
plugin({
  name: "tested cells",
  setup(build) {
    build.onResolve({ filter: /^tested:/ }, ({ path }) => ({
      path: path.slice("tested:".length),
      namespace: "tested",
    }));
    build.onResolve({ filter: /^\.\// }, ({ path, importer }) =>
      /^\/?tested:/.test(importer) ? { path: join(folder, path) } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "tested" }, ({ path }) => {
      const { module: contents, loader } = modules[Number(path)] ?? { module: "", loader: "ts" };
      return { contents, loader };
    });
  },
});

const replaced = new Map<string, PropertyDescriptor | undefined>();

/** Runs a body, and takes back what it has declared. */
export async function inNewSession(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } finally {
    Reflect.deleteProperty(globalThis, "stopped");
    for (const [name, property] of replaced)
      if (property === undefined) Reflect.deleteProperty(globalThis, name);
      else Object.defineProperty(globalThis, name, property);
    replaced.clear();
  }
}

/** What the worker does before a cell: each name is a variable, and keeps its value. */
function declare(name: string): void {
  const present = Object.getOwnPropertyDescriptor(globalThis, name);
  if (!replaced.has(name)) replaced.set(name, present);
  const value: unknown = present?.value;
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
}
export const NOTHING = Symbol("no value");
let shown: unknown;
const bindings = {
  constant(...names: string[]): void {
    for (const name of names) Object.defineProperty(globalThis, name, { writable: false });
  },
  /** An interrupted cell does not come back from an await; here it is one that has set `stopped`. */
  meta: {
    dirname: folder,
    filename: `${folder}/cell.ts`,
    require: createRequire(`${folder}/cell.ts`),
    dir: folder,
  },
  resumed<T>(value: T): T {
    if (Reflect.get(globalThis, "stopped") === true) throw new Error("stopped");
    return value;
  },
  value: (value: unknown) => void (shown = value),
};

/** Runs cells, and returns the value of the last. */
export async function run(cells: readonly string[]): Promise<unknown> {
  for (const source of cells) {
    shown = NOTHING;
    const cell = prepare(source);
    for (const name of cell.names) declare(name);
    modules.push(cell);
    const loaded = (await import(`tested:${modules.length - 1}`)) as {
      default: (cell: typeof bindings) => Promise<void>;
    };
    await loaded.default(bindings);
  }
  return shown;
}

const sourceOf = (text: string): string => text.trim().replaceAll("⏎", "\n").replaceAll("␍", "\r");

/** Cells between bars or line breaks. */
export const cellsOf = (table: string): string[] => table.trim().split(/[│\n]/).map(sourceOf);

function rowsOf(table: string): [law: string, cells: string[], outcome: string][] {
  const rows = table.trim().split(/\n {4}(?! )/);
  return rows.map((row) => {
    const [, law = "", cells = "", outcome = ""] =
      /^(.*?): (.*)→(.*)$/s.exec(row.replaceAll(/\s*\n\s*/g, " ")) ?? [];
    return [law, cells.split("▸").map(sourceOf), outcome.trim()];
  });
}

/** Rows of cells that have a value. */
export const hold = (table: string) =>
  test.each(rowsOf(table))("%s", (_, cells, outcome) =>
    inNewSession(async () => {
      const wanted = outcome === "nothing" ? NOTHING : await run([`[${outcome}][0]`]);
      expect(await run(cells)).toEqual(wanted);
    }),
  );

/** Rows of cells that throw, with a part of the message. */
export const fail = (table: string) =>
  test.each(rowsOf(table))("%s", (_, cells, outcome) =>
    inNewSession(async () => {
      const error: unknown = await run(cells).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(String(error)).toContain(outcome);
    }),
  );

/** Rows of cells that throw, with the lines and columns of the stack's frames in cells. */
export const throwAt = (table: string) =>
  test.each(rowsOf(table))("%s", (_, cells, outcome) =>
    inNewSession(async () => {
      const error: unknown = await run(cells).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      const stack = error instanceof Error ? (error.stack ?? "") : "";
      const frames = Array.from(stack.matchAll(/tested:(\d+):(\d+):(\d+)/g), ([, id, line, column]) => {
        const at = modules[Number(id)]?.original({ line: Number(line), column: Number(column) });
        return at == null ? "nowhere" : `${at.line}:${at.column}`;
      });
      expect(frames.join(" ")).toBe(outcome);
    }),
  );
