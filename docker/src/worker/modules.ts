/**
 * Cells as modules of Bun's own loader, which erases types, resolves imports and maps stack traces back through its own
 * work. Modules are named by the id of their execution, since counts come again: after a restart, or unstored.
 */
import { plugin } from "bun";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Cell } from "../cell.ts";
import { withJsx } from "./jsx.ts";

/** What the code of a cell calls where `cell.ts` has changed it. */
type Bindings = {
  /** Makes globals constant. */
  readonly constant: (...names: readonly string[]) => void;
  /** Passes on the value of an await; an interrupted cell does not come back from it. */
  readonly resumed: <T>(value: T) => T;
  /** Takes the value of the last expression, a promise too. */
  readonly value: (value: unknown) => void;
  /** `import.meta` of the cell. */
  readonly meta: Readonly<Record<string, unknown>>;
};
type Body = (bindings: Bindings) => Promise<void>;
/** What an element or a fragment ends with; a cell without it is spared the look for React. */
const JSX = /<\/|\/>/;
type Module = Pick<Cell, "module" | "loader">;
/** Where an installer puts packages, from outside; each time it is another folder. */
const PACKAGES = "/sandbox/node_modules";

/** Makes `cell:` a place that modules come from, and returns the function that puts one there and runs its imports. */
export function loadCells(): (id: number, module: string, loader: Cell["loader"]) => Promise<Body> {
  const modules: Record<string, Module | undefined> = Object.create(null) as Record<string, Module>;
  plugin({
    name: "cells",
    setup(build) {
      build.onResolve({ filter: /^cell:\d+$/ }, ({ path }) => ({
        path: path.slice("cell:".length),
        namespace: "cell",
      }));
      // A cell has no folder of its own; it imports as if it lay where the program runs.
      build.onResolve({ filter: /^\.{0,2}\// }, ({ path, importer }) => {
        if (!/^\/?cell:/.test(importer)) return undefined;
        const file = resolve(path);
        // Bun remembers what was in a folder; this makes it look again.
        if (existsSync(file)) require.resolve(file);
        return { path: file };
      });
      build.onLoad({ filter: /.*/, namespace: "cell" }, ({ path }) => {
        const { module: contents, loader } = modules[path] ?? { module: "", loader: "ts" };
        return { contents, loader };
      });
    },
  });
  let seen = folderId(PACKAGES);
  return async (id, module, loader) => {
    const present = folderId(PACKAGES);
    if (present !== seen) lookAgain(PACKAGES);
    seen = present;
    modules[id] = { module: loader === "tsx" && JSX.test(module) ? withJsx(module) : module, loader };
    const loaded = (await import(`cell:${id}`)) as { readonly default: Body };
    delete modules[id];
    return loaded.default;
  };
}

const folderId = (path: string): number => statSync(path, { throwIfNoEntry: false })?.ino ?? 0;

/** Bun remembers where there was no package, and what was in one; a file that is missing makes it forget its folder. */
function lookAgain(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith("@")) lookAgain(`${folder}/${name}`);
    else forget(`${folder}/${name}`);
  }
  forget(folder);
}

function forget(folder: string): void {
  try {
    Bun.resolveSync(`${folder}/-`, "/");
  } catch {
    // As it should be.
  }
}

/** A cell seems to be a file where the program has started. */
export function metaOf(folder: string, count: number): Bindings["meta"] {
  const file = `cell-${count}.ts`;
  const path = `${folder}/${file}`;
  return {
    dir: folder,
    dirname: folder,
    file,
    filename: path,
    path,
    url: pathToFileURL(path).href,
    main: true,
    env: process.env,
    require: createRequire(path),
    resolve: (specifier: string) => {
      const found = Bun.resolveSync(specifier, folder);
      return found.startsWith("/") ? pathToFileURL(found).href : found;
    },
  };
}
