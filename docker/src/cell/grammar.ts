/** Pure: the text of a cell → its syntax tree, or where and why it has none. */
import { parse, type ParserOptions } from "@babel/parser";
import type { Expression, File, Program } from "@babel/types";
import { type Position, positionAt } from "./edits.ts";

/** The cell is not TypeScript. */
export class CellSyntaxError extends SyntaxError {
  override readonly name = "SyntaxError";
  constructor(
    message: string,
    readonly position: Position,
    /** True when more text could make the cell whole. */
    readonly incomplete: boolean,
  ) {
    super(message);
  }
}

export type Reading = {
  readonly program: Program;
  readonly loader: "ts" | "tsx";
  /** The cell is one expression, though it begins like a block. */
  readonly isExpression: boolean;
};

/** @throws {CellSyntaxError} when the source does not parse, neither with JSX nor with `<T>value` casts. */
export function read(source: string): Reading {
  const object = source[skipGap(source, 0)] === "{" ? parseCell(source, EXPRESSION) : null;
  if (object !== null && "program" in object && isObject(object.program)) return object;
  const cell = parseCell(source);
  if ("program" in cell) return cell;
  if (object === null) throw cell;
  if (!("program" in object)) throw later(cell, object);
  if (object.program.body.length === 1) return object;
  throw cell;
}

/** What makes an expression of the text behind it. */
const EXPRESSION = "0,";

/** `{a: 1}` is a block with a label to the grammar, and an object to everybody who types it into a cell. */
function isObject({ body: [statement, ...more] }: Program): boolean {
  if (more.length > 0 || statement?.type !== "ExpressionStatement") return false;
  if (statement.expression.type !== "SequenceExpression") return false;
  const [, expression, ...others] = statement.expression.expressions;
  return expression !== undefined && others.length === 0 && isObjectLiteral(expression);
}

function isObjectLiteral(node: Expression): boolean {
  if (node.type === "TSAsExpression" || node.type === "TSSatisfiesExpression")
    return isObjectLiteral(node.expression);
  // `{ if (x) { y } }` is an object with the method `if`, and meant by nobody.
  return (
    node.type === "ObjectExpression" &&
    !node.properties.some(
      (property) =>
        property.type === "ObjectMethod" &&
        property.key.type === "Identifier" &&
        /^(?:if|while|switch|with)$/.test(property.key.name),
    )
  );
}

/** Parses as TSX, and as plain TypeScript where that fails; only `<` can make a difference. */
function parseCell(source: string, prefix = ""): Reading | CellSyntaxError {
  const tsx = parseWith(source, "tsx", prefix);
  if ("program" in tsx || !source.includes("<") || IS_JSX.test(tsx.message)) return tsx;
  const ts = parseWith(source, "ts", prefix);
  return "program" in ts ? ts : later(tsx, ts);
}

/** What can be wrong only with a text that has elements. */
const IS_JSX = /closing tag/;

/** Of two errors the later one knows more; the cell may become whole in either reading. */
function later(first: CellSyntaxError, second: CellSyntaxError): CellSyntaxError {
  const { message, position } = isAfter(second.position, first.position) ? second : first;
  return new CellSyntaxError(message, position, first.incomplete || second.incomplete);
}

const isAfter = (a: Position, b: Position): boolean =>
  a.line > b.line || (a.line === b.line && a.column > b.column);

type BabelError = SyntaxError & { readonly pos: number; readonly reasonCode: string };
const PLUGINS = ["typescript", "decorators", "decoratorAutoAccessors", "deferredImportEvaluation"] as const;

function parseWith(source: string, loader: Reading["loader"], prefix: string): Reading | CellSyntaxError {
  const file = tryParse(source, loader, prefix);
  if (!(file instanceof SyntaxError)) return { program: file.program, loader, isExpression: prefix !== "" };
  const atEnd = skipGap(source, file.pos) === source.length;
  const message = file.message
    .replace(/ \(\d+:\d+\)$/, "")
    .replace(/^This experimental syntax requires enabling .*/, "This syntax is not part of TypeScript yet.");
  return new CellSyntaxError(
    atEnd ? message.replace(/^Unexpected token/, "Unexpected end of the cell") : message,
    positionAt(source, file.pos),
    isUnfinished(source, loader, prefix, file, atEnd),
  );
}

function tryParse(source: string, loader: Reading["loader"], prefix: string): File | BabelError {
  const options: ParserOptions = {
    sourceType: "module",
    plugins: loader === "tsx" ? [...PLUGINS, "jsx"] : [...PLUGINS],
    startIndex: -prefix.length,
    startColumn: 0,
    attachComment: false,
    // It may come from an earlier cell.
    allowUndeclaredExports: true,
  };
  try {
    return parse(prefix + source, options);
  } catch (error) {
    if (error instanceof SyntaxError && "pos" in error) return error as BabelError;
    throw error;
  }
}

/** Errors of single tokens, which no next line can mend. */
const HOPELESS = /^(?:UnterminatedRegExp|InvalidDigit|InvalidEscapeSequence|MissingUnicodeEscape)$/;
/** What could follow on the next line where the error is told at the beginning of something, and says nothing of its end. */
const MENDS: Readonly<Record<string, (begun: string) => string>> = {
  NoCatchOrFinally: () => "finally {}",
  UnexpectedReservedWord: () => "_",
  UnterminatedString: (begun) => begun[0] ?? "",
};

function isUnfinished(
  source: string,
  loader: Reading["loader"],
  prefix: string,
  error: BabelError,
  atEnd: boolean,
): boolean {
  if (/^Unterminated(?:Comment|Template|JsxContent)$/.test(error.reasonCode)) return true;
  const mend = MENDS[error.reasonCode];
  if (mend === undefined) return atEnd && !HOPELESS.test(error.reasonCode);
  const line = source.endsWith("\n") ? source : `${source}\n`;
  const mended = tryParse(line + mend(source.slice(error.pos)), loader, prefix);
  return !(mended instanceof SyntaxError) || mended.pos !== error.pos;
}

const GAP = /\s+|\/\/.*|\/\*[^]*?\*\//y;

/** The offset behind white space and comments. */
export function skipGap(source: string, from: number): number {
  for (let at = from; ; at = GAP.lastIndex) {
    GAP.lastIndex = at;
    if (!GAP.test(source)) return at;
  }
}

/** The offset of a keyword behind other ones and comments. */
export function findKeyword(source: string, word: string, from: number): number {
  const other = /\w+|[^]/y;
  let at = skipGap(source, from);
  while (!source.startsWith(word, at)) {
    other.lastIndex = at;
    if (!other.test(source)) return at;
    at = skipGap(source, other.lastIndex);
  }
  return at;
}
