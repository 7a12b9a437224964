/**
 * What our code needs of the language beside and after the cells, taken before the first of them can replace it.
 *
 * Law of the files that import this: no `for…of`, no spread and no destructuring of arrays, and no method call on a
 * value that a cell may have made, since all of these look things up where a cell can write.
 */
import fs from "node:fs";
import { types } from "node:util";
import vm from "node:vm";

export const { Map, Number, Set, Uint8Array } = globalThis;
export const { inspect, escapeHTML, peek } = Bun;
export const inspectTable = inspect.table;
export const promiseStatus = peek.status;
export const { apply, get, has, ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect;
export const { getPrototypeOf, setPrototypeOf } = Reflect;
export const { assign, create, freeze, getOwnPropertyNames, keys } = Object;
export const hasOwn: (holder: object, key: PropertyKey) => boolean = Object.hasOwn;
export const toObject: (value: unknown) => object = Object;
export const { isArray } = Array;
export const { parse, stringify } = JSON;
export const { isFinite, isSafeInteger } = Number;
export const { floor, min } = Math;
export const { toStringTag } = Symbol;
export const { readdirSync, readFileSync, statSync } = fs;
export const { isContext } = vm;
export const {
  isAnyArrayBuffer,
  isArrayBufferView,
  isBoxedPrimitive,
  isDate,
  isMap,
  isModuleNamespaceObject,
  isNativeError,
  isPromise,
  isProxy,
  isRegExp,
  isSet,
  isStringObject,
  isTypedArray,
  isUint8Array,
} = types;
export const randomUUID = crypto.randomUUID.bind(crypto);
export const currentFolder = process.cwd.bind(process);
export const builtinModule = process.getBuiltinModule.bind(process);
export const decodeText = TextDecoder.prototype.decode.bind(new TextDecoder());

/** A method, or the getter of a property, as a function of the object that it is called on. */
export function free(prototype: object, name: PropertyKey): unknown {
  const { value, get: read } = getOwnPropertyDescriptor(prototype, name) ?? {};
  return Function.prototype.call.bind((value ?? read) as () => unknown);
}

type Slice = (text: string, from: number, to?: number) => string;
type IndexOf = (text: string, what: string) => number;
type StartsWith = (text: string, what: string, at?: number) => boolean;
type Replace = (text: string, what: string, by: string) => string;
type Exec = (pattern: RegExp, text: string) => RegExpExecArray | null;
export const slice = free(String.prototype, "slice") as Slice;
export const indexOf = free(String.prototype, "indexOf") as IndexOf;
export const startsWith = free(String.prototype, "startsWith") as StartsWith;
export const lowerCase = free(String.prototype, "toLowerCase") as (text: string) => string;
export const split = free(String.prototype, "split") as (text: string, by: string) => string[];
export const replaceAll = free(String.prototype, "replaceAll") as Replace;
export const exec = free(RegExp.prototype, "exec") as Exec;
export const patternSource = free(RegExp.prototype, "source") as (pattern: RegExp) => string;
export const toBase64 = free(Uint8Array.prototype, "toBase64") as (bytes: Uint8Array) => string;
const toISOString = free(Date.prototype, "toISOString") as (date: Date) => string;
export const tagOf = free(Object.prototype, "toString") as (value: object) => string;
export const sourceOf = free(Function.prototype, "toString") as (code: object) => string;
export const symbolText = free(Symbol.prototype, "toString") as (symbol: symbol) => string;
export const isFolder = free(fs.Dirent.prototype, "isDirectory") as (entry: fs.Dirent) => boolean;
const TYPED_ARRAY = getPrototypeOf(Uint8Array.prototype) ?? {};
export const typedLength = free(TYPED_ARRAY, "length") as (array: object) => number;

type Each = <Key, Value>(map: ReadonlyMap<Key, Value>, take: (value: Value, key: Key) => void) => void;
type Get = <Key, Value>(map: ReadonlyMap<Key, Value>, key: Key) => Value | undefined;
export const mapSize = free(Map.prototype, "size") as (map: object) => number;
export const mapGet = free(Map.prototype, "get") as Get;
export const mapSet = free(Map.prototype, "set") as (map: object, key: unknown, value: unknown) => void;
export const mapForEach = free(Map.prototype, "forEach") as Each;
export const setSize = free(Set.prototype, "size") as (set: object) => number;
export const setHas = free(Set.prototype, "has") as (set: ReadonlySet<unknown>, value: unknown) => boolean;
export const setAdd = free(Set.prototype, "add") as (set: object, value: unknown) => void;
export const weakAdd = free(WeakSet.prototype, "add") as (set: WeakSet<object>, value: object) => void;
export const weakHas = free(WeakSet.prototype, "has") as (set: WeakSet<object>, value: object) => boolean;

const { Blob, Response, URL } = globalThis;
const isInstance = free(Function.prototype, Symbol.hasInstance) as (of: unknown, value: object) => boolean;
export const isBlob = (value: object): value is Blob => isInstance(Blob, value);
export const isResponse = (value: object): value is Response => isInstance(Response, value);
export const isURL = (value: object): value is URL => isInstance(URL, value);
export const blobSize = free(Blob.prototype, "size") as (blob: Blob) => number;
export const blobType = free(Blob.prototype, "type") as (blob: Blob) => string;
export const blobBytes = free(Blob.prototype, "arrayBuffer") as (blob: Blob) => Promise<ArrayBuffer>;
export const hasBeenRead = free(Response.prototype, "bodyUsed") as (response: Response) => boolean;
export const headersOf = free(Response.prototype, "headers") as (response: Response) => Headers;
export const header = free(Headers.prototype, "get") as (headers: Headers, name: string) => string | null;
export const cloneOf = free(Response.prototype, "clone") as (response: Response) => Response;
export const bodyOf = free(Response.prototype, "arrayBuffer") as (response: Response) => Promise<ArrayBuffer>;
export const hrefOf = free(URL.prototype, "href") as (url: URL) => string;

// What Bun writes in JavaScript of its own is loaded at its first use, which must not be after a cell's own work.
inspect(new URL("about:blank"));

const ARRAY = Array.prototype;

/** A list without a prototype: no setter for an index can be in wait there. */
export function list<Item>(): Item[] {
  const items: Item[] = [];
  setPrototypeOf(items, null);
  return items;
}
export function append<Item>(to: Item[], item: Item): void {
  to[to.length] = item;
}
/** The list as everybody expects it. */
export function released<Item>(items: Item[]): Item[] {
  setPrototypeOf(items, ARRAY);
  return items;
}

type Entry = readonly [key: unknown, value: unknown];
type Next<Item> = (iterator: Iterator<Item>) => IteratorResult<Item, undefined>;
const mapEntries = free(Map.prototype, "entries") as (map: object) => Iterator<Entry>;
const nextEntry = free(getPrototypeOf(new Map().entries()) ?? {}, "next") as Next<Entry>;
const setValues = free(Set.prototype, "values") as (set: object) => Iterator<unknown>;
const nextValue = free(getPrototypeOf(new Set().values()) ?? {}, "next") as Next<unknown>;

function first<Item>(iterator: Iterator<Item>, next: Next<Item>, most: number): readonly Item[] {
  const items = list<Item>();
  while (items.length < most) {
    const { done, value } = next(iterator);
    if (done === true) break;
    append(items, value);
  }
  return items;
}
/** The first of a map's entries and of a set's values. */
export const firstEntries = (map: object, most: number) => first(mapEntries(map), nextEntry, most);
export const firstValues = (set: object, most: number) => first(setValues(set), nextValue, most);

/** Null for an invalid date. */
export function isoDate(date: Date): string | null {
  try {
    return toISOString(date);
  } catch {
    return null;
  }
}
