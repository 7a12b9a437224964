/**
 * A live value as text, and its type.
 *
 * Law: no code of the user's runs. `Bun.inspect` would: it asks for `size`, `message` and `toJSON`, and calls
 * `inspect.custom`. So a value is shown here, by what its property descriptors say.
 */
import {
  append,
  firstEntries,
  firstValues,
  free,
  getPrototypeOf,
  indexOf,
  isArray,
  isDate,
  isMap,
  isNativeError,
  isPromise,
  isProxy,
  isRegExp,
  isSet,
  isTypedArray,
  isoDate,
  list,
  mapSize,
  patternSource,
  peek,
  setSize,
  slice,
  startsWith,
  stringify,
  symbolText,
  toStringTag,
  typedLength,
} from "../primordials.ts";
import { type Descriptor, isReadable, ownNames, ownProperty, property, read } from "./live.ts";
import { isName } from "./tokens.ts";

const MAX_TEXT = 2_000;
const MAX_LINES = 20;
const MAX_ITEMS = 17;
const MAX_LEVEL = 2;
const MAX_STRING = 200;
const MAX_BIGINT = 1n << 1_000n;
const LINE_WIDTH = 76;

/** `flags` itself would read these as properties, which a cell may have given to the pattern. */
const FLAGS = "hasIndices global ignoreCase multiline dotAll unicode unicodeSets sticky"
  .split(" ")
  .map((name) => free(RegExp.prototype, name) as (pattern: RegExp) => boolean);
const LETTERS = "dgimsuvy";

/** `number`, `Map(2)`, `class Dog extends Animal` … */
export function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object" && typeof value !== "function") return typeof value;
  if (!isReadable(value)) return isProxy(value) ? "Proxy" : "Object";
  if (typeof value === "function") return functionType(value);
  const name = className(value);
  if (isArray(value)) return `${name}(${value.length})`;
  if (isMap(value)) return `${name}(${mapSize(value)})`;
  if (isSet(value)) return `${name}(${setSize(value)})`;
  return isTypedArray(value) ? `${name}(${typedLength(value)})` : name;
}

function functionType(value: object): string {
  if (!isClass(value)) return "function";
  const parent = getPrototypeOf(value);
  const base = isReadable(parent) ? ownWord(parent, "name") : "";
  return `class ${ownWord(value, "name")}${base === "" ? "" : ` extends ${base}`}`;
}

/** Of a class the prototype cannot be replaced. */
export const isClass = (code: object): boolean =>
  isReadable(code) && ownProperty(code, "prototype")?.writable === false;

function className(value: object): string {
  const own = ownWord(value, toStringTag);
  if (own !== "") return own;
  const maker = read(property(value, "constructor"))?.value;
  const name = typeof maker === "function" && isReadable(maker) ? ownWord(maker, "name") : "";
  if (name !== "") return name;
  return getPrototypeOf(value) === null ? "[Object: null prototype]" : "Object";
}

const ownWord = (holder: object, key: PropertyKey): string => word(ownProperty(holder, key));
function word(descriptor: Descriptor | undefined): string {
  const value = read(descriptor)?.value;
  return typeof value === "string" ? slice(value, 0, MAX_STRING) : "";
}

/** As many whole lines as there is room for. */
export function valueText(value: unknown): string {
  const text = shown(value, 0, "\n");
  let end = -1;
  for (let at = 0, lines = 0; at <= text.length; at++)
    if (at === text.length || text[at] === "\n") {
      if (++lines > MAX_LINES || (at > MAX_TEXT && end >= 0)) return `${slice(text, 0, end)}\n…`;
      end = at;
    }
  return text;
}

/** About as Bun.inspect has it; `margin` is the line break before the line that it stands on. */
function shown(value: unknown, level: number, margin: string): string {
  if (typeof value === "string") {
    const most = level === 0 ? MAX_TEXT : MAX_STRING;
    return `${stringify(slice(value, 0, most))}${value.length > most ? "…" : ""}`;
  }
  if (typeof value === "bigint") return value < MAX_BIGINT && value > -MAX_BIGINT ? `${value}n` : "[bigint]";
  if (typeof value === "symbol") return symbolText(value);
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return `${value as null}`;
  const type = typeOf(value);
  if (!isReadable(value) || typeof value === "function" || level > MAX_LEVEL) return `[${type}]`;
  if (isDate(value)) return isoDate(value) ?? "Invalid Date";
  if (isRegExp(value)) return patternText(value);
  if (isNativeError(value)) return `${word(property(value, "name"))}: ${word(property(value, "message"))}`;
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
function partsOf(value: object, show: (item: unknown) => string): readonly string[] {
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
    const entries = firstEntries(value, MAX_ITEMS);
    for (let i = 0; i < entries.length; i++)
      append(parts, `${show(entries[i]?.[0])}: ${show(entries[i]?.[1])}`);
  } else if (isSet(value)) {
    total = setSize(value);
    const values = firstValues(value, MAX_ITEMS);
    for (let i = 0; i < values.length; i++) append(parts, show(values[i]));
  } else if (isArray(value) || isTypedArray(value)) {
    total = isArray(value) ? value.length : typedLength(value);
    for (let i = 0; i < total && i < MAX_ITEMS; i++) append(parts, partAt(`${i}`));
  } else {
    const keys = ownNames(value);
    for (let i = 0; i < keys.length && parts.length <= MAX_ITEMS; i++) {
      const key = keys[i] ?? "";
      if (ownProperty(value, key)?.enumerable !== true) continue;
      if (parts.length === MAX_ITEMS) append(parts, "…");
      else append(parts, `${isName(key) ? key : stringify(key)}: ${partAt(key)}`);
    }
  }
  if (total > parts.length) append(parts, `… ${total - parts.length} more`);
  return parts;
}

function patternText(pattern: RegExp): string {
  let flags = "";
  for (let i = 0; i < LETTERS.length; i++) if (FLAGS[i]?.(pattern) === true) flags += LETTERS[i];
  return `/${patternSource(pattern)}/${flags}`;
}
