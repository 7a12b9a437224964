/** Where errors are told, and how they find the way back from a module to its cell. */
import { describe, expect, test } from "bun:test";
import { prepare } from "../cell.ts";
import { throwAt, withFiles } from "./session.harness.ts";

withFiles();

describe("a stack leads back to the cell", () => {
  throwAt(`
    of a statement: 1⏎  boom() → 2:3
    behind types and edits: const a: Map<string, number> = new Map(), b = boom() → 1:47
    behind a constant: const a: 1 = 1; const b: 2 = 2; boom() → 1:33
    of the last expression: 1⏎boom() → 2:1
    of an assignment to a constant: const x = 1 ▸ 1⏎  x = 2 → 2:3
    of a function and its caller: f()⏎⏎function f() {⏎  boom()⏎} → 4:3 1:1
    of an exported function: const a = 1⏎export async function f(x: number): Promise<void> { boom() }⏎await f(1) → 2:53 3:7
    of functions of earlier cells: 1⏎function f() { return boom() } ▸ 1⏎1⏎f() → 2:23 3:1
    of a class: class A {⏎  static {⏎    boom() } } → 3:5 1:1
    of a decorated class: const d = () => {}⏎@d export class A { m() {⏎ boom() } }⏎new A().m() → 3:2 4:9
    of a namespace: 1⏎namespace A.B { export const x: number = 1;⏎ export function f() { boom() } }⏎A.B.f() → 3:24 4:5
    of a namespace that runs: namespace N {⏎  const x = boom() } → 2:13 2:18
    of an enum: enum E { A = 1,⏎ B = boom() } → 2:6 2:2 1:1
    of a loop's head: for (var { a }: any of [null]) {} → 1:14
    of a nested variable: if (1) {⏎ var x: number = boom() } → 2:18
    of a default of a pattern: const { a, b = boom() }: any = {} → 1:16
    of an imported name: import { a } from "./m.ts"⏎a() → 2:1
    behind emoji: const s = "🥟🥟"; boom() → 1:19
    behind emoji in a tagged template: String.raw\`🥟\${1}🥟\`; boom() → 1:23
    inside a tagged template: 1⏎String.raw\`ü⏎\${boom()}\` → 3:3
    behind line ends of Windows: const a = 1;␍⏎\tconst b = 2;␍⏎\tboom() → 3:2
    behind line ends that editors do not know: const s = "\u2028"; const t = "x"⏎boom() → 2:1
    behind a hashbang: #!/usr/bin/env bun⏎boom() → 2:1
    of an object: { a: 1,⏎ b: boom() } → 2:5
    of a default export: export default⏎ boom() → 2:2
    after an await: await 1⏎await null⏎boom() → 3:1
    inside an await: await 1⏎const x: 1 = await boom(await 1) → 2:20
    of an async function that waits: async function f() { await 1; boom() }⏎1⏎ await f() → 1:31 3:8
  `);
});

describe("every word that a module shares with its cell leads back to it", () => {
  test.each([
    [
      "through imports, hoisting and edits",
      'import { m1 } from "m";\nconst m2: 1 = 1, m3 = m4();\nfunction f() {\n  m5();\n}',
    ],
    [
      "through functions that change places",
      "m1\nfunction f() { m2 }\n  m3; export async function g() {\n m4 }\nm5",
    ],
    [
      "through namespaces",
      "m1; namespace M.N {\n export const { m2 } = m3;\n export function m4() { m5 }\n namespace O { m6 }\n} m7",
    ],
    ["through enums that are merged", "enum E { m1 = m2 }\n m3; enum E { m4 = m1 } m5"],
    ["through line ends of Windows", "const m1: string =\r\n\tm2\r\nlet m3;\r\n  m4()\r\n"],
    ["through other line ends", "const m1 = '\u2028', m2 = m3\n`\r` + m4\nfunction f() { m5 }"],
    ["through emoji", 'const m1 = "🥟🥟", m2: 1 = m3\nfunction f() { "🥟"; m4 } m5'],
    ["through tagged templates", "m1`é${m2}é${m3`ü${m4}`}` + m5`a${m6}`"],
    ["through nested variables", "if (m1) var m2: 1 = m3; else for (var [m4] of m5) m6\nm7"],
    ["through classes", "@m1 export abstract class M extends m2 { m3() {} }\nm4"],
    ["through values", "export default m1\n"],
    ["through objects", "\n { m1: m2,\n  m3 } // m4"],
    ["below a hashbang", "#!m0\nm1"],
  ])("%s", (_, source) => {
    const { module, original } = prepare(source);
    const found = new Set<string>();
    for (const { 0: word, index } of module.matchAll(/\bm[1-9]\b/g)) {
      const lines = module.slice(0, index).split(/\r\n?|[\n\u2028\u2029]/);
      const position = original({ line: lines.length, column: (lines.at(-1) ?? "").length + 1 });
      const text = source.split("\n")[(position?.line ?? 0) - 1] ?? "";
      if (text.startsWith(word, (position?.column ?? 0) - 1)) found.add(word);
    }
    expect([...found].toSorted()).toEqual([...new Set(source.match(/\bm[1-9]\b/g))].toSorted());
  });
});

test("a position that is nowhere leads nowhere, and never throws", () => {
  const { original } = prepare("const x: number = 1\nx");
  const numbers = [
    -1,
    0,
    1,
    2,
    3,
    4,
    1e9,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  for (const line of numbers)
    for (const column of numbers) expect(() => original({ line, column })).not.toThrow();
  expect(original({ line: 1, column: 1 })).toBeNull();
  expect(original({ line: 99, column: 1 })).toBeNull();
});
