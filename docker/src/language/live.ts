/**
 * Reading the live values of a session by what their property descriptors say.
 *
 * Law: no getter, no Proxy trap and nothing else of the user's runs. Cells may have replaced every primordial: see
 * primordials.ts.
 */
import {
  append,
  getOwnPropertyDescriptor,
  getOwnPropertyNames,
  getPrototypeOf,
  hasOwn,
  isArray,
  isArrayBufferView,
  isContext,
  isNativeError,
  isProxy,
  isStringObject,
  list,
  mapGet,
  setPrototypeOf,
  toObject,
} from "../primordials.ts";

type Known = { readonly value: unknown };
export type Descriptor = { readonly [Part in keyof PropertyDescriptor]?: unknown };

const { Error, globalThis: GLOBAL, process: PROCESS } = globalThis;
const PREPARE: unknown = Reflect.get(Error, "prepareStackTrace");
const MAX_DEPTH = 1_000;
const MANY = 10_000;
const NO_NAMES: readonly string[] = [];
const LENGTH: readonly string[] = ["length"];
const FIRST: readonly string[] = Array.from({ length: 100 }, (_, index) => `${index}`);
const OF_ERRORS: readonly string[] = ["message", "cause", "errors", "name", "code"];

/** Some globals are behind getters of Bun's own. What they give is asked for before there is user code. */
const GIVEN = new Map<unknown, unknown>();
for (const name of ["Bun", "console", "crypto", "global", "navigator", "performance", "process", "self"]) {
  const getter: unknown = (getOwnPropertyDescriptor(globalThis, name) as Descriptor | undefined)?.get;
  if (getter !== undefined) GIVEN.set(getter, Reflect.get(globalThis, name));
}

/** The value is an object that can be read without running code of the user's. */
export function isReadable(value: unknown): value is object {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  // The global of another context asks the object behind it, which may be a Proxy.
  return !isProxy(value) && (value === GLOBAL || !isContext(value));
}

/** The object and its prototypes, as far as they can be read. */
export function holdersOf(of: unknown): readonly object[] {
  const holders = list<object>();
  let holder: unknown = of === undefined || of === null ? null : toObject(of);
  for (; isReadable(holder) && holders.length < MAX_DEPTH; holder = getPrototypeOf(holder))
    append(holders, holder);
  return holders;
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
export function property(of: unknown, key: PropertyKey): Descriptor | undefined {
  const holders = holdersOf(of);
  for (let i = 0; i < holders.length; i++) {
    const descriptor = ownProperty(holders[i] as object, key);
    if (descriptor !== undefined) return descriptor;
  }
  return undefined;
}

/** The property's value; null when only its getter knows. */
export function read(descriptor: Descriptor | undefined): Known | null {
  if (descriptor === undefined) return null;
  if ("value" in descriptor) return { value: descriptor.value };
  const given = descriptor.get === undefined ? undefined : mapGet(GIVEN, descriptor.get);
  return given === undefined ? null : { value: given };
}

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
