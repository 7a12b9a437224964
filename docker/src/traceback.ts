/**
 * Pure: a thrown value → ename, evalue and a traceback that points at the user's own lines.
 *
 * Frames of cells read `Cell [3], line 4`; frames of files and packages stay as they are; ours are hidden.
 */
import { CellSyntaxError, type Position } from "./cell.ts";
import { inspectValue } from "./display.ts";
import type { ErrorEvent } from "./wire.ts";

/** What is known of a cell that ran: its name, its text, and the way back from a position in its module. */
export type CellSource = {
  /** As the user knows it: `Cell [3]`. */
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
const FOREIGN_FRAME = /file:\/\/\/:|(?:\(| at )(?:native|unknown|node:|bun:)/;
const OUR_FOLDER = `${import.meta.dir}/`;
const MAX_CAUSES = 8;

type Paint = (code: string, text: string) => string;

export function describeError(error: unknown, cell: CellSource, find: FindCell, color: boolean): ErrorEvent {
  const paint: Paint = color ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : (_, text) => text;
  const { ename, evalue } = nameOf(error);
  const traceback: string[] = [];
  let cause: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && cause !== undefined; depth++) {
    if (depth > 0) traceback.push("", "caused by:");
    traceback.push(...describeOne(cause, cell, find, paint));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return { type: "error", ename, evalue, traceback };
}

function describeOne(error: unknown, running: CellSource, find: FindCell, paint: Paint): string[] {
  const { ename, evalue } = nameOf(error);
  const lines = [`${paint("1;31", ename)}: ${evalue}`];
  if (error instanceof CellSyntaxError) return [...lines, ...frame("", running, error.position, paint, true)];
  const built = buildPosition(error);
  if (built !== null) {
    const position = running.original(built);
    return position === null ? lines : [...lines, ...frame("", running, position, paint, true)];
  }
  let excerpt = true;
  for (const line of stackOf(error)) {
    const match = CELL_FRAME.exec(line);
    if (match === null) {
      if (!FOREIGN_FRAME.test(line) && !line.includes(OUR_FOLDER)) lines.push(line);
      continue;
    }
    const [, name = "", id, lineNumber, column] = match;
    const cell = find(Number(id));
    const position = cell?.original({ line: Number(lineNumber), column: Number(column) }) ?? null;
    if (cell === undefined || position === null) continue;
    lines.push(...frame(CELL_BODY.test(name) ? "" : name, cell, position, paint, excerpt));
    excerpt = false;
  }
  return lines;
}

function frame(name: string, cell: CellSource, at: Position, paint: Paint, withExcerpt: boolean): string[] {
  const head = `    at ${name === "" ? "" : `${name}, `}${paint("36", cell.label)}, line ${at.line}`;
  if (!withExcerpt) return [head];
  const source = cell.source.split("\n");
  const lines = [head];
  if (at.line >= 2) lines.push(paint("2", gutter(at.line - 1)) + source[at.line - 2]);
  lines.push(paint("2", gutter(at.line)) + (source[at.line - 1] ?? ""));
  lines.push(paint("31", `${" ".repeat(gutter(at.line).length + at.column - 1)}^`));
  return lines;
}

const gutter = (line: number): string => `  ${String(line).padStart(4)} | `;

function nameOf(error: unknown): { ename: string; evalue: string } {
  try {
    if (buildPosition(error) !== null) return { ename: "SyntaxError", evalue: buildMessage(error) };
    if (error instanceof Error) return { ename: `${error.name}`, evalue: `${error.message}` };
    return { ename: "Thrown", evalue: inspectValue(error, false) };
  } catch {
    return { ename: "Error", evalue: "the thrown value could not be read" };
  }
}

function stackOf(error: unknown): string[] {
  try {
    const stack = error instanceof Error ? error.stack : undefined;
    return typeof stack === "string" ? stack.split("\n").filter((line) => /^\s*at /.test(line)) : [];
  } catch {
    return [];
  }
}

type BuildFault = { readonly message: string; readonly position: Position | null };

/** Bun's own compile errors: a BuildMessage, or an AggregateError of them. */
function buildFault(error: unknown): BuildFault | null {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  if (typeof first !== "object" || first === null || Reflect.get(first, "name") !== "BuildMessage")
    return null;
  return first as BuildFault;
}
const buildPosition = (error: unknown): Position | null => buildFault(error)?.position ?? null;
const buildMessage = (error: unknown): string => buildFault(error)?.message ?? "";
