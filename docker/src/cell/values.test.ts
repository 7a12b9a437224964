/** What a cell imports, exports, shows and names. */
import { describe, expect, test } from "bun:test";
import { cellsOf, fail, hold, inNewSession, run, withFiles } from "./session.harness.ts";

withFiles();

describe("imports and exports", () => {
  hold(`
    by name, renamed, and the default: import d, { a, b as c, "x-y" as e } from "./m.ts" ▸ [d, a, c, e] → [5, 1, 2, 1]
    the default and the whole: import d, * as m from "./m.ts" ▸ [d, m.b] → [5, 2]
    types leave nothing: import { type T, a } from "./m.ts"; import type { K } from "./m.ts";
      import type M from "nowhere"; import { type Q } from "nowhere" ▸ [a, typeof T, typeof K, typeof M]
      → [1, "undefined", "undefined", "undefined"]
    types need no keyword where they are used as such: import I, { T, K } from "./types.ts";
      let x: T | K[] | I = 1 as any ▸ x → 1
    types may be passed on as such: import { T } from "./m.ts"; export type { T }; export { type T as U } ▸ typeof U → "undefined"
    what is used as a type here may be a value elsewhere: import { K } from "./m.ts"; let x: K
      ▸ new K().constructor.name → "K"
    a type does not hide a global: import { URL } from "./types.ts"; let x: URL ▸ new URL('a:b').protocol → "a:"
    for the side effect: import "./effect.ts" ▸ effect → 1
    JSON: import data from "./data.json" with { type: "json" } ▸ data → { answer: 42 }
    JSON as text: import t from "./data.json" with { type: "text" } ▸ t → '{ "answer": 42 }'
    CommonJS: import { c } from "./common.cjs"; import all from "./common.cjs"; import r = require("./common.cjs")
      ▸ [c, all.c, r.c] → [3, 3, 3]
    types by require leave nothing: import type r = require("nowhere") ▸ typeof r → "undefined"
    inside an expression: (await import("./m.ts")).a → 1
    below their use: const x = a⏎import { a } from "./m.ts" ▸ x → 1
    exports of declarations declare: export const a = 1; export let b = 2; export function f() { return 3 }
      export class C {} export enum E { A } ▸ [a, b, f(), C.name, E.A] → [1, 2, 3, "C", 0]
    exports of names are nothing: const x = 1; export { x, x as y, x as default }; export {} ▸ x → 1
    exports of names of earlier cells are nothing: const x = 1 ▸ export { x }⏎x → 1
    re-exports run the module: export * from "./side.ts"; export * as q from "./side.ts" ▸ [effects, typeof q]
      → [1, "undefined"]
    re-exports of names run the module: export { s } from "./other.ts" ▸ [effects, typeof s] → [7, "undefined"]
    re-exports of types are nothing: export type { T } from "nowhere"; export type * from "nowhere"; export { type U }
      from "nowhere"; 1 → 1
    export default of a declaration declares: export default function f() { return 1 }⏎export { f } ▸ f() → 1
    export default of a value is the value: export default 7 → 7
    export default of an object: export default { a: 1 } → { a: 1 }
    export default in parentheses: export default (1, 2) → 2
    export default that is hidden: export default 7; → nothing
    export default of an anonymous function: export default async function () { return 1 } ▸ 1 → 1
    export default that is not last: export default { a: 1 }⏎2 → 2
    export =: export = { a: 1 } → { a: 1 }
    export as namespace: export as namespace Foo; 1 → 1
    declarations without code: declare const a: 1, b: 2; declare function f(): void; declare class C {}
      declare module 'x' { const y: 1 } declare global { var z: 1 } export declare let w: 1; type T = 1;
      interface I { a: 1 } export type { T }; export default interface J {}⏎3 → 3
  `);
  fail(`
    a name that a module does not export is an error: import { nope } from "./m.ts"; nope → nope
    also where nothing uses it: import { nope } from "./m.ts" → nope
    a module that is not there is an error: import { a } from "./nowhere.ts" → nowhere
  `);
});

describe("the value of a cell", () => {
  hold(`
    is the last expression's: 1; 2 → 2
    is not shown behind a semicolon: 1; → nothing
    is not shown behind a semicolon and a comment: 1; // one⏎/* two */ → nothing
    is shown before comments: 1 // one;⏎/* two; */ → 1
    is none of a declaration: 1⏎const x = 2 → nothing
    is none of a statement: if (1) { 2 } → nothing
    is none of a block: { const a = 1; a } → nothing
    is none of a labelled statement: a: 1 → nothing
    is none of an empty cell:  → nothing
    is none of white space and comments:   ⏎// a⏎/* b */⏎ → nothing
    is an object's: { a: 1, ...{ b: 2 } } → { a: 1, b: 2 }
    is an empty object's: {} → {  }
    is an object's with types: { a: 1 } as const // c → { a: 1 }
    is an object's of one name: const a = 1 ▸ { a } → { a: 1 }
    is an object's with methods: { f() { return 1 }, get g() { return 2 } } ▸ 1 → 1
    is an object's behind comments: // a⏎/* b */ { a: 1 }⏎// c → { a: 1 }
    is an object's in parentheses: ({ a: 1 }) → { a: 1 }
    is not shown of an object behind a semicolon: { a: 1, b: 2 }; // c → nothing
    is an object's property: { a: 1 }.a → 1
    is that of assigning to a pattern: let a, b;  ▸ { a, b } = { a: 1, b: 2 } ▸ [a, b] → [1, 2]
    is none of a block of statements that could be methods: let a = 1;  ▸ { if (a) { a = 2 } } ▸ a → 2
    is that of an expression behind a block: { var a = 1 }⏎[a] → [1]
    is a string's that is a directive to the grammar: "text" → "text"
    is hidden for a directive too: "text"; → nothing
    is an awaited one: await Promise.resolve(1) → 1
    may be a promise: [Promise.resolve(1)].length → 1
    may be undefined: undefined → undefined
    may be a sequence: 1, 2 → 2
    may be a template: \`a\${1}b\` → "a1b"
    may be cast with angle brackets: <number>1 → 1
    may be typed: (1 as unknown as string) satisfies unknown → 1
    may be a regular expression: /;/.source → ";"
    may be a class in parentheses: (class {}).name → ""
    may follow a hashbang: #!/usr/bin/env bun⏎1 → 1
    may follow a directive: "use strict"⏎1 → 1
    may follow debugger: debugger⏎1 → 1
  `);
});

describe("a function or class is a value like any other:", () => {
  test.each(
    cellsOf(`
      async () => {} │ x => x │ (function () {}) │ (class {}) │ export default function () {} │ export default class {}
      const d = () => {}; @d export default abstract class {} │ export default async () => {} │ export = class A {}
    `),
  )("%s", (source) => inNewSession(async () => expect(await run([source])).toBeFunction()));
});

describe("statements without semicolons stay apart:", () => {
  hold(`
    a declaration before a parenthesis: const f = () => 1⏎;(1)⏎const x = 1⏎⏎let y = x⏎;[y] → [1]
    a call before a declaration: const log: number[] = []⏎log.push(1)⏎const x = 1⏎log.push(2)⏎var y⏎log → [1, 2]
    a function before a parenthesis: function f() {}⏎(1) → 1
    a class before a bracket: class A {}⏎[1] → [1]
    an enum before a bracket: enum E { A }⏎[1] → [1]
    a namespace before a template: namespace N { export const a = 1 }⏎\`x\` → "x"
    an expression, a function and a parenthesis: const f = (x?: number) => x⏎f⏎function g() {}⏎(1) → 1
    an expression, an interface and a bracket: const a = [7]⏎a⏎interface I {}⏎[0] → [0]
    an expression, a re-export and a parenthesis: const x = 1⏎x⏎export {}⏎(2) → 2
    a do-while and a var: let n = 0⏎do n++; while (n < 2) var z = n ▸ z → 2
    let without a value before a bracket: let x: number[]⏎[1] → [1]
  `);
});

describe("names that mean something elsewhere are names:", () => {
  hold(`
    module, exports, global and process: const module = 1, exports = 2; { var q = [module, exports] } ▸ q → [1, 2]
    require: const require = (x: string) => x + '!'; require('a') → "a!"
    require in the next cell: const require = (x: string) => x + '!' ▸ require('a') → "a!"
    require as an import: import { a as require, b as template0, a as namespace } from "./m.ts"⏎namespace N { export const x = require }
      ▸ [require, template0, namespace, N.x, String.raw\`é\`] → [1, 2, 1, 1, "é"]
    require, where nobody has declared it, is Bun's: require('node:path').sep → "/"
    __dirname and __filename: const __dirname = 'here'; export let __filename = __dirname + '/f'
      ▸ [__dirname, __filename] → ["here", "here/f"]
    name, event, location, status, self: var name = 'n', event = 1; const location = 2, status = 3
      ▸ [name, event, location, status] → ["n", 1, 2, 3]
    type, async, of, get, as, from, declare, namespace: let type = 1, async = 2, of = 3, get = 4, as = 5, from = 6, declare = 7, namespace = 8; type ▸ [async, of, get, as, from, declare, namespace] → [2, 3, 4, 5, 6, 7, 8]
    _ and $: const _ = 1, $ = 2 ▸ [_, $] → [1, 2]
    globals of Bun's: const fetch = 1, Buffer = 2, URL = 3, performance = 4 ▸ [fetch, Buffer, URL, performance]
      → [1, 2, 3, 4]
    ours: const __cell = 1, __cell_ = 2, __cell__namespace = 3; namespace N { export const x = __cell }
      ▸ [__cell, __cell_, __cell__namespace, N.x] → [1, 2, 3, 1]
    ours as imports: import { a as __cell, b as __cell_a } from "./m.ts" ▸ [__cell, __cell_a] → [1, 2]
  `);
});

describe("an await of a cell that has been stopped does not come back:", () => {
  fail(`
    at its top: globalThis.stopped = true; await 1 → stopped
    in a loop: const seen = []; for (let i = 0; ; i++) { seen.push(i); stopped = i > 2; await i } → stopped
    in a function: stopped = true; async function f() { return (await 1) + 1 }⏎await f() → stopped
    in a method of a class: stopped = true; class A { async m() { if (await 1) return 2 } }⏎await new A().m() → stopped
    in a namespace: stopped = true; namespace N { export const f = async () => await 1 }⏎await N.f() → stopped
    in a template: stopped = true; \`\${await 1}\` → stopped
    inside another: stopped = true; await await 1 → stopped
    before a turn of a loop: stopped = true; for await (const x of [1]) {} → stopped
    before a turn without braces: stopped = true; for await (const x of [1]) x → stopped
    before a turn that awaits: stopped = true; for await (const x of [1]) await x → stopped
  `);
  hold(`
    and of others does, with its value: const x = await 1, f = async (y = 2) => (await y) + await x; [await await f(), -(await 1)]
      → [3, -1]
    and does as a statement without semicolons: let a = 1⏎await a⏎a → 1
    and does in a loop without braces: let sum = 0⏎for await (const x of [1, 2]) sum += await x⏎sum → 3
    and does in nested loops: let n = 0; for await (const x of [1, 2]) for await (const y of [1, 2]) n += x * y; [n] → [9]
    and does where a var is all that a loop does: for await (const x of [1, 2]) var last = x ▸ last → 2
    and does with types: const x = await (Promise.resolve(1) as Promise<number>) as number satisfies number ▸ x → 1
    and does in keys and heritage: class A extends (await Array) { [await 'k']() { return 1 } } ▸ new A().k() → 1
  `);
});

describe("a cell is the body of an async function:", () => {
  hold(`
    await in a declaration: const x = await Promise.resolve(1), { y = await 2 } = {} as any ▸ [x, y] → [1, 2]
    await in a loop's head: for (var i = await 0; i < await 2; i++); ▸ i → 2
    using is disposed at the end: const log: string[] = []; { using a = { [Symbol.dispose]() { log.push('a') } } }
      using b = { [Symbol.dispose]() { log.push('b') } }; log.push('c') ▸ log → ["a", "c", "b"]
    using is disposed after the value: const log: string[] = [];
      await using b = { async [Symbol.asyncDispose]() { log.push('b') } }; [...log] → []
    templates keep their raw text in any script: const tag = (s: any, ...x: any[]) => [s.raw, [...s], x]
      ▸ tag\`é\\n\${1 + 1}ü\${tag\`🥟\`[0]}\` → [["é\\\\n", "ü", ""], ["é\\n", "ü", ""], [2, ["🥟"]]]
    templates keep their raw text for methods, in functions and objects: { a: f\`α\\\${\`, f }⏎function f(s: any) { return String.raw\`ß\` + s.raw }
      ▸ f(String.raw\`é\`) → "ßundefined"
    the template of one place is the same each time: const seen = new Set(); const tag = (s: unknown) => seen.add(s)
      ▸ for (const x of [1, 2]) tag\`é\`; tag\`é\` ▸ seen.size → 2
    labels and their jumps: a: for (const x of [1, 2]) { for (;;) continue a }⏎let d = 1; b: { d = 2; break b; }⏎d → 2
  `);
  fail(`
    an error of a disposed thing: using a = { [Symbol.dispose]() { throw new Error('late') } } → late
    a class that is used before its declaration: new Late(); class Late {} → constructor
  `);
});
