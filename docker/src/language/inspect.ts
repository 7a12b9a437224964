/**
 * What is known of the name at a cursor: its value in the live session, and how a cell declared it.
 *
 * Law: no code of the user's runs. `Bun.inspect` would: it asks for `size`, `message` and `toJSON`, and calls
 * `inspect.custom`. So a value is shown here, by what its property descriptors say.
 */
import { parse } from "@babel/parser";
import type { Node, Statement } from "@babel/types";
import { types } from "node:util";
import {
  type Known,
  NAME,
  NAME_REST,
  NOTHING,
  type Property,
  type Scan,
  type Token,
  append,
  calleeOf,
  evaluate,
  getPrototypeOf,
  indexOf,
  isArray,
  isIn,
  isMember,
  isNativeError,
  isPromise,
  isProxy,
  isReadable,
  list,
  match,
  ownNames,
  ownProperty,
  peek,
  property,
  read,
  scan,
  slice,
  startsWith,
  unbound,
  valueAt,
} from "./expression.ts";
import { boundNames } from "../cell/names.ts";
import type { Inspection } from "../wire.ts";

/** A name that a cell declared. */
export type Declared = {
  readonly kind: "let" | "const" | "var" | "function" | "class" | "enum" | "namespace" | "import";
  /** The declaration as the user wrote it. */
  readonly source: string;
  /** The text of its JSDoc comment, without the stars. */
  readonly doc: string;
  /** Where: `Cell [3]`. */
  readonly cell: string;
};

const MAX_TEXT = 2_000;
const MAX_LINES = 20;
const MAX_ITEMS = 17;
const MAX_LEVEL = 2;
const MAX_STRING = 200;
const MAX_SIGNATURE = 200;
/** As much of a function's text is read for its parameters. */
const MAX_HEAD = 1_000;
const MAX_SOURCE = 20_000;
const MAX_BIGINT = 1n << 1_000n;
const LINE_WIDTH = 76;

const { isDate, isRegExp, isMap, isSet, isTypedArray } = types;
const { stringify } = JSON;
const sourceOf = unbound(Function.prototype, "toString");
const symbolText = unbound(Symbol.prototype, "toString");
const bigintText = unbound(BigInt.prototype, "toString");
const dateText = unbound(Date.prototype, "toISOString");
const entriesOf = unbound(Map.prototype as Map<unknown, unknown>, "entries");
const itemsOf = unbound(Set.prototype as Set<unknown>, "values");
const nextEntry = unbound(getPrototypeOf(new Map().entries()) as MapIterator<[unknown, unknown]>, "next");
const nextItem = unbound(getPrototypeOf(new Set().values()) as SetIterator<unknown>, "next");
const getter = (prototype: object, name: string) =>
  unbound(ownProperty(prototype, name) as { get: () => unknown }, "get") as (of: object) => unknown;
type Size = (of: object) => number;
const mapSize = getter(Map.prototype, "size") as Size;
const setSize = getter(Set.prototype, "size") as Size;
const lengthOf = getter(getPrototypeOf(Uint8Array.prototype) ?? {}, "length") as Size;
const patternOf = getter(RegExp.prototype, "source") as (of: RegExp) => string;
const TAG = Symbol.toStringTag;
const FLAGS = "dgimsuvy";
const flagsOf = "hasIndices global ignoreCase multiline dotAll unicode unicodeSets sticky"
  .split(" ")
  .map((name) => getter(RegExp.prototype, name));
/** In a type these are followed by more of it. */
const TYPE_GOES_ON: ReadonlySet<unknown> = new Set([":", "|", "&", "<", ",", "=>", "extends", "?", "is"]);

/** Pure: what a cell declares, by name; nothing where it is no TypeScript. */
export function declarations(code: string, cell: string): Map<string, Declared> {
  const found = new Map<string, Declared>();
  const overloads = new Map<string, Omit<Declared, "kind">>();
  for (const statement of statementsOf(code)) {
    const node =
      "declaration" in statement && statement.declaration != null ? statement.declaration : statement;
    const written = { source: textOf(code, statement), doc: docOf(statement), cell };
    if (node.type === "VariableDeclaration") {
      if (node.declare === true || node.kind.includes("using")) continue;
      const kind = node.kind as "let" | "const" | "var";
      const isAlone = node.declarations.length === 1;
      for (const [index, declarator] of node.declarations.entries()) {
        const source = isAlone ? written.source : `${kind} ${textOf(code, declarator)}`;
        const doc = index === 0 ? written.doc : docOf(declarator);
        for (const { name } of boundNames(declarator.id)) found.set(name, { kind, source, doc, cell });
      }
    } else if (node.type === "ImportDeclaration") {
      for (const { local } of node.specifiers) found.set(local.name, { ...written, kind: "import" });
    } else if (node.type === "TSDeclareFunction" && node.id != null && node.declare !== true) {
      overloads.set(node.id.name, joined(overloads.get(node.id.name), written));
    } else {
      const kind = KINDS[node.type];
      const name = "id" in node && node.id?.type === "Identifier" ? node.id.name : null;
      if (kind === undefined || name === null || ("declare" in node && node.declare === true)) continue;
      found.set(name, { ...joined(overloads.get(name), written), kind });
    }
  }
  return found;
}

const KINDS: Partial<Record<Node["type"], Declared["kind"]>> = {
  FunctionDeclaration: "function",
  ClassDeclaration: "class",
  TSEnumDeclaration: "enum",
  TSModuleDeclaration: "namespace",
};

function statementsOf(code: string): readonly Statement[] {
  for (const plugins of [["typescript", "jsx"] as const, ["typescript"] as const])
    try {
      return parse(code, { sourceType: "module", errorRecovery: true, plugins: [...plugins] }).program.body;
    } catch {
      continue;
    }
  return [];
}

const textOf = (code: string, { start, end }: Node): string => code.slice(start ?? 0, end ?? 0);
function docOf({ leadingComments }: Node): string {
  const comment = (leadingComments ?? []).findLast(({ value }) => value.startsWith("*"));
  return (comment?.value ?? "").replaceAll(/^[ \t]*\*+ ?/gm, "").trim();
}
/** A function's overloads stand before its body, and with the first of them its comment. */
const joined = <Written extends Omit<Declared, "kind">>(
  first: Written | undefined,
  then: Written,
): Written =>
  first === undefined
    ? then
    : { ...then, source: `${first.source}\n${then.source}`, doc: first.doc || then.doc };

/** The parameters of a function, with types where a cell declared it; "" when its text does not tell. */
export function signatureOf(value: object, declared?: Declared): string {
  const written = declared === undefined || declared.kind === "import" ? "" : signatureIn(declared.source);
  return written !== "" || isProxy(value)
    ? written
    : signatureIn(slice(sourceOf(value as () => void), 0, MAX_HEAD));
}

function signatureIn(text: string): string {
  if (indexOf(text, "[native code]") >= 0) return "";
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
    if (text === "{" || text === "(" || text === "[") i = closing(tokens, i);
  }
  return "";
}

function nextTopLevel(tokens: readonly Token[], from: number, sign: string): number {
  let at = from;
  for (; at < tokens.length && tokens[at]?.text !== sign; at++) {
    const { text } = tokens[at] ?? NOTHING;
    if (text === "{" || text === "(" || text === "[") at = closing(tokens, at);
  }
  return at;
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
    if (text === "{" && !isIn(TYPE_GOES_ON, tokens[at - 1]?.text)) break;
    if (text === "{" || text === "(" || text === "[") at = closing(tokens, at);
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

type Subject = {
  readonly title: string;
  readonly found: Property | null;
  readonly declared: Declared | undefined;
};

export function inspect(
  code: string,
  cursor: number,
  detail: boolean,
  scope: object,
  names: ReadonlyMap<string, Declared>,
  color: boolean,
): Inspection {
  try {
    const at = cursor > 0 ? (cursor < code.length ? cursor | 0 : code.length) : 0;
    const before = scan(code, match(NAME_REST, code, at));
    const subject = before.inside === "comment" ? null : subjectAt(before, scope, names);
    return { data: subject === null ? {} : describe(subject, detail, color) };
  } catch {
    return { data: {} };
  }
}

/** The name at the cursor, or else what is called around it. */
function subjectAt(before: Scan, scope: object, names: ReadonlyMap<string, Declared>): Subject | null {
  const { tokens, open, inside } = before;
  if (inside === "code") {
    const last = tokens.length - (isMember(tokens, tokens.length) ? 2 : 1);
    const { text, open: opener } = tokens[last] ?? NOTHING;
    const subject = subjectOf(before, text === ")" ? calleeOf(tokens, opener) : last, scope, names);
    if (subject !== null) return subject;
  }
  for (let i = open.length - 1; i >= 0; i--) {
    const opener = open[i] ?? -1;
    const isCall = tokens[opener]?.text === "(";
    const subject = isCall ? subjectOf(before, calleeOf(tokens, opener), scope, names) : null;
    if (subject !== null) return subject;
  }
  return null;
}

function subjectOf(
  from: Scan,
  last: number,
  scope: object,
  names: ReadonlyMap<string, Declared>,
): Subject | null {
  const { code, tokens } = from;
  const token = tokens[last] ?? NOTHING;
  const title = (first: number) => slice(code, tokens[first]?.start ?? 0, token.end);
  if (token.kind === "name" && isMember(tokens, last)) {
    const object = evaluate(from, last - 2, scope);
    const found = object === null ? null : property(object.value, token.text);
    return object === null || found === null
      ? null
      : { title: title(object.first), found, declared: undefined };
  }
  const declared = token.kind === "name" ? valueAt(names, token.text) : undefined;
  const global = token.kind === "name" ? property(scope, token.text) : null;
  if (global !== null) return { title: token.text, found: global, declared };
  const value = token.kind === "name" || token.text === "]" ? evaluate(from, last, scope) : null;
  if (value === null && declared === undefined) return null;
  const found = value === null ? null : { holder: scope, descriptor: { value: value.value } };
  return { title: title(value?.first ?? last), found, declared };
}

function describe({ title, found, declared }: Subject, detail: boolean, color: boolean): Inspection["data"] {
  const known = read(found);
  const value = known?.value;
  const isFunction = typeof value === "function";
  const signature = isFunction ? signatureOf(value, declared) : "";
  const kind = found === null ? (declared?.kind ?? "") : "accessor, which is not run";
  const type = known === null ? kind : typeOf(value);
  const call = signature === "" ? "" : `${startsWith(type, "class") ? "new " : ""}${title}${signature}`;
  const where = declared === undefined ? "" : `${declared.kind}, ${declared.cell}`;
  const content = isFunction || isProxy(value) || known === null ? "" : clip(shown(value));
  const text = isFunction && !isProxy(value) ? sourceOf(value) : "";
  const isNative = indexOf(text, "[native code]") >= 0;
  const native = isNative && signature === "" ? takes(value as object) : "";
  const source = detail ? slice(declared?.source ?? (isNative ? "" : text), 0, MAX_SOURCE) : "";
  const doc = declared?.doc ?? "";
  let plain = "";
  const line = (label: string, told: string) => {
    if (told === "") return;
    const gap = indexOf(told, "\n") < 0 ? slice("          ", label.length) : "\n";
    plain += `${plain === "" ? "" : "\n"}${color ? `\u001b[31m${label}:\u001b[0m` : `${label}:`}${gap}${told}`;
  };
  line("Signature", call);
  line("Type", `${type}${native}`);
  line("Declared", where);
  line("Doc", doc);
  line("Value", content);
  line("Source", source);
  const parts = list<string>();
  append(parts, fenced(call === "" ? title : call, "ts"));
  append(parts, `\`${type}\`${native}${where === "" ? "" : ` (${where})`}`);
  if (doc !== "") append(parts, doc);
  if (content !== "") append(parts, fenced(content, ""));
  if (source !== "") append(parts, fenced(source, "ts"));
  let markdown = "";
  for (let i = 0; i < parts.length; i++) markdown += `${i === 0 ? "" : "\n\n"}${parts[i]}`;
  return { "text/plain": plain, "text/markdown": markdown };
}

function takes(native: object): string {
  const length = ownProperty(native, "length")?.value;
  if (typeof length !== "number") return "";
  return `, takes ${length} ${length === 1 ? "argument" : "arguments"}`;
}

function fenced(text: string, language: string): string {
  let fence = "```";
  while (indexOf(text, fence) >= 0) fence += "`";
  return `${fence}${language}\n${text}\n${fence}`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object" && typeof value !== "function") return typeof value;
  if (!isReadable(value)) return isProxy(value) ? "Proxy" : "Object";
  if (typeof value === "function") return functionType(value);
  const name = className(value);
  if (isArray(value)) return `${name}(${value.length})`;
  if (isMap(value)) return `${name}(${mapSize(value)})`;
  if (isSet(value)) return `${name}(${setSize(value)})`;
  return isTypedArray(value) ? `${name}(${lengthOf(value)})` : name;
}

function functionType(value: object): string {
  if (ownProperty(value, "prototype")?.writable !== false) return "function";
  const parent = getPrototypeOf(value);
  const base = isReadable(parent) ? ownWord(parent, "name") : "";
  return `class ${ownWord(value, "name")}${base === "" ? "" : ` extends ${base}`}`;
}

function className(value: object): string {
  const own = ownWord(value, TAG);
  if (own !== "") return own;
  const maker = read(property(value, "constructor"))?.value;
  const name = typeof maker === "function" && isReadable(maker) ? ownWord(maker, "name") : "";
  if (name !== "") return name;
  return getPrototypeOf(value) === null ? "[Object: null prototype]" : "Object";
}

function ownWord(holder: object, key: PropertyKey): string {
  const descriptor = ownProperty(holder, key);
  return descriptor === undefined ? "" : word(read({ holder, descriptor }));
}
const word = (known: Known | null): string =>
  typeof known?.value === "string" ? slice(known.value, 0, MAX_STRING) : "";

/** A value as text, about as Bun.inspect has it; `margin` is the line break before the line that it stands on. */
function shown(value: unknown, level = 0, margin = "\n"): string {
  if (typeof value === "string") {
    const most = level === 0 ? MAX_TEXT : MAX_STRING;
    return `${stringify(slice(value, 0, most))}${value.length > most ? "…" : ""}`;
  }
  if (typeof value === "bigint")
    return value < MAX_BIGINT && value > -MAX_BIGINT ? `${bigintText(value)}n` : "[bigint]";
  if (typeof value === "symbol") return symbolText(value);
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return `${value as null}`;
  const type = typeOf(value);
  if (!isReadable(value) || typeof value === "function" || level > MAX_LEVEL) return `[${type}]`;
  if (isDate(value)) return dateIn(value);
  if (isRegExp(value)) return regexIn(value);
  if (isNativeError(value))
    return `${word(read(property(value, "name")))}: ${word(read(property(value, "message")))}`;
  const inner = `${margin}  `;
  const parts = partsOf(value, (item) => shown(item, level + 1, inner));
  const isList = isArray(value) || isTypedArray(value);
  const name = type === "Object" || (isArray(value) && startsWith(type, "Array(")) ? "" : `${type} `;
  let line = "";
  let lines = "";
  for (let i = 0; i < parts.length; i++) {
    line += `${i === 0 ? " " : ", "}${parts[i]}`;
    lines += `${inner}${parts[i]},`;
  }
  const isShort = line.length < LINE_WIDTH && indexOf(line, "\n") < 0;
  const content = isShort ? `${line}${line === "" ? "" : " "}` : `${lines}${margin}`;
  return `${name}${isList ? "[" : "{"}${content}${isList ? "]" : "}"}`;
}

/** The first items, entries or properties as text, and how many more there are. */
function partsOf(value: object, show: (item: unknown) => string): string[] {
  const parts = list<string>();
  let total = 0;
  const partAt = (key: string): string => {
    const descriptor = ownProperty(value, key);
    if (descriptor === undefined) return "empty";
    return "value" in descriptor ? show(descriptor.value) : "[Getter]";
  };
  if (isPromise(value)) {
    const settled: unknown = peek(value);
    append(parts, settled === value ? "<pending>" : show(settled));
  } else if (isMap(value)) {
    total = mapSize(value);
    const entries = entriesOf(value);
    for (
      let entry = nextEntry(entries);
      entry.done !== true && parts.length < MAX_ITEMS;
      entry = nextEntry(entries)
    )
      append(parts, `${show(entry.value[0])}: ${show(entry.value[1])}`);
  } else if (isSet(value)) {
    total = setSize(value);
    const items = itemsOf(value);
    for (let item = nextItem(items); item.done !== true && parts.length < MAX_ITEMS; item = nextItem(items))
      append(parts, show(item.value));
  } else if (isArray(value) || isTypedArray(value)) {
    total = isArray(value) ? value.length : lengthOf(value);
    for (let i = 0; i < total && i < MAX_ITEMS; i++) append(parts, partAt(`${i}`));
  } else {
    const keys = ownNames(value);
    for (let i = 0; i < keys.length && parts.length <= MAX_ITEMS; i++) {
      const key = keys[i] ?? "";
      if (ownProperty(value, key)?.enumerable !== true) continue;
      if (parts.length === MAX_ITEMS) append(parts, "…");
      else append(parts, `${match(NAME, key, 0) === key.length ? key : stringify(key)}: ${partAt(key)}`);
    }
  }
  if (total > parts.length) append(parts, `… ${total - parts.length} more`);
  return parts;
}

function dateIn(value: Date): string {
  try {
    return dateText(value);
  } catch {
    return "Invalid Date";
  }
}

function regexIn(value: RegExp): string {
  let flags = "";
  for (let i = 0; i < FLAGS.length; i++) if (flagsOf[i]?.(value) === true) flags += FLAGS[i];
  return `/${patternOf(value)}/${flags}`;
}

/** As many whole lines as there is room for. */
function clip(text: string): string {
  let end = -1;
  for (let at = 0, lines = 0; at <= text.length; at++)
    if (at === text.length || text[at] === "\n") {
      if (++lines > MAX_LINES || (at > MAX_TEXT && end >= 0)) return `${slice(text, 0, end)}\n…`;
      end = at;
    }
  return text;
}
