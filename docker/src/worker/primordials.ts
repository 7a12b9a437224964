/**
 * What showing a value needs of the language, taken before the first cell can replace it.
 *
 * Law of the files that import this: no `for…of`, no spread and no destructuring of arrays, and no method call on a
 * value that a cell may have made, since all of these look things up where a cell can write.
 */
import fs from "node:fs";
import { types } from "node:util";

export const { Map, Set, Uint8Array, Number } = globalThis;
export const { inspect, escapeHTML } = Bun;
export const inspectTable = inspect.table;
export const { apply, get, has, ownKeys, getOwnPropertyDescriptor, getPrototypeOf, defineProperty } = Reflect;
export const { assign, create, freeze, keys } = Object;
export const { isArray } = Array;
export const { parse, stringify } = JSON;
export const { isFinite, isSafeInteger } = Number;
export const { floor, min } = Math;
export const { readFileSync, statSync } = fs;
export const {
  isAnyArrayBuffer,
  isArrayBufferView,
  isBoxedPrimitive,
  isDate,
  isMap,
  isNativeError,
  isPromise,
  isProxy,
  isSet,
  isUint8Array,
} = types;
export const randomUUID = crypto.randomUUID.bind(crypto);
export const currentFolder = process.cwd.bind(process);
export const decodeText = TextDecoder.prototype.decode.bind(new TextDecoder());

/** A method, or the getter of a property, as a function of the object that it is called on. */
function free(prototype: object, name: PropertyKey): unknown {
  const { value, get: read } = getOwnPropertyDescriptor(prototype, name) ?? {};
  return Function.prototype.call.bind((value ?? read) as () => unknown);
}

type Slice = (text: string, from: number, to?: number) => string;
export const slice = free(String.prototype, "slice") as Slice;
export const split = free(String.prototype, "split") as (text: string, by: string) => string[];
type Replace = (text: string, what: string, by: string) => string;
export const replaceAll = free(String.prototype, "replaceAll") as Replace;
export const exec = free(RegExp.prototype, "exec") as (
  pattern: RegExp,
  text: string,
) => RegExpExecArray | null;
export const toBase64 = free(Uint8Array.prototype, "toBase64") as (bytes: Uint8Array) => string;
export const toISOString = free(Date.prototype, "toISOString") as (date: Date) => string;
export const tagOf = free(Object.prototype, "toString") as (value: object) => string;

type Entry = readonly [unknown, unknown];
type Next<Value> = (iterator: Iterator<Value>) => IteratorResult<Value, undefined>;
export const mapSize = free(Map.prototype, "size") as (map: object) => number;
export const mapSet = free(Map.prototype, "set") as (map: object, key: unknown, value: unknown) => void;
export const mapEntries = free(Map.prototype, "entries") as (map: object) => Iterator<Entry>;
export const nextEntry = free(getPrototypeOf(new Map().entries()) ?? {}, "next") as Next<Entry>;
export const setSize = free(Set.prototype, "size") as (set: object) => number;
export const setAdd = free(Set.prototype, "add") as (set: object, value: unknown) => void;
export const setValues = free(Set.prototype, "values") as (set: object) => Iterator<unknown>;
export const nextValue = free(getPrototypeOf(new Set().values()) ?? {}, "next") as Next<unknown>;
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
