/**
 * A thrown value → ename, evalue and a traceback that points at the user's own lines.
 *
 * Frames of cells read `Cell [3], line 4`, those of a file that was run as one `lib.ts, line 4`; frames of files and packages stay as they are; ours are hidden.
 */
import { dirname, resolve } from "node:path";
import { CellSyntaxError, type Position } from "../cell.ts";
import { inspectValue } from "../display.ts";
import type { ErrorEvent } from "../wire.ts";

/** What is known of a cell that ran: its name, its text, and the way back from a position in its module. */
export type CellSource = {
  /** As the user knows it: `Cell [3]`, or the name of a file. */
  readonly label: string;
  readonly source: string;
  readonly original: (generated: Position) => Position | null;
};
/** By the number in the name of the cell's module. */
export type FindCell = (id: number) => CellSource | undefined;

/** Bun's notation of a frame inside a module that the worker made for a cell. */
const CELL_FRAME = /^\s*at (?:(.*?) \()?cell:(\d+):(\d+):(\d+)\)?$/;
/** Names that Bun gives to the function that is the cell itself. */
const CELL_BODY = /^(?:async )?(?:default|starDefault|<anonymous>|anonymous)$/;
const FOREIGN_FRAME = /file:\/\/\/:|<parse>|(?:\(| at )(?:native|unknown|node:|bun:)/;
const OUR_FOLDER = `${dirname(Bun.main)}/`;
/** The module that an import did not find, or not with what it wanted. */
const MODULE = /^(?:Cannot find |Export named .* not found in )(?:module|package) '(.+?)'/;
const STRING = /(["'])(?:(?!\1)[^\\\n])+\1/g;
const MAX_DEPTH = 8;
const MAX_PARTS = 10;
const MAX_COLUMNS = 200;
/** What the engine says of an assignment to a constant, and what TypeScript says (TS2588). */
const CONSTANT =
  /^(?:Cannot assign to|This assignment will throw because) "(.+)".* (?:is a constant|because)/;
const READONLY = "Attempted to assign to readonly property.";
const TARGET_AT =
  /^(?:\+\+|--)?\s*((?:[\p{ID_Continue}$]*\s*\.\s*)*)([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?:[^\w\s.([]*=|\+\+|--)/u;
/** Names that are not those of properties, nor of objects whose properties are assigned to. */
const NAMES = /(?<![.\p{ID_Continue}$])[\p{ID_Start}$_][\p{ID_Continue}$]*(?![\p{ID_Continue}$]|\s*[.([])/gu;

type Paint = (code: string, text: string) => string;
type Look = { readonly running: CellSource; readonly find: FindCell; readonly paint: Paint };

export function describeError(
  error: unknown,
  running: CellSource,
  find: FindCell,
  color: boolean,
): ErrorEvent {
  const paint: Paint = color ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : (_, text) => text;
  const look = { running, find, paint };
  const { ename, evalue } = nameOf(error, look);
  return { type: "error", ename, evalue, traceback: describeWhole(error, look, 0, new Set()) };
}

/** The id of the cell whose code is at the bottom of the error's stack; NaN where there is none. */
export function startedBy(error: unknown): number {
  const frames = stackOf(error).map((line) => CELL_FRAME.exec(line)?.[2]);
  return Number(frames.findLast((id) => id !== undefined));
}

/** The error itself, and below it what it came from and what it is made of. */
function describeWhole(error: unknown, look: Look, depth: number, seen: Set<unknown>): string[] {
  const lines = describeOne(error, look);
  if (!(error instanceof Error) || depth >= MAX_DEPTH || seen.has(error)) return lines;
  seen.add(error);
  const parts = error instanceof AggregateError && buildFault(error) === null ? [...error.errors] : [];
  for (const [index, part] of parts.slice(0, MAX_PARTS).entries())
    lines.push("", `${index + 1} of ${parts.length}:`, ...describeWhole(part, look, depth + 1, seen));
  if (parts.length > MAX_PARTS) lines.push("", `… ${parts.length - MAX_PARTS} more`);
  if (error.cause !== undefined)
    lines.push("", "caused by:", ...describeWhole(error.cause, look, depth + 1, seen));
  return lines;
}

function describeOne(error: unknown, look: Look): string[] {
  const { ename, evalue } = nameOf(error, look);
  const lines = [`${look.paint("1;31", ename)}: ${evalue}`];
  if (error instanceof CellSyntaxError)
    return [...lines, ...frame("", look.running, error.position, look.paint, true)];
  const fault = buildFault(error);
  if (fault !== null) {
    if (fault.position === null) return [...lines, ...importFrame(fault.message, look)];
    const { file, line, column } = fault.position;
    if (!/^(?:\/?cell:)?\d+$/.test(file)) return [...lines, `    at ${file}:${line}:${column}`];
    const position = look.running.original(fault.position);
    return position === null ? lines : [...lines, ...frame("", look.running, position, look.paint, true)];
  }
  let excerpt = true;
  for (const line of stackOf(error)) {
    const place = placeOf(line, look.find);
    if (place !== null) {
      const { name, cell, position } = place;
      lines.push(...frame(name, cell, position, look.paint, excerpt));
      excerpt = false;
    } else if (!CELL_FRAME.test(line) && !FOREIGN_FRAME.test(line) && !line.includes(OUR_FOLDER))
      lines.push(line);
  }
  return lines.length > 1 || !(error instanceof SyntaxError)
    ? lines
    : [...lines, ...importFrame(evalue, look)];
}

/** The engine does not say where an import stands that leads nowhere, so the name of its module is looked for. */
function importFrame(message: string, { running, paint }: Look): string[] {
  const sought = MODULE.exec(message)?.[1];
  if (sought === undefined) return [];
  for (const { 0: literal, index } of running.source.matchAll(STRING)) {
    const name = literal.slice(1, -1);
    if (name !== sought && resolve(name) !== sought) continue;
    const before = running.source.slice(0, index).split(/\r?\n/);
    const position = { line: before.length, column: (before.at(-1) ?? "").length + 1 };
    return frame("", running, position, paint, true);
  }
  return [];
}

type Place = { readonly name: string; readonly cell: CellSource; readonly position: Position };

/** Where in the user's own text a line of a stack is. */
function placeOf(line: string, find: FindCell): Place | null {
  const [, name = "", id, lineNumber, column] = CELL_FRAME.exec(line) ?? [];
  const cell = find(Number(id));
  const position = cell?.original({ line: Number(lineNumber), column: Number(column) }) ?? null;
  if (cell === undefined || position === null) return null;
  return { name: CELL_BODY.test(name) ? "" : name, cell, position };
}

function frame(name: string, cell: CellSource, at: Position, paint: Paint, withExcerpt: boolean): string[] {
  const head = `    at ${name === "" ? "" : `${name}, `}${paint("36", cell.label)}, line ${at.line}`;
  if (!withExcerpt) return [head];
  const source = cell.source.split(/\r?\n/);
  const lines = [head];
  // Of a very long line only the surroundings of the place are shown.
  const start = at.column <= MAX_COLUMNS ? 0 : at.column - MAX_COLUMNS / 2;
  const shown = (line: string): string => line.slice(start, start + MAX_COLUMNS);
  if (at.line >= 2) lines.push(paint("2", gutter(at.line - 1)) + shown(source[at.line - 2] ?? ""));
  lines.push(paint("2", gutter(at.line)) + shown(source[at.line - 1] ?? ""));
  const before = (source[at.line - 1] ?? "").slice(start, at.column - 1).replace(/[^\t]/g, " ");
  lines.push(paint("31", `${" ".repeat(gutter(at.line).length)}${before}^`));
  return lines;
}

const gutter = (line: number): string => `  ${String(line).padStart(4)} | `;

function nameOf(error: unknown, look: Look): { ename: string; evalue: string } {
  try {
    const fault = buildFault(error);
    if (fault !== null) {
      const constant = CONSTANT.exec(fault.message)?.[1];
      if (constant !== undefined) return { ename: "TypeError", evalue: assigned(constant) };
      return { ename: fault.ename, evalue: withoutIds(fault.message, look.find) };
    }
    if (!(error instanceof Error)) return { ename: "Thrown", evalue: inspectValue(error, false) };
    const { name, message } = error;
    if (name === "TypeError" && message === READONLY)
      return { ename: "TypeError", evalue: constantMessage(error, look) };
    return { ename: `${name}`, evalue: `${message}` };
  } catch {
    return { ename: "Error", evalue: "the thrown value could not be read" };
  }
}

/** The engine does not name what is assigned to, so it is looked for where the error is. */
function constantMessage(error: Error, { find }: Look): string {
  const place = placeOf(stackOf(error)[0] ?? "", find);
  if (place === null) return READONLY;
  const { line, column } = place.position;
  const text = place.cell.source.split(/\r?\n/)[line - 1] ?? "";
  const [, path = "", target = ""] = TARGET_AT.exec(text.slice(column - 1)) ?? [];
  if (target !== "" && /\.\s*$/.test(text.slice(0, column - 1) + path))
    return `Cannot assign to '${target}' because it is a read-only property.`;
  const names = isConstant(target) ? [target] : [...new Set(text.match(NAMES))].filter(isConstant);
  if (names[0] === undefined) return READONLY;
  return names.length === 1
    ? assigned(names[0])
    : `Cannot assign to ${quoted(names)}: one of them is a constant.`;
}

const assigned = (name: string): string => `Cannot assign to '${name}' because it is a constant.`;

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ");

const isConstant = (name: string): boolean =>
  Object.getOwnPropertyDescriptor(globalThis, name)?.writable === false;

function stackOf(error: unknown): string[] {
  try {
    const stack = error instanceof Error ? error.stack : undefined;
    return typeof stack === "string" ? stack.split("\n").filter((line) => /^\s*at /.test(line)) : [];
  } catch {
    return [];
  }
}

/** Bun's names for modules of cells. */
const withoutIds = (message: string, find: FindCell): string =>
  message
    .replace(/\nRequire stack:[^]*/, "")
    .replaceAll(/\/?cell:(\d+)/g, (given, id) => find(Number(id))?.label ?? given);

type BuildFault = {
  readonly ename: string;
  readonly message: string;
  readonly position: (Position & { readonly file: string }) | null;
};
const FAULTS: Readonly<Record<string, string>> = {
  BuildMessage: "SyntaxError",
  ResolveMessage: "ImportError",
};

/** What Bun says of modules that it cannot compile or find, alone or in an AggregateError. */
function buildFault(error: unknown): BuildFault | null {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const ename =
    typeof first === "object" && first !== null ? FAULTS[String(Reflect.get(first, "name"))] : undefined;
  if (ename === undefined) return null;
  const { message, position } = first as BuildFault;
  return { ename, message, position };
}
