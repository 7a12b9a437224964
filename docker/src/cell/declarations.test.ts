/** What persists of the declarations of a cell, and how. */
import { describe } from "bun:test";
import { fail, hold, withFiles } from "./session.harness.ts";

withFiles();

describe("what is declared persists:", () => {
  hold(`
    const: const x = 1 ▸ x → 1
    let: let x = 1 ▸ x += 1 ▸ x → 2
    let without a value is undefined again: let x = 1 ▸ let x ▸ [x] → [undefined]
    var without a value keeps the one it has: var x = 1 ▸ var x ▸ x → 1
    a definite declaration: let x!: string ▸ [x] → [undefined]
    a function: function f() { return 1 } ▸ f() → 1
    a class: class A { static y = 2 } ▸ A.y → 2
    an enum: enum E { A = 3 } ▸ E.A → 3
    a namespace: namespace N { export const x = 4 } ▸ N.x → 4
    an import: import { a } from "./m.ts" ▸ a → 1
    several declarators, with comments between: let a = 1, // one⏎  b /* two */, c = a + 2; ▸ [a, b, c]
      → [1, undefined, 3]
    types around them do not matter: const x: Map<string, number[]> = new Map(), y: 1 | 2 = 1; ▸ [x.size, y] → [0, 1]
    a typed variable without a value: let a: number, b: string ▸ [a, b] → [undefined, undefined]
    names with Unicode letters: const größe = 1, 函数 = 2, 𝒳 = 3 ▸ [größe, 函数, 𝒳] → [1, 2, 3]
    names with escapes: const \\u0061bc: number = 1 ▸ abc → 1
    behind an emoji: const s = "🥟🥟"; const t: string = s; let u = t ▸ u → "🥟🥟"
    with line ends of Windows: const x: number =␍⏎  1␍⏎let y =␍⏎ x␍⏎ ▸ y → 1
  `);
});

describe("patterns declare all their names:", () => {
  hold(`
    objects: const { a, b: c } = { a: 1, b: 2 } ▸ [a, c] → [1, 2]
    with types: const { a, b }: { a: number; b: string } = { a: 1, b: 'x' } ▸ [a, b] → [1, "x"]
    with defaults: let { a = 1, b: { c = 2 } = {} }: any = {} ▸ [a, c] → [1, 2]
    with computed keys: const k = 'z', { [k + '1']: v } = { z1: 5 } as any ▸ v → 5
    with the rest: const { a, ...r } = { a: 1, b: 2 }; const [h, ...t] = [1, 2, 3] ▸ [r, t] → [{ b: 2 }, [2, 3]]
    with holes: let [, a, , [b] = [9]] = [1, 2, 3] as any ▸ [a, b] → [2, 9]
    exported: export const { a } = { a: 1 }, [b] = [2] ▸ [a, b] → [1, 2]
    by var: var { a } = { a: 1 }, b ▸ [a, b] → [1, undefined]
    defaults name functions: const { f = () => {} } = {} as any ▸ f.name → "f"
  `);
});

describe("a var of a nested statement persists too:", () => {
  hold(`
    in a block: { var x = 1; } ▸ x → 1
    in a branch with braces: if (true) { var x: number = 1 } ▸ x → 1
    in a branch without braces: if (false) var x = 1; else var x = 2 ▸ x → 2
    in a branch on lines of its own: if (true)⏎  var x = 1⏎else⏎  var y = 2 ▸ [x, y] → [1, undefined]
    in a branch that is not taken: if (false) { var x = 1 } ▸ [x] → [undefined]
    of a for: for (var i = 0, n = 3; i < n; i++) {} ▸ [i, n] → [3, 3]
    of a for, by pattern: for (var { a } = { a: 1 }; a < 5; a++); ▸ a → 5
    of a for without a value: for (var i; i !== 1; i = 1); ▸ i → 1
    of a for that tests with in: for (var x = ('a' in { a: 1 }); x; x = false); ▸ x → false
    of a for-in: for (var k in { a: 1, b: 2 }); ▸ k → "b"
    of a for-of: for (var v of [1, 2]) {} ▸ v → 2
    of a for-of, by pattern: for (var [k, { v }] of new Map([[1, { v: 2 }]])) {} ▸ [k, v] → [1, 2]
    of a for-of over a name that begins a function: for (var async of [7]); ▸ async → 7
    of a for-of named like its keyword: for (var of of [7]); ▸ of → 7
    of a for-await: for await (var y of [Promise.resolve(1)]) {} ▸ y → 1
    in a loop: let n = 2; while (n--) var w = n; do var d = 1; while (false) ▸ [w, d] → [0, 1]
    in a switch: switch (1) { case 1: var s = 1; default: var t = 2 } ▸ [s, t] → [1, 2]
    in try, catch and finally: try { var a = 1; throw 2 } catch (e) { var b = e } finally { var c = 3 } ▸ [a, b, c]
      → [1, 2, 3]
    behind labels: out: for (;;) { in_: { var l = 1; break out } }⏎z: var m = 2 ▸ [l, m] → [1, 2]
    deep inside: if (1) for (const q of [1]) { try { switch (q) { case 1: { var deep = q } } } catch {} } ▸ deep → 1
    behind a line without a semicolon: if (1) {⏎  let p = [1]⏎  var q = 2⏎} ▸ q → 2
    but not of a function: var v = 1; function f() { if (1) { var v = 2 } return v } const g = () => { var v = 3;
      return v } ▸ [v, f(), g()] → [1, 2, 3]
    but not of a class: var v = 1; class A { static { var v = 2 } m() { for (var v = 3; ;) return v } } ▸ v → 1
    and is hoisted: const before = typeof x; if (1) { var x = 1 } ▸ before → "undefined"
    let and const of a block stay there: const x = 1; { const x = 2; let y = 3 } for (let x = 9; x < 9;);
      ▸ [x, typeof y] → [1, "undefined"]
    functions of a block stay there: { function inner() {} } ▸ typeof inner → "undefined"
  `);
});

describe("a constant", () => {
  fail(`
    of this cell cannot be assigned to: const x = 1; x = 2 → Attempted to assign to readonly property
    of an earlier cell cannot be assigned to: const x = 1 ▸ x = 2 → Attempted to assign to readonly property
    cannot be counted up: const x = 1 ▸ x++ → Attempted to assign to readonly property
    cannot be a pattern's target: const [x] = [1] ▸ [x] = [2] → Attempted to assign to readonly property
    cannot be assigned to by a function either: const x = 1; function f() { x = 2 } ▸ f()
      → Attempted to assign to readonly property
    may be an import: import { a } from "./m.ts" ▸ a = 2 → Attempted to assign to readonly property
    may be an imported module: import * as m from "./m.ts" ▸ m = 2 → Attempted to assign to readonly property
    may be an enum: enum E { A } ▸ E = 1 → Attempted to assign to readonly property
    may be a namespace: namespace N { export const x = 1 } ▸ N = 1 → Attempted to assign to readonly property
    may be an import by require: import p = require("node:path") ▸ p = 1 → Attempted to assign to readonly property
  `);
  hold(`
    may be declared again as anything: const x = 1 ▸ let x = 2; x = 3 ▸ x → 3
    may be declared again as a constant: const x = 1 ▸ const x = 2 ▸ x → 2
    may be declared again in the statement that uses it: const x = 1 ▸ const x = x + 1 as number ▸ x → 2
    may be changed inside: const x = [1] ▸ x.push(2); x → [1, 2]
    let, var, functions and classes are none: let a = 1; var b = 1; function f() {} class C {} ▸ a = b = f = C = 2
      ▸ [a, b, f, C] → [2, 2, 2, 2]
    is one for a function of an earlier cell that sees the new value: const x = 1; const see = () => x ▸ const x = 2
      ▸ see() → 2
    is one of a loop only there: for (const x of [1, 2]) {} ▸ typeof x → "undefined"
  `);
});

describe("functions", () => {
  hold(`
    can be called before their declaration: const x = f(); function f() { return 1 } ▸ x → 1
    can call each other: function f() { return g() } function g() { return 2 } ▸ f() → 2
    have their names: function f() {} async function* g() {} const h = () => {}, i = function () {}
      ▸ [f, g, h, i].map((x) => x.name) → ["f", "g", "h", "i"]
    may be generators: function* g() { yield 1; yield 2 } ▸ [...g()] → [1, 2]
    may be async: async function f() { return await 1 } ▸ await f() → 1
    may be async generators: async function* g() { yield 1 } ▸ const all = []; for await (const x of g()) all.push(x);
      all → [1]
    may be overloaded: function f(a: number): number;⏎function f(a: string): string;⏎function f(a: any) { return a }
      ▸ f(1) → 1
    may be overloaded and exported: export default function f(): void⏎export default function f(a?: any) { return a }
      ▸ f(1) → 1
    may be generic: function f<const T extends unknown[]>(...x: T): T { return x } const g = <T,>(x: T) => x
      ▸ [f(1), g(2)] → [[1], 2]
    may be generic without JSX: const g = <T>(x: T) => x ▸ g(2) → 2
    may assert: function f(x: unknown): asserts x is string {} function is(x: unknown): x is string { return true }
      ▸ is(1) → true
    replace earlier ones for those who call them: function f() { return 1 } function g() { return f() }
      ▸ function f() { return 2 } ▸ g() → 2
    with comments in odd places: export /* function */ async /* x */ function /* y */ f /* z */ () { return 1 }
      ▸ await f() → 1
    see what using declares: using u = { v: 3, [Symbol.dispose]() {} }; function f() { return u.v }⏎f() → 3
  `);
});

describe("classes", () => {
  hold(`
    have their names, and know themselves: class A { static me = () => A } ▸ [A.name, A.me() === A] → ["A", true]
    keep knowing themselves when their name is taken: class A { static me = () => A; static x = 1 } const B = A
      ▸ class A {} ▸ B.me().x → 1
    may be anonymous values of constants: const A = class {} ▸ A.name → "A"
    have private names, accessors and static blocks: class A { #x = 1; get x() { return this.#x } static y = 0;
      static { A.y = 2 } static is = (a: any) => #x in a } ▸ [new A().x, A.y, A.is(new A())] → [1, 2, true]
    may extend what is awaited: class A extends (await Promise.resolve(Array)) { [await 'k']() { return 1 } }
      ▸ new A().k() → 1
    may be abstract: abstract class A { abstract m(): number; n() { return this.m() } }⏎
      class B extends A { m() { return 1 } } ▸ new B().n() → 1
    may be abstract and exported: export default /* abstract */ abstract class A { static x = 1 } ▸ A.x → 1
    may have everything of TypeScript: class A<in out T> implements I { declare d: 1; readonly r = 1;
      [k: string]: any; override?: 1; constructor(private p: T, public q = 2) {} m(x: 1): 1;
      m(x: any) { return this.p } } interface I {} ▸ [new A(1).m(1), new A(1).q] → [1, 2]
    may have auto-accessors: class A { accessor x = 1; static accessor y = 2 } ▸ [new A().x, A.y] → [1, 2]
    may be decorated: const seen: string[] = [];
      const d = (_: unknown, c: any) => void seen.push(c.kind + ' ' + c.name)⏎
      @d class A { @d m() {} @d accessor x = 1; @d static f = 1; @d get g() { return 1 } } ▸ [A.name, seen.toSorted()]
      → ["A", ["accessor x", "class A", "field f", "getter g", "method m"]]
    may be replaced by their decorators: const d = (c: any) => class extends c { z = 1 }⏎
      @d class A { static make() { return new A() } } ▸ (A.make() as any).z → 1
    may be decorated before export: const d = () => {}⏎@d⏎// export⏎export class A {}
      @d export default abstract class B {} ▸ [A.name, B.name] → ["A", "B"]
    may be decorated behind export: const d = (x: any) => () => {}⏎export @d(1) class A {}
      export default @d(class {}) class B {} ▸ [A.name, B.name] → ["A", "B"]
    with decorators may persist: const d = () => {}; @d class A {} ▸ A = 1 as any; A → 1
  `);
});

describe("enums and namespaces", () => {
  hold(`
    number and name their members: enum E { A, B = 5, C, D = 'd', F = 1 << 3 } ▸ [E.A, E.C, E.D, E.F, E[5]]
      → [0, 6, "d", 8, "B"]
    may use variables: const n = 3; enum E { A = n, B } ▸ E → { 3: "A", A: 3, B: undefined, undefined: "B" }
    may be const: const enum E { A = 1 }⏎export const enum F { B = E.A } ▸ [E.A, F.B] → [1, 1]
    leave nothing when they are declared only: declare enum E { A } declare const enum F { B }
      declare namespace N { const x: 1 } ▸ typeof E + typeof F + typeof N → "undefinedundefinedundefined"
    merge in one cell: enum E { A = 1 } enum E { B = A + 1, default = 7 } enum E { C = 3 }
      ▸ [E.A, E.B, E.C, E[2], E.default] → [1, 2, 3, "B", 7]
    begin anew in the next cell: enum E { A } namespace N { export const a = 1 }
      ▸ enum E { B } namespace N { export const b = 1 } ▸ [Object.keys(E), Object.keys(N)] → [["0", "B"], ["b"]]
    hold variables, functions, classes and enums: namespace N { const p = 1; export const x = p, y = 2;
      export function f() { return x } export class C {} export enum E { A } export async function* g() {} }
      ▸ [N.x, N.y, N.f(), N.C.name, N.E.A, N.g.name, 'p' in N] → [1, 2, 1, "C", 0, "g", false]
    hold what patterns bind: namespace N { export const { a, b: [c] } = { a: 1, b: [2] } } ▸ N → { a: 1, c: 2 }
    hold variables that change: namespace N { export let n = 1; export function up() { n++ } }
      ▸ N.up(); N.n += 5; N.up(); N.n → 8
    run where they stand: const order = ['a']; namespace N { order.push('b') } order.push('c') ▸ order
      → ["a", "b", "c"]
    use what the cell declares: const x = 1; function f() { return x } namespace N { export const y = f() + 1 } ▸ N.y
      → 2
    call their functions before the declaration: namespace N { export const x = f();
      export function f() { return N.f === f } } ▸ N.x → true
    may be nested: namespace A { export namespace B { export const x = 1;
      export namespace C { export const y = x + 1 } } namespace D { export const z = 1 } export const w = D.z }
      ▸ [A.B.x, A.B.C.y, A.w, 'D' in A] → [1, 2, 1, false]
    may have paths: namespace A.B.C { export const x = 1; export const path = A.B.C === B.C } ▸ [A.B.C.x, A.B.C.path]
      → [1, true]
    merge with each other: namespace N { export const a = 1 } namespace N { export const b = a + 1 }
      namespace N.M { export const c = b } namespace N.M { export const d = c + 1 } ▸ [N.b, N.M.d] → [2, 3]
    merge inside of each other: namespace A.B { export const x = 1 } namespace A { export const y = B.x; export namespace B {
      export const z = x + 1 } } ▸ [A.y, A.B.z, A.B.x] → [1, 2, 1]
    merge with what an enum's part computes: enum E { A = 1 } enum E { B = E.A + 1, C = E["A"] } ▸ [E.B, E.C] → [2, 1]
    may be changed from outside and inside: namespace N { export let x = 1; export const inc = () => ++x } N.x = 10; N.inc()
      ▸ N.x → 11
    merge with a function: function f() { return f.x } namespace f { export let x = 1 } ▸ [f(), f.x] → [1, 1]
    merge with a class: class C { m() { return C.x } } namespace C { export const x = 1 } ▸ [C.name, new C().m()]
      → ["C", 1]
    merge with an enum: enum E { A = 4 } namespace E { export function f() { return A } } ▸ [E.A, E.f()] → [4, 4]
    merge inside of one: export namespace N { export function f() {} export namespace f { export const x = 1 }
      class C {} export namespace C { export const y = 2 } export const z = C.y } ▸ [N.f.x, N.z] → [1, 2]
    may hold their own name: namespace N { export class N {} export const x = 1 } ▸ [N.N.name, N.x] → ["N", 1]
    of types leave nothing: namespace N { export interface I {} export type T = 1 } class C {}
      namespace C { export type X = 1 } ▸ [typeof N, C.name] → ["undefined", "C"]
    may give other names: namespace N { export namespace M { export const x = 1 } export import X = M.x; import Y = M;
      export const y = Y.x } import Z = N.M ▸ [N.X, N.y, Z.x] → [1, 1, 1]
  `);
});
