/** The modules that a cell can import, by name: Bun's own, those that are installed, and files. */
import { builtinModules } from "node:module";
import {
  assign,
  builtinModule,
  create,
  currentFolder,
  isFolder,
  readdirSync,
  setHas,
  slice,
  startsWith,
} from "../primordials.ts";
import { type Matches, plain } from "./matches.ts";

const MAX_FOLDERS = 100;
const NAMES = builtinModules
  .filter((name) => !name.startsWith("_"))
  .map((name) => (/^bun$|^undici$|^ws$|:/.test(name) ? name : `node:${name}`))
  .toSorted();
const BUILT_IN: ReadonlySet<unknown> = new Set([...NAMES, ...builtinModules]);
const WITH_TYPES = assign(create(null) as object, { withFileTypes: true } as const);
const named = plain("module");
const path = plain("path");

/** A module that is there without being loaded; null for every other one. */
export const builtIn = (name: string): object | null =>
  setHas(BUILT_IN, name) ? (builtinModule(name) as object) : null;

export function addModules(found: Matches): void {
  const { prefix } = found;
  if (startsWith(prefix, ".") || startsWith(prefix, "/")) return addFiles(found);
  let folder: string | null = currentFolder();
  for (let depth = 0; folder !== null && depth < MAX_FOLDERS; depth++) {
    const modules = `${folder}/node_modules`;
    eachEntry(modules, (name) => {
      if (!startsWith(name, "@")) return found.add(name, named);
      return eachEntry(`${modules}/${name}`, (inner) => found.add(`${name}/${inner}`, named));
    });
    folder = parent(folder);
  }
  for (let i = 0; i < NAMES.length; i++) found.add(NAMES[i] ?? "", named);
}

function addFiles(found: Matches): void {
  const { prefix } = found;
  if (prefix === "." || prefix === "..") found.add(`${prefix}/`, path);
  if (prefix === ".") found.add("../", path);
  const folder = slice(prefix, 0, lastSlash(prefix) + 1);
  if (folder !== "")
    eachEntry(startsWith(folder, "/") ? folder : `${currentFolder()}/${folder}`, (name, isInner) =>
      found.add(`${folder}${name}${isInner ? "/" : ""}`, path),
    );
}

/** Hidden files are nothing to import. */
function eachEntry(folder: string, take: (name: string, isInner: boolean) => void): void {
  try {
    const entries = readdirSync(folder, WITH_TYPES);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (entry !== undefined && !startsWith(entry.name, ".")) take(entry.name, isFolder(entry));
    }
  } catch {
    return; // there is no such folder
  }
}

function parent(folder: string): string | null {
  const end = lastSlash(folder);
  return end < 0 ? null : slice(folder, 0, end);
}

function lastSlash(text: string): number {
  let at = text.length - 1;
  while (at >= 0 && text[at] !== "/") at--;
  return at;
}
