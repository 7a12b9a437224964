/**
 * Pure: the text before a cursor as tokens, and what stands where among them.
 *
 * Law: no text fails, and none takes long. Cells may have replaced every primordial: see primordials.ts.
 */
import { append, exec, list, setHas, slice, startsWith } from "../primordials.ts";

export type Token = {
  readonly kind: "name" | "number" | "string" | "template" | "regex" | "punctuator";
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Of a closing bracket: the token that opened it; -1 of everything else. */
  readonly open: number;
};
export type Scan = {
  readonly code: string;
  readonly tokens: readonly Token[];
  /** Indices of the brackets that are open at the end, the outermost first. */
  readonly open: readonly number[];
  /** What the end stands in, and where that began. */
  readonly inside: "code" | "comment" | "string" | "template" | "regex";
  readonly from: number;
};
export const NOTHING: Token = { kind: "punctuator", text: "", start: 0, end: 0, open: -1 };

/** How many tokens back something may stand that gives a token its meaning. */
export const FAR = 200;

const SPACE = /\s+/uy;
const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$\u200C\u200D]*/uy;
export const NAME_REST = /[\p{ID_Continue}$\u200C\u200D]*/uy;
const NUMBER = /0[xob][\da-f_]+n?|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:e[+-]?\d[\d_]*)?n?/iuy;
const LINE_COMMENT = /\/\/[^\n\r\u2028\u2029]*/uy;
const BLOCK_COMMENT = /\/\*[^]*?\*\//uy;
const PUNCTUATOR = /\.{3}|\?\.(?!\d)|=>|\+\+|--|[^]/uy;

/** Words after which an expression starts; each other name may end one. */
const OPERATORS: ReadonlySet<unknown> = new Set(
  "await case delete do else extends in instanceof keyof new of return throw typeof void yield".split(" "),
);

/** The offset where a sticky expression that matches at `from` ends, or -1. */
export function match(sticky: RegExp, text: string, from: number): number {
  sticky.lastIndex = from;
  const found = exec(sticky, text);
  return found === null ? -1 : from + found[0].length;
}

export const isName = (text: string): boolean => match(NAME, text, 0) === text.length;

/** The nearest offset that there is in the text. */
export const offsetIn = (text: string, offset: number): number =>
  offset > 0 ? (offset < text.length ? offset | 0 : text.length) : 0;

/** The tokens of `code` up to `end`; what is no TypeScript comes out as punctuators. */
export function scan(code: string, end: number): Scan {
  const text = slice(code, 0, end);
  const tokens = list<Token>();
  const open = list<number>();
  let at = 0;
  const add = (kind: Token["kind"], to: number, opener = -1, as = slice(text, at, to)): void => {
    append(tokens, { kind, text: as, start: at, end: to, open: opener });
    at = to;
  };
  const stop = (inside: Scan["inside"]): Scan => ({ code, tokens, open, inside, from: at });
  /** A template's text from `at` on; false when it has no end. `opener` is the token of its backtick, if that was before. */
  const template = (opener: number): boolean => {
    for (let i = at + 1; i < text.length; i++) {
      if (text[i] === "\\") i++;
      else if (text[i] === "`") return (add("template", i + 1, opener), true);
      else if (text[i] === "$" && startsWith(text, "{", i + 1)) {
        append(open, opener < 0 ? tokens.length : opener);
        return (add("punctuator", i + 2, -1, "${"), true);
      }
    }
    return false;
  };
  while (at < text.length) {
    const char = text[at] ?? "";
    let to = match(SPACE, text, at);
    if (to > 0) at = to;
    else if ((to = match(NAME, text, at)) > 0) add("name", to);
    else if ((to = match(NUMBER, text, at)) > 0) add("number", to);
    else if ((to = match(LINE_COMMENT, text, at)) > 0) {
      if (to === text.length) return stop("comment");
      at = to;
    } else if (startsWith(text, "/*", at)) {
      to = match(BLOCK_COMMENT, text, at);
      if (to < 0) return stop("comment");
      at = to;
    } else if (char === '"' || char === "'") {
      to = stringEnd(text, at);
      if (to < 0) return stop("string");
      add("string", to);
    } else if (char === "`") {
      if (!template(-1)) return stop("template");
    } else if (char === "/" && startsRegex(tokens, text, at) && (to = regexEnd(text, at)) !== 0) {
      if (to < 0) return stop("regex");
      add("regex", match(NAME_REST, text, to));
    } else if (char === ")" || char === "]" || char === "}") {
      const depth = innermost(tokens, open, char);
      const opener = open[depth] ?? -1;
      if (depth >= 0) open.length = depth;
      if (tokens[opener]?.text !== "${") add("punctuator", at + 1, opener);
      else if (!template(opener)) return stop("template");
    } else {
      if (char === "(" || char === "[" || char === "{") append(open, tokens.length);
      add("punctuator", match(PUNCTUATOR, text, at));
    }
  }
  return stop("code");
}

/** Which of the open brackets this one closes: the last of its kind, unless what lies between is a mess. */
function innermost(tokens: readonly Token[], open: readonly number[], bracket: string): number {
  for (let depth = open.length - 1; depth >= 0 && open.length - depth < FAR; depth--)
    if (closer(tokens[open[depth] ?? -1]?.text) === bracket) return depth;
  return -1;
}
const closer = (opener: string | undefined): string => (opener === "(" ? ")" : opener === "[" ? "]" : "}");

/** Where the string that starts at `from` ends: after its quote, or at the end of its line; -1 when the text ends first. */
function stringEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === text[from]) return i + 1;
    else if (text[i] === "\n") return i;
  }
  return -1;
}

/** Where the pattern that starts at `from` ends; 0 when its line ends first, and -1 when the text does. */
function regexEnd(text: string, from: number): number {
  let inClass = false;
  for (let i = from + 1; i < text.length; i++) {
    const char = text[i];
    if (char === "\n") return 0;
    if (char === "\\") i++;
    else if (char === "[" || char === "]") inClass = char === "[";
    else if (char === "/" && !inClass) return i + 1;
  }
  return -1;
}

/** A slash divides after an expression, and in JSX it closes a tag. */
function startsRegex(tokens: readonly Token[], text: string, at: number): boolean {
  const before = tokens[tokens.length - 1];
  if (before === undefined) return true;
  const closesTag = (before.text === "<" && before.end === at) || startsWith(text, ">", at + 1);
  return !closesTag && !ends(tokens, tokens.length - 1);
}

/** The token is a property's name. */
export function isMember(tokens: readonly Token[], index: number): boolean {
  const before = tokens[index - 1]?.text;
  return before === "." || before === "?.";
}

/** The token may end an expression. */
export function ends(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  if (token === undefined) return false;
  if (token.kind === "name") return !setHas(OPERATORS, token.text) || isMember(tokens, index);
  return token.kind !== "punctuator" || token.text === ")" || token.text === "]";
}

/** The index of the `class`, `interface` or `enum` whose body a bracket opens, or -1. */
export function classOf(tokens: readonly Token[], bracket: number): number {
  for (let i = bracket - 1; i >= 0 && bracket - i < FAR; i--) {
    const { text, open } = tokens[i] ?? NOTHING;
    if (text === "}" || text === "{" || text === ";" || text === "(" || text === "=>") return -1;
    if (open >= 0) i = open;
    else if ((text === "class" || text === "interface" || text === "enum") && !isMember(tokens, i)) return i;
  }
  return -1;
}

/** The token that ends what the bracket calls, past `?.` and type arguments; -1 when it groups. */
export function calleeOf(tokens: readonly Token[], opener: number): number {
  let last = opener - 1;
  if (tokens[last]?.text === "?.") last--;
  if (tokens[last]?.text === ">") {
    for (let depth = 0; last >= 0 && opener - last < FAR; last--) {
      const { text, open } = tokens[last] ?? NOTHING;
      if (text === ">") depth++;
      else if (text === "<" && --depth === 0) break;
      else if (open >= 0) last = open;
    }
    last--;
  }
  return ends(tokens, last) ? last : -1;
}
