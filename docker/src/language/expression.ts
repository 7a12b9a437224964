/**
 * The text before a cursor as tokens, and the live value that an expression at its end names.
 *
 * Law: no getter, no Proxy trap and nothing else of the user's runs. Cells may have replaced every primordial, so what is
 * needed is captured here, lists have no prototype that could be asked for a setter, and `for…of`, spread and
 * destructured lists, which ask for `Symbol.iterator`, are not used.
 */
import { types } from "node:util";
import { isContext } from "node:vm";

/** A prototype's method as a function of its object, which stays the same whatever becomes of the prototype. */
export const unbound = <Self, Name extends keyof Self>(prototype: Self, name: Name) =>
  Function.prototype.call.bind(prototype[name] as () => void) as Self[Name] extends (
    ...args: infer Args
  ) => infer Result
    ? (self: Self, ...args: Args) => Result
    : never;

export const { isArray } = Array;
export const { isProxy, isNativeError, isPromise, isModuleNamespaceObject } = types;
export const { getPrototypeOf } = Reflect;
export const { peek } = Bun;
const { status } = peek;
export const toObject: (value: unknown) => object = Object;
const hasOwn: (holder: object, key: PropertyKey) => boolean = Object.hasOwn;
export const slice = unbound(String.prototype, "slice");
export const indexOf = unbound(String.prototype, "indexOf");
export const startsWith = unbound(String.prototype, "startsWith");
export const exec = unbound(RegExp.prototype, "exec");
export const isIn: (set: ReadonlySet<unknown>, value: unknown) => boolean = unbound(
  Set.prototype,
  "has",
) as never;
export const valueAt: <Key, Value>(map: ReadonlyMap<Key, Value>, key: Key) => Value | undefined = unbound(
  Map.prototype,
  "get",
) as never;
const { getOwnPropertyDescriptor, getOwnPropertyNames } = Object;
const { setPrototypeOf } = Reflect;
const { isStringObject, isArrayBufferView } = types;
const isForeign = isContext;
const { Error, globalThis: GLOBAL, process: PROCESS } = globalThis;
const PREPARE: unknown = Reflect.get(Error, "prepareStackTrace");

export const ROOT = Object.prototype;
const ARRAY = Array.prototype;
const REGEXP = RegExp.prototype;

/** A list without a prototype: no setter for an index can be in wait there. */
export function list<T>(): T[] {
  const items: T[] = [];
  setPrototypeOf(items, null);
  return items;
}
export function append<T>(to: T[], item: T): void {
  to[to.length] = item;
}
/** The list as everybody expects it. */
export function released<T>(items: T[]): T[] {
  setPrototypeOf(items, ARRAY);
  return items;
}

/** The offset where a sticky expression that matches at `from` ends, or -1. */
export function match(sticky: RegExp, text: string, from: number): number {
  sticky.lastIndex = from;
  const found = exec(sticky, text);
  return found === null ? -1 : from + found[0].length;
}

const SPACE = /\s+/uy;
export const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$\u200C\u200D]*/uy;
export const NAME_REST = /[\p{ID_Continue}$\u200C\u200D]*/uy;
const NUMBER = /0[xob][\da-f_]+n?|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:e[+-]?\d[\d_]*)?n?/iuy;
const LINE_COMMENT = /\/\/[^\n\r\u2028\u2029]*/uy;
const BLOCK_COMMENT = /\/\*[^]*?\*\//uy;
const PUNCTUATOR = /\.{3}|\?\.(?!\d)|=>|\+\+|--|[^]/uy;

/** How many tokens back something may stand that gives a token its meaning. */
export const FAR = 200;

/** Words after which an expression starts; each other name may end one. */
const OPERATORS: ReadonlySet<unknown> = new Set(
  "await case delete do else extends in instanceof keyof new of return throw typeof void yield".split(" "),
);

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

/** Pure: the tokens of `code` up to `end`. Never fails; what is no TypeScript comes out as punctuators. */
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
  return (
    !ends(tokens, tokens.length - 1) &&
    !(before.text === "<" && before.end === at) &&
    !startsWith(text, ">", at + 1)
  );
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
  if (token.kind === "name") return !isIn(OPERATORS, token.text) || isMember(tokens, index);
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
export const NOTHING: Token = { kind: "punctuator", text: "", start: 0, end: 0, open: -1 };

/** Some globals are behind getters of Bun's own. What they give is asked for before there is user code. */
const GIVEN = new Map<unknown, unknown>();
for (const name of ["Bun", "console", "crypto", "global", "navigator", "performance", "process", "self"]) {
  const getter: unknown = (getOwnPropertyDescriptor(globalThis, name) as Descriptor | undefined)?.get;
  if (getter !== undefined) GIVEN.set(getter, Reflect.get(globalThis, name));
}

export type Known = { readonly value: unknown };
export type Descriptor = { readonly [Part in keyof PropertyDescriptor]?: unknown };
export type Property = { readonly holder: object; readonly descriptor: Descriptor };

/** The value is an object that can be read without running code of the user's. */
export function isReadable(value: unknown): value is object {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  // The global of another context asks the object behind it, which may be a Proxy.
  return !isProxy(value) && (value === GLOBAL || !isForeign(value));
}

/** Reading the frames of an error runs `Error.prepareStackTrace`, which cells may have set. */
function hidesStack(holder: object): boolean {
  if (!isNativeError(holder)) return false;
  const current = ownProperty(Error, "prepareStackTrace");
  return current === undefined || current.value !== PREPARE;
}

export function ownProperty(holder: object, key: PropertyKey): Descriptor | undefined {
  // Asking for standard input would open it.
  if ((key === "stack" && hidesStack(holder)) || (key === "stdin" && holder === PROCESS)) return undefined;
  try {
    const descriptor = getOwnPropertyDescriptor(holder, key);
    if (descriptor !== undefined) setPrototypeOf(descriptor, null);
    return descriptor;
  } catch {
    return undefined; // a module's name before its declaration ran
  }
}

/** The property, own or inherited. */
export function property(of: unknown, key: PropertyKey): Property | null {
  let holder: unknown = of === undefined || of === null || isProxy(of) ? null : toObject(of);
  for (let depth = 0; isReadable(holder) && depth < MAX_DEPTH; depth++) {
    const descriptor = ownProperty(holder, key);
    if (descriptor !== undefined) return { holder, descriptor };
    holder = getPrototypeOf(holder);
  }
  return null;
}
export const MAX_DEPTH = 1_000;

/** The property's value; null when only its getter knows. */
export function read(found: Property | null): Known | null {
  if (found === null) return null;
  const { descriptor } = found;
  if ("value" in descriptor) return { value: descriptor.value };
  const given = descriptor.get === undefined ? undefined : valueAt(GIVEN, descriptor.get);
  return given === undefined ? null : { value: given };
}

const MANY = 10_000;
const NO_NAMES: readonly string[] = [];
const LENGTH: readonly string[] = ["length"];
const FIRST: readonly string[] = Array.from({ length: 100 }, (_, index) => `${index}`);
const OF_ERRORS: readonly string[] = ["message", "cause", "errors", "name", "code"];

/** The object's own names, but not the many of a list or a text. */
export function ownNames(holder: object): readonly string[] {
  if (isArrayBufferView(holder)) return NO_NAMES;
  if (isArray(holder) && holder.length > MANY) return LENGTH;
  if (isStringObject(holder) && hasOwn(holder, "0")) return LENGTH;
  if (hasOwn(holder, "0") && hasOwn(holder, `${MANY}`)) return FIRST;
  if (!hidesStack(holder)) return getOwnPropertyNames(holder);
  const names = list<string>();
  for (let i = 0; i < OF_ERRORS.length; i++)
    if (hasOwn(holder, OF_ERRORS[i] ?? "")) append(names, OF_ERRORS[i] ?? "");
  return names;
}

/** A value, and the first of the tokens that name it. */
export type Named = Known & { readonly first: number };

/** The value of the expression that ends with the token `last`; null when it would have to run to be known. */
export function evaluate(from: Scan, last: number, scope: object): Named | null {
  const { tokens } = from;
  const { kind, text, open } = tokens[last] ?? NOTHING;
  const first = open < 0 ? last : open;
  if (kind === "name") return named(from, last, scope);
  if (text === "!") return evaluate(from, last - 1, scope);
  if (text === ")" && open >= 0) return parenthesized(from, last, scope);
  const follows = ends(tokens, first - 1);
  if (text === "]" && open >= 0) {
    if (!follows && tokens[first - 1]?.text !== "?.") return { value: ARRAY, first };
    const key = keyOf(from, last, scope);
    const object = key === null ? null : evaluate(from, follows ? first - 1 : first - 2, scope);
    return key === null ? null : member(object, key);
  }
  if (follows) return null;
  if (kind === "number") return { value: text[text.length - 1] === "n" ? 0n : 0, first };
  if (kind === "string" || kind === "template") return { value: "", first };
  return kind === "regex" ? { value: REGEXP, first } : null;
}

function member(object: Named | null, key: string): Named | null {
  const found = object === null ? null : read(property(object.value, key));
  return found === null || object === null ? null : { value: found.value, first: object.first };
}

function named(from: Scan, last: number, scope: object): Named | null {
  const { tokens } = from;
  const name = tokens[last]?.text ?? "";
  if (isMember(tokens, last)) return member(evaluate(from, last - 2, scope), name);
  if (name === "true" || name === "false") return { value: true, first: last };
  if (name === "this") return self(from, last, scope);
  return tokens[last - 1]?.text === "#" ? null : member({ value: scope, first: last }, name);
}

/** Within a class an instance of it, as far as the prototype tells; elsewhere the global object. */
function self({ tokens, open }: Scan, last: number, scope: object): Named | null {
  for (let i = open.length - 1; i >= 0; i--) {
    const start = classOf(tokens, open[i] ?? -1);
    if (start >= 0)
      return instance(member({ value: scope, first: last }, tokens[start + 1]?.text ?? ""), last);
  }
  return { value: scope, first: last };
}

/** What `new` makes of the class, as far as the prototype tells. */
function instance(of: Named | null, first: number): Named | null {
  const made = typeof of?.value === "function" ? member(of, "prototype") : null;
  return made === null ? null : { value: made.value, first };
}

/** A group, a call or an instantiation; of these a call would have to run. */
function parenthesized(from: Scan, last: number, scope: object): Named | null {
  const { tokens } = from;
  const opener = tokens[last]?.open ?? -1;
  const callee = calleeOf(tokens, opener);
  if (callee >= 0) {
    const called = evaluate(from, callee, scope);
    const before = (called?.first ?? 0) - 1;
    return tokens[before]?.text === "new" ? instance(called, before) : null;
  }
  const inner = evaluate(from, last - 1, scope);
  if (inner === null) return null;
  if (inner.first === opener + 1) return { value: inner.value, first: opener };
  if (inner.first !== opener + 2) return null;
  const word = tokens[opener + 1]?.text;
  if (word === "new") return instance(inner, opener);
  if (word !== "await") return null;
  if (!isPromise(inner.value)) return { value: inner.value, first: opener };
  return status(inner.value) === "fulfilled" ? { value: peek(inner.value), first: opener } : null;
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

/** The key between square brackets: a literal, or a name whose value is one. */
function keyOf(from: Scan, last: number, scope: object): string | null {
  const { tokens } = from;
  const { kind, text } = tokens[last - 1] ?? NOTHING;
  const only = tokens[last]?.open === last - 2;
  if (only && kind === "number") return text;
  if (only && kind === "string" && indexOf(text, "\\") < 0) return slice(text, 1, -1);
  const inner = evaluate(from, last - 1, scope);
  if (inner === null || kind !== "name" || inner.first - 1 !== tokens[last]?.open) return null;
  return typeof inner.value === "string" || typeof inner.value === "number" ? `${inner.value}` : null;
}
