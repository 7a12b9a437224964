/** The parameters of a function as one line, from how a cell declared it, or else from its text. */
import { indexOf, isProxy, setHas, slice, sourceOf } from "../primordials.ts";
import type { Declared } from "./declarations.ts";
import { NOTHING, scan, type Token } from "./tokens.ts";

const MAX_SIGNATURE = 200;
/** As much of a function's text is read for its parameters. */
const MAX_HEAD = 1_000;
/** In a type these are followed by more of it. */
const TYPE_GOES_ON: ReadonlySet<unknown> = new Set([":", "|", "&", "<", ",", "=>", "extends", "?", "is"]);

/** The text of a function tells nothing of it. */
export const isNative = (source: string): boolean => indexOf(source, "[native code]") >= 0;

/** `(a: number, b = 1): string`; "" when neither the declaration nor the function's text tells. */
export function signatureOf(value: object, declared?: Declared): string {
  const written = declared === undefined || declared.kind === "import" ? "" : signatureIn(declared.source);
  return written !== "" || isProxy(value) ? written : signatureIn(slice(sourceOf(value), 0, MAX_HEAD));
}

function signatureIn(text: string): string {
  if (isNative(text)) return "";
  const { tokens } = scan(text, text.length);
  let at = 0;
  let isVariable = false;
  let isFunction = false;
  for (; at < tokens.length; at++) {
    const { text: word, kind } = tokens[at] ?? NOTHING;
    if (word === "class") return constructorIn(tokens, at);
    if (word === "const" || word === "let" || word === "var") {
      isVariable = true;
      at = nextTopLevel(tokens, at, "=");
    } else if (word === "function") isFunction = true;
    else if (word === "(") break;
    else if (word === "<") at = pastTypes(tokens, at);
    else if (word === "[") at = closing(tokens, at);
    else if (kind === "name" && tokens[at + 1]?.text === "=>") return `(${word})`;
    else if (isVariable && !isFunction && word !== "async") return "";
    else if (kind !== "name" && kind !== "string" && kind !== "number" && word !== "*" && word !== "#")
      return "";
  }
  const end = closing(tokens, at);
  const after = tokens[end + 1]?.text;
  if (end >= tokens.length || (isVariable && !isFunction && after !== "=>" && after !== ":")) return "";
  return phrase(tokens, at, after === ":" ? typeEnd(tokens, end + 1, isVariable && !isFunction) : end);
}

function constructorIn(tokens: readonly Token[], start: number): string {
  const body = nextTopLevel(tokens, start, "{");
  for (let i = body + 1; i < tokens.length; i++) {
    const { text } = tokens[i] ?? NOTHING;
    if (text === "constructor" && tokens[i + 1]?.text === "(")
      return phrase(tokens, i + 1, closing(tokens, i + 1));
    i = pastBrackets(tokens, i);
  }
  return "";
}

function nextTopLevel(tokens: readonly Token[], from: number, sign: string): number {
  let at = from;
  while (at < tokens.length && tokens[at]?.text !== sign) at = pastBrackets(tokens, at) + 1;
  return at;
}

/** The token itself, or where it opens something the bracket that closes it. */
function pastBrackets(tokens: readonly Token[], at: number): number {
  const text = tokens[at]?.text;
  return text === "{" || text === "(" || text === "[" ? closing(tokens, at) : at;
}

/** The bracket that closes this one; the number of tokens when none does. */
function closing(tokens: readonly Token[], opener: number): number {
  let at = opener + 1;
  while (at < tokens.length && tokens[at]?.open !== opener) at++;
  return at;
}

function pastTypes(tokens: readonly Token[], from: number): number {
  let at = from;
  for (let depth = 0; at < tokens.length; at++) {
    if (tokens[at]?.text === "<") depth++;
    else if (tokens[at]?.text === ">" && --depth === 0) break;
  }
  return at;
}

/** The last token of the type behind a colon: before the body, or before an arrow function's arrow. */
function typeEnd(tokens: readonly Token[], colon: number, isArrow: boolean): number {
  let at = colon + 1;
  for (; at < tokens.length; at++) {
    const { text } = tokens[at] ?? NOTHING;
    if (text === ";" || text === "function" || (isArrow && text === "=>")) break;
    if (text === "{" && !setHas(TYPE_GOES_ON, tokens[at - 1]?.text)) break;
    at = pastBrackets(tokens, at);
  }
  return at - 1;
}

/** The tokens as one line. */
function phrase(tokens: readonly Token[], from: number, to: number): string {
  let text = "";
  for (let i = from; i <= to && i < tokens.length && text.length <= MAX_SIGNATURE; i++) {
    const token = tokens[i] ?? NOTHING;
    text += `${i > from && token.start > (tokens[i - 1]?.end ?? 0) ? " " : ""}${token.text}`;
  }
  return text.length <= MAX_SIGNATURE ? text : `${slice(text, 0, MAX_SIGNATURE)}…`;
}
