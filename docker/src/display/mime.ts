/** MIME bundles as a notebook takes them: which keys, which values, how large, and never without text/plain. */
import type { MimeBundle } from "../wire.ts";
import { clip, thousands } from "./text.ts";
import {
  Number,
  Uint8Array,
  create,
  exec,
  get,
  has,
  isAnyArrayBuffer,
  isArray,
  isPromise,
  isSafeInteger,
  isUint8Array,
  keys,
  parse,
  split,
  stringify,
  toBase64,
} from "../primordials.ts";

/** A bundle, and by MIME type what a front end needs beside it, such as the size of an image. */
export type Shown = { readonly data: MimeBundle; readonly metadata: Readonly<Record<string, unknown>> };

/** The contract that libraries for Deno's kernel already keep: a method that returns a MIME bundle. */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display") as never;

/** The names that RFC 6838 allows, without parameters. */
const MIME_TYPE = /^[a-z0-9][\w!#$&^.+-]{0,62}\/[a-z0-9][\w!#$&^.+-]{0,62}$/i;
const JSON_TYPE = /[/+]json$/i;
const BINARY_TYPE = /^(?:image\/(?!svg\+xml$)|audio\/|video\/|application\/pdf$)/i;
const MAX_TYPES = 64;
/** Beyond these the supervisor and the kernel refuse a value, so it must not get there. */
const MAX_BRACKETS = 190_000;
const MAX_JSON_DEPTH = 200;
const MAX_METADATA = 1 << 16;
/** Longest text/plain that stands in for something richer. */
const MAX_SOURCE = 2000;

const EXAMPLE = 'for example {"text/html": "<b>hi</b>"}';
const NO_BUNDLE = `a display value needs MIME types as keys, ${EXAMPLE}`;
/** The text that stands in for a bundle, the best first. */
const TEXT_TYPES = ["text/markdown", "text/latex", "text/html", "image/svg+xml"];

/** Something that shows itself, made here: neither a cell's own work nor a look-alike. */
export class Rich {
  readonly #make: () => Shown | Promise<Shown>;

  constructor(make: () => Shown | Promise<Shown>) {
    this.#make = make;
  }

  /** Null for everything else. */
  static shown(value: object): Shown | Promise<Shown> | null {
    return #make in value ? value.#make() : null;
  }

  [DISPLAY](): MimeBundle | Promise<MimeBundle> {
    const shown = this.#make();
    return isPromise(shown) ? dataOf(shown) : shown.data;
  }
}
const dataOf = async (shown: Promise<Shown>): Promise<MimeBundle> => (await shown).data;

/** @throws {RangeError} when the bundle has more brackets than those who carry it on would read. */
export function shownAs(data: MimeBundle, metadata: Shown["metadata"] = {}): Shown {
  const types = keys(data);
  let brackets = 0;
  for (let index = 0; index < types.length; index++) {
    const value = data[types[index] ?? ""];
    brackets += bracketsIn(typeof value === "string" ? value : stringify(value));
  }
  if (brackets <= MAX_BRACKETS) return { data, metadata };
  throw new RangeError(
    `a display value has ${thousands(brackets)} brackets and an output may have ${thousands(MAX_BRACKETS)}; show less of it`,
  );
}

/** @throws {TypeError | RangeError} naming what is wrong when the value is no MIME bundle. */
export function readBundle(bundle: unknown): MimeBundle {
  const types = typeof bundle === "object" && bundle !== null ? keys(bundle) : [];
  if (types.length > MAX_TYPES)
    throw new RangeError(`a display value has ${types.length} MIME types; it may have ${MAX_TYPES}`);
  const data = create(null) as Record<string, unknown>;
  for (let index = 0; index < types.length; index++) {
    const type = types[index] ?? "";
    if (exec(MIME_TYPE, type) === null) throw new TypeError(NO_BUNDLE);
    const value: unknown = get(bundle as object, type);
    if (value === undefined) continue;
    data[type] = readValue(type, value);
  }
  if (keys(data).length === 0) throw new TypeError(NO_BUNDLE);
  return data;
}

function readValue(type: string, value: unknown): unknown {
  if (exec(JSON_TYPE, type) !== null) return snapshot(value, type);
  if (typeof value === "string") return value;
  const isBinary = exec(BINARY_TYPE, type) !== null;
  const bytes = isBinary ? bytesOf(value) : null;
  if (bytes !== null) return toBase64(bytes);
  const kind = value === null ? "null" : typeof value;
  throw new TypeError(`"${type}" needs ${isBinary ? "base64 or bytes" : "text"}, not ${kind}, ${EXAMPLE}`);
}

/** A value as JSON has it. Nothing of the original is left in it, so it is the same whoever looks. */
export function snapshot(value: unknown, name: string): unknown {
  const text = stringify(value, (_, inner: unknown) => bigintless(inner)) as string | undefined;
  if (text === undefined) throw new TypeError(`"${name}" needs what JSON can hold, not ${typeof value}`);
  const copy: unknown = parse(text);
  if (isDeeper(copy, MAX_JSON_DEPTH))
    throw new RangeError(`"${name}" is nested deeper than ${MAX_JSON_DEPTH} levels`);
  return copy;
}

export function readMetadata(value: unknown): Shown["metadata"] {
  const copy = snapshot(value, "metadata");
  if (typeof copy !== "object" || copy === null || isArray(copy))
    throw new TypeError('metadata is an object, for example {"image/png": {"width": 100}}');
  if (stringify(copy).length > MAX_METADATA)
    throw new RangeError(`metadata is longer than ${MAX_METADATA} characters; put it into the value`);
  return copy as Shown["metadata"];
}

/** Adds the text that a console or a converter shows, where there is none. */
export function withText(data: MimeBundle, text: () => string | null = () => null): MimeBundle {
  return has(data, "text/plain") ? data : { ...data, "text/plain": text() ?? sourceOf(data) };
}

function sourceOf(data: MimeBundle): string {
  for (let index = 0; index < TEXT_TYPES.length; index++) {
    const text = data[TEXT_TYPES[index] ?? ""];
    if (typeof text === "string") return clip(text, MAX_SOURCE, "\n");
  }
  return `[${keys(data)[0] ?? ""}]`;
}

/** The bytes of a value that is nothing but bytes; null for every other one. */
export function bytesOf(value: unknown): Uint8Array | null {
  if (isUint8Array(value)) return value;
  return isAnyArrayBuffer(value) ? new Uint8Array(value) : null;
}

/** JSON has no bigint: a number where that is exact, or else its digits. */
export function bigintless(value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  return isSafeInteger(Number(value)) ? Number(value) : `${value}`;
}

function bracketsIn(text: string): number {
  if (text.length < 1000) return 0;
  return split(text, "[").length + split(text, "{").length - 2;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  const names = keys(value);
  for (let index = 0; index < names.length; index++)
    if (isDeeper(get(value, names[index] ?? ""), levels - 1)) return true;
  return false;
}
