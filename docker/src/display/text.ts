/**
 * A value → text/plain, by Bun.inspect, in milliseconds whatever the value's size.
 *
 * Bun bounds the depth, arrays and typed arrays; objects, maps, sets, texts and how wide a tree grows are bounded
 * here, in a copy that is made of values that are too large, and of those alone.
 */
import {
  Map,
  Set,
  create,
  defineProperty,
  firstEntries,
  firstValues,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  has,
  inspect,
  isAnyArrayBuffer,
  isArray,
  isArrayBufferView,
  isBoxedPrimitive,
  isMap,
  isNativeError,
  isProxy,
  isSet,
  mapSet,
  mapSize,
  min,
  ownKeys,
  replaceAll,
  setAdd,
  setSize,
  slice,
  tagOf,
} from "../primordials.ts";

/** Longest text, in UTF-16 units. Even as nothing but brackets it stays below what a report may hold. */
const MAX_TEXT = 1 << 17;
/** Longest text inside another value. */
const MAX_STRING = 10_000;
/** Most properties of an object, and most entries of a map or a set. */
const MAX_ENTRIES = 1000;
/** What Bun.inspect itself shows of an array, and how deep it goes. */
const MAX_ITEMS = 100;
const MAX_DEPTH = 8;
/** About as many characters in all, and what an entry without its text counts. */
const MAX_WEIGHT = 1 << 18;
const ENTRY = 16;

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** An error → the text that tells of it. */
export type Trace = (error: Error) => string;

/** @throws whatever the value's own `Symbol.for("nodejs.util.inspect.custom")` throws. */
export function inspectValue(value: unknown, color: boolean, trace: Trace = stackOf): string {
  if (typeof value === "string" && value.length > MAX_TEXT)
    return `${inspect(slice(value, 0, MAX_TEXT), { colors: color })}\n${more(value.length - MAX_TEXT, "characters")}`;
  const text = isError(value) ? trace(value) : inspect(bounded(value, color, trace), { colors: color });
  return clip(text, MAX_TEXT, color ? "\u001b[0m\n" : "\n");
}

/** One line for a cell of a table. */
export const inspectLine = (value: unknown, most: number): string =>
  clip(inspect(bounded(value, false, stackOf), { compact: true, depth: 2 }), most);

function stackOf(error: Error): string {
  const { stack } = error;
  return typeof stack === "string" && stack !== "" ? stack : inspect(error);
}

/** `gap` stands between the text and what is said of the rest. */
export function clip(text: string, most: number, gap = " "): string {
  if (text.length <= most) return text;
  return `${slice(text, 0, most)}${gap}${more(text.length - most, "characters")}`;
}

/** `… 4,000 more rows` */
export const more = (count: number, what: string): string => `… ${thousands(count)} more ${what}`;

export function thousands(count: number): string {
  let digits = `${count}`;
  let grouped = "";
  for (; digits.length > 3; digits = slice(digits, 0, -3)) grouped = `,${slice(digits, -3)}${grouped}`;
  return `${digits}${grouped}`;
}

const isError = (value: unknown): value is Error => isNativeError(value) && !has(value, INSPECT);

/** The value itself when it is small enough, or else what Bun.inspect shall show in its place. */
function bounded(value: unknown, color: boolean, trace: Trace): unknown {
  try {
    const look: Look = { left: MAX_WEIGHT, large: null, color, trace };
    if (fits(value, look, 0, null)) return value;
    look.left = MAX_WEIGHT;
    return cut(value, look, 0, null);
  } catch {
    return value; // what cannot be walked is Bun.inspect's to judge
  }
}

type Look = {
  left: number;
  /** The value with too many parts, since even to list them takes its time. */
  large: { readonly value: object; readonly parts: Parts } | null;
  readonly color: boolean;
  readonly trace: Trace;
};
/** From a value to the values around it, to know a circle by. */
type Path = { readonly value: object; readonly copy: object; readonly up: Path | null };

function fits(value: unknown, look: Look, depth: number, up: Path | null): boolean {
  look.left -= ENTRY + (typeof value === "string" ? value.length : 0);
  if (look.left < 0) return false;
  if (typeof value === "string") return value.length <= MAX_STRING;
  if (!isOpen(value)) return true;
  if (isError(value)) return false;
  if (depth > MAX_DEPTH || around(value, up) !== null) return true;
  const parts = partsOf(value);
  if (parts === null) return true;
  if (parts.kind !== "array" && parts.total > MAX_ENTRIES) {
    look.large = { value, parts };
    return false;
  }
  const here = { value, copy: value, up };
  for (let index = 0; index < parts.keys.length; index++) {
    if (parts.kind === "map" && !fits(parts.keys[index], look, depth + 1, here)) return false;
    if (!fits(parts.values[index], look, depth + 1, here)) return false;
  }
  return true;
}

function cut(value: unknown, look: Look, depth: number, up: Path | null): unknown {
  look.left -= ENTRY;
  if (typeof value === "string") {
    look.left -= min(value.length, MAX_STRING);
    if (value.length <= MAX_STRING) return value;
    const start = inspect(slice(value, 0, MAX_STRING), { colors: look.color });
    return mark(`${start}${more(value.length - MAX_STRING, "characters")}`);
  }
  if (!isOpen(value)) return value;
  if (isError(value)) return mark(indented(look.trace(value), depth));
  const circle = around(value, up);
  if (circle !== null) return circle;
  if (depth > MAX_DEPTH) return value;
  const parts = look.large?.value === value ? look.large.parts : partsOf(value);
  if (parts === null) return value;
  const copy = emptyCopy(value, parts.kind);
  const here = { value, copy, up };
  let shown = 0;
  for (; shown < parts.keys.length && look.left > 0; shown++) {
    const key = parts.kind === "map" ? cut(parts.keys[shown], look, depth + 1, here) : parts.keys[shown];
    add(copy, value, key, cut(parts.values[shown], look, depth + 1, here));
  }
  end(copy, parts, shown);
  return copy;
}

function emptyCopy(value: object, kind: Parts["kind"]): object {
  if (kind === "array") return [];
  if (kind === "map") return new Map();
  return kind === "set" ? new Set() : create(getPrototypeOf(value));
}

function add(copy: object, original: object, key: unknown, value: unknown): void {
  if (isMap(copy)) mapSet(copy, key, value);
  else if (isSet(copy)) setAdd(copy, value);
  else {
    const known = getOwnPropertyDescriptor(original, key as PropertyKey);
    if (known === undefined) return;
    defineProperty(copy, key as PropertyKey, "value" in known ? { ...known, value } : known);
  }
}

/** Says how much is missing. The sizes are those of the original, since Bun.inspect reads them as properties. */
function end(copy: object, { kind, total, keys }: Parts, shown: number): void {
  if (kind === "array") {
    const cutAt = shown < keys.length ? (keys[shown] as number) : MAX_ITEMS;
    defineProperty(copy, "length", { value: shown < keys.length ? cutAt + 1 : total });
    if (cutAt >= total) return;
    const rest = shown < keys.length ? mark(more(total - cutAt, "items")) : null;
    defineProperty(copy, cutAt, { value: rest, enumerable: true });
  } else if (shown < total) {
    const rest = total - shown;
    if (isMap(copy)) mapSet(copy, mark("…"), mark(`${thousands(rest)} more entries`));
    else if (isSet(copy)) setAdd(copy, mark(more(rest, "entries")));
    else defineProperty(copy, "…", { value: mark(`${thousands(rest)} more properties`), enumerable: true });
    if (kind !== "object") defineProperty(copy, "size", { value: total });
  }
}

/** What Bun.inspect shows as this very text. */
const mark = (text: string): object => ({ [INSPECT]: () => text });

function indented(text: string, depth: number): string {
  let margin = "\n";
  for (let level = 0; level < depth; level++) margin += "  ";
  return replaceAll(text, "\n", margin);
}

function around(value: object, path: Path | null): object | null {
  for (let at = path; at !== null; at = at.up) if (at.value === value) return at.copy;
  return null;
}

/** Whether a look inside calls no code of the value's own, and finds more than bytes. */
const isOpen = (value: unknown): value is object =>
  typeof value === "object" &&
  value !== null &&
  !isProxy(value) &&
  !isArrayBufferView(value) &&
  !isAnyArrayBuffer(value) &&
  !isBoxedPrimitive(value) &&
  !has(value, INSPECT);

type Parts = {
  readonly kind: "array" | "map" | "set" | "object";
  /** How many there are; `keys` and `values` have the first of them. */
  readonly total: number;
  readonly keys: readonly unknown[];
  readonly values: readonly unknown[];
};

/** The inside of a value as far as it may be shown; null where it cannot be copied. */
function partsOf(value: object): Parts | null {
  if (isSet(value)) {
    const values = firstValues(value, MAX_ENTRIES);
    return { kind: "set", total: setSize(value), keys: values, values };
  }
  const found: unknown[] = [];
  const values: unknown[] = [];
  if (isMap(value)) {
    const entries = firstEntries(value, MAX_ENTRIES);
    for (let index = 0; index < entries.length; index++) {
      found[index] = entries[index]?.[0];
      values[index] = entries[index]?.[1];
    }
    return { kind: "map", total: mapSize(value), keys: found, values };
  }
  if (isArray(value)) {
    for (let index = 0; index < value.length && index < MAX_ITEMS; index++) {
      const own = getOwnPropertyDescriptor(value, index);
      if (own === undefined) continue;
      found[found.length] = index;
      values[values.length] = own.value;
    }
    return { kind: "array", total: value.length, keys: found, values };
  }
  if (tagOf(value) !== "[object Object]") return null;
  const names = ownKeys(value);
  for (let index = 0; index < names.length && index < MAX_ENTRIES; index++) {
    found[index] = names[index];
    values[index] = getOwnPropertyDescriptor(value, names[index] ?? "")?.value;
  }
  return { kind: "object", total: names.length, keys: found, values };
}
