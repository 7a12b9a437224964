/** For tests: what a cell declared, a session with such values, and texts with a cursor. */
import { complete } from "./complete.ts";
import { declarations } from "./declarations.ts";

export const CELL = `
/** The running total. */
const total: number = 3, other = 4
/**
 * Adds two numbers.
 * @param a the first
 */
export function add(a: number, b = 1): { sum: number } { return { sum: a + b } }
function over(a: string): string
function over(a: any) { return a }
const arrow = async <T,>(value: T, done?: () => void): Promise<T> => value
let made = makeOf(1)
class Animal { legs = 4; constructor(readonly name: string, age = 1) {} speak() {} #secret = 1 }
class Dog extends Animal { fetch(what: string) {} }
enum Color { Red }
namespace Shape { export const sides = 3 }
import fs, { readFileSync as readIt } from "node:fs"
var { left, inner: [right = 1, ...rest], ...more } = table
declare const ghost: string
type Alias = string
`;
export const names = declarations(CELL, "Cell [3]");

export class Animal {
  legs = 4;
  speak() {}
}
export class Dog extends Animal {
  fetch(_what: string) {}
}
const bare = (properties: object): object => Object.assign(Object.create(null) as object, properties);
const seven = bare({
  first: 1,
  second: { deep: 1 },
  "with space": 2,
  it: "it",
  "it's": 3,
  'say "hi"': 4,
  ünï: 5,
});

export const scope = Object.assign(Object.create(globalThis) as Record<string, unknown>, {
  total: 3,
  add: (a: number, b = 1) => a + b,
  arrow: async (value: unknown) => value,
  made: (x: number, y: number) => x + y,
  Animal,
  Dog,
  Color: { Red: 0 },
  rex: new Dog(),
  seven,
  list: [1, { name: "x", tail: 2 }],
  index: 1,
  key: "second",
  promise: Promise.resolve(bare({ settled: 1 })),
  table: new Map<unknown, unknown>([
    ["a", 1],
    [{ b: 2 }, [3]],
  ]),
  pending: new Promise(() => {}),
  casing: bare({ aBc: 1, xabc: 2, ABc: 3, abc: 4 }),
  nothing: null,
  proxy: new Proxy({ hidden: 1 }, {}),
  accessor: bare(Object.defineProperty({}, "lazy", { get: () => ({ inside: 1 }), enumerable: true })),
});
Object.defineProperty(scope["accessor"], "lazy", { get: () => ({ inside: 1 }), enumerable: true });

/** The bar in the text is the cursor. */
export const cut = (text: string): [code: string, cursor: number] => [
  text.replace("|", ""),
  text.indexOf("|"),
];
export const completed = (text: string) => complete(...cut(text), scope, names);
export const texts = (text: string): string[] => completed(text).matches.map((match) => match.text);
