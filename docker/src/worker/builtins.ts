/**
 * Keeps the language's built-ins whole for our own code, whatever cells do to them.
 *
 * A cell may replace `Array.prototype.map` or `Promise`, and finds its replacement again in the next cell; but between
 * cells, where their text is parsed and their values are turned into outputs, the built-ins are those of the start.
 */
type Holder = object;
type Change = {
  readonly holder: Holder;
  readonly key: PropertyKey;
  readonly descriptor: PropertyDescriptor | null;
};

const { assign, create, defineProperty, getOwnPropertyDescriptor } = Object;
const { deleteProperty, isExtensible, ownKeys } = Reflect;
/** Without a prototype, so that it inherits no `get` that a cell has given to every object. */
const describe = (holder: Holder, key: PropertyKey): PropertyDescriptor | null => {
  const descriptor = getOwnPropertyDescriptor(holder, key);
  return descriptor === undefined ? null : (assign(create(null), descriptor) as PropertyDescriptor);
};
const prototypeOf = (value: unknown): Holder => Object.getPrototypeOf(value) as Holder;

const iterators = [
  [][Symbol.iterator](),
  new Map().entries(),
  new Set().values(),
  ""[Symbol.iterator](),
  "".matchAll(/x/g),
];
const functions = [
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  BigInt,
  Symbol,
  Promise,
  Map,
  Set,
  WeakMap,
  WeakSet,
  RegExp,
  Error,
  AggregateError,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  ArrayBuffer,
  DataView,
  Uint8Array,
  TextEncoder,
  TextDecoder,
  Buffer,
  Proxy,
];
const holders: readonly Holder[] = [
  ...functions,
  ...functions.flatMap((each) => (each.prototype === undefined ? [] : [each.prototype as Holder])),
  ...iterators.map(prototypeOf),
  prototypeOf(prototypeOf([][Symbol.iterator]())),
  prototypeOf(Uint8Array),
  prototypeOf(Uint8Array.prototype),
  prototypeOf(function* () {}),
  prototypeOf(async () => {}),
  JSON,
  Reflect,
  Math,
];
const GLOBALS: readonly string[] = [
  ...functions.map(({ name }) => name),
  "JSON",
  "Reflect",
  "Math",
  "globalThis",
  "undefined",
  "parseInt",
  "parseFloat",
  "isNaN",
  "setTimeout",
  "clearTimeout",
  "setImmediate",
  "queueMicrotask",
  "process",
  "Bun",
];

const holderOf: Holder[] = [];
const keyOf: PropertyKey[] = [];
const valueOf: unknown[] = [];
const descriptorOf: PropertyDescriptor[] = [];

function keep(holder: Holder, key: PropertyKey): void {
  const descriptor = describe(holder, key);
  if (descriptor === null || !("value" in descriptor) || !(descriptor.configurable || descriptor.writable))
    return;
  holderOf.push(holder);
  keyOf.push(key);
  valueOf.push(descriptor.value);
  descriptorOf.push(descriptor);
}
for (const holder of holders) for (const key of ownKeys(holder)) keep(holder, key);
for (const name of GLOBALS) keep(globalThis, name);
const known = holderOf.length;

/** Plain objects have no properties beside these; others would be found in every object of ours. */
const ofEveryObject = Object.assign(
  Object.create(null) as Record<PropertyKey, true>,
  Object.fromEntries(ownKeys(Object.prototype).map((key) => [key, true])),
);

let changes: Change[] = [];

/** Puts the built-ins back. @throws when a cell has made that impossible. */
export function restoreBuiltIns(): void {
  if (!isExtensible(globalThis)) throw new TypeError("The global object takes no more names.");
  for (let index = 0; index < known; index++) {
    const holder = holderOf[index] as Record<PropertyKey, unknown>;
    const key = keyOf[index] as string;
    if (isWhole(holder, key, valueOf[index])) continue;
    // Bun hears of this one through an assignment only; tracebacks of later cells need it, so it is not given back.
    if (key === "prepareStackTrace") {
      holder[key] = valueOf[index];
      continue;
    }
    changes[changes.length] = { holder, key, descriptor: describe(holder, key) };
    defineProperty(holder, key, descriptorOf[index] as PropertyDescriptor);
  }
  const everywhere = ownKeys(Object.prototype);
  for (let index = 0; index < everywhere.length; index++) {
    const key = everywhere[index] as string;
    if (ofEveryObject[key]) continue;
    changes[changes.length] = { holder: Object.prototype, key, descriptor: describe(Object.prototype, key) };
    if (!deleteProperty(Object.prototype, key))
      throw new TypeError(`Object.prototype.${key} cannot be removed`);
  }
}

/** Gives a cell back what cells have made of the built-ins. */
export function returnChanges(): void {
  const returned = changes;
  changes = [];
  for (let index = returned.length - 1; index >= 0; index--) {
    const { holder, key, descriptor } = returned[index] as Change;
    if (descriptor === null) deleteProperty(holder, key);
    else defineProperty(holder, key, descriptor);
  }
}

function isWhole(holder: Record<PropertyKey, unknown>, key: string, value: unknown): boolean {
  try {
    return holder[key] === value;
  } catch {
    return false;
  }
}
