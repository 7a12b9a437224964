/**
 * Pure: a thrown value → ename, evalue and a traceback that points at the user's own lines.
 *
 * Frames of cells read `Cell [3], line 4`; frames of files and packages stay as they are; ours are hidden.
 */
import { CellSyntaxError, type Position } from "./cell.ts";
import { inspectValue } from "./display.ts";
import type { ErrorEvent } from "./wire.ts";

/** What is known of a cell that ran: its text, and the way back from a position in its module. */
export type CellSource = {
  readonly source: string;
  readonly original: (generated: Position) => Position | null;
};
export type FindCell = (label: string) => CellSource | undefined;

/** Bun's notation of a frame inside a module that the worker made for a cell. */
const CELL_FRAME = /^\s*at (?:(.*?) \()?cell:(.+):(\d+):(\d+)\)?$/;
/** Names that Bun gives to the function that is the cell itself. */
const CELL_BODY = /^(?:async )?(?:default|starDefault|<anonymous>|anonymous)$/;
const OUR_FRAME = /\/bun-sandbox\/|file:\/\/\/:|(?:\(| at )(?:native|unknown|node:|bun:)/;
const MAX_CAUSES = 8;

type Paint = (code: string, text: string) => string;

export function describeError(error: unknown, label: string, find: FindCell, color: boolean): ErrorEvent {
  const paint: Paint = color ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : (_, text) => text;
  const { ename, evalue } = nameOf(error);
  const traceback: string[] = [];
  let cause: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && cause !== undefined; depth++) {
    if (depth > 0) traceback.push("", "caused by:");
    traceback.push(...describeOne(cause, label, find, paint));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return { type: "error", ename, evalue, traceback };
}

function describeOne(error: unknown, label: string, find: FindCell, paint: Paint): string[] {
  const { ename, evalue } = nameOf(error);
  const lines = [`${paint("1;31", ename)}: ${evalue}`];
  if (error instanceof CellSyntaxError)
    return [...lines, ...frame("", label, error.position, find, paint, true)];
  const built = buildPosition(error);
  if (built !== null) {
    const position = find(label)?.original(built) ?? null;
    return position === null ? lines : [...lines, ...frame("", label, position, find, paint, true)];
  }
  let excerpt = true;
  for (const line of stackOf(error)) {
    const match = CELL_FRAME.exec(line);
    if (match === null) {
      if (!OUR_FRAME.test(line)) lines.push(line);
      continue;
    }
    const [, name = "", cell = "", lineNumber, column] = match;
    const position = find(cell)?.original({ line: Number(lineNumber), column: Number(column) }) ?? null;
    if (position === null) continue;
    lines.push(...frame(CELL_BODY.test(name) ? "" : name, cell, position, find, paint, excerpt));
    excerpt = false;
  }
  return lines;
}

function frame(
  name: string,
  label: string,
  { line, column }: Position,
  find: FindCell,
  paint: Paint,
  withExcerpt: boolean,
): string[] {
  const head = `    at ${name === "" ? "" : `${name}, `}${paint("36", label)}, line ${line}`;
  const source = withExcerpt ? find(label)?.source.split("\n") : undefined;
  if (source === undefined) return [head];
  const lines = [head];
  if (line >= 2) lines.push(paint("2", gutter(line - 1)) + source[line - 2]);
  lines.push(paint("2", gutter(line)) + (source[line - 1] ?? ""));
  lines.push(paint("31", `${" ".repeat(gutter(line).length + column - 1)}^`));
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
