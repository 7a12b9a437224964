/** What may stand at a cursor. */
import { describe, expect, test } from "bun:test";
import { complete } from "./complete.ts";
import { completed, names, scope, texts } from "./live.harness.ts";

describe("completion", () => {
  const SEVEN = "first second it ünï";
  // The first matches in their order; a `.` at the end says that these are all.
  test.each([
    // members
    ["seven.|", `${SEVEN} .`],
    ["seven.f|", "first ."],
    ["seven?.sec|", "second ."],
    ["seven.second.|", "deep ."],
    ["seven . second\n  .de|", "deep ."],
    ["seven!.second!.d|", "deep ."],
    ["seven['second'].|", "deep ."],
    ["seven[key].|", "deep ."],
    ["seven?.['second']?.|", "deep ."],
    ["list[1].|", "name tail"],
    ["list[index].ta|", "tail ."],
    ["list[unknown].|", "."],
    ["list[index + 1].|", "."],
    ["(seven).f|", "first ."],
    ["((seven.second)).|", "deep ."],
    ["(await promise).|", "settled ."],
    ["(await pending).|", "."],
    ["(await seven).fir|", "first ."],
    ["await seven.second.|", "deep ."],
    ["await promise.fin|", "finally ."],
    ["typeof seven.fir|", "first ."],
    ["x = !seven.fir|", "first ."],
    ["rex.|", "legs constructor fetch speak"],
    ["new Dog().|", "constructor fetch speak"],
    ["new Dog.|", "length name prototype"],
    ["(new Dog).fe|", "fetch ."],
    ["new Map<string, number[]>().for|", "forEach ."],
    ["new seven.second().|", "."],
    ['"text".spl|', "split ."],
    ['"text".len|', "length ."],
    ["'a' + `t`.sli|", "slice ."],
    ["`${seven.first} and`.sli|", "slice ."],
    ["[1, 2].flatM|", "flatMap ."],
    ["(123).toF|", "toFixed ."],
    ["1.5.toF|", "toFixed ."],
    ["10n.toL|", "toLocaleString ."],
    ["/[/]re\\//gi.exe|", "exec ."],
    ["true.valueO|", "valueOf ."],
    ["this.rex.le|", "legs ."],
    ["globalThis.Math.flo|", "floor ."],
    ["self.Math.flo|", "floor ."],
    ["Math.PI.toFi|", "toFixed ."],
    ["Bun.peek.sta|", "status ."],
    ["process.env.PAT|", "PATH"],
    ["total.toFi|", "toFixed ."],
    ["add(1).|", "."],
    ["seven.first().|", "."],
    ["seven`x`.|", "."],
    ["nothing.|", "."],
    ["unknown.|", "."],
    ["proxy.|", "."],
    ["accessor.|", "lazy ."],
    ["accessor.lazy.|", "."],
    ["rex.#|", "."],
    ["rex.#se|", "."],
    ["12.|", "."],
    ["12|", "."],
    ["12ab|", "."],
    ["...seven.fi|", "first ."],
    ["[...|", "total"],
    ["x ? seven.fi| : 1", "first ."],
    ["a / seven.fi|", "first ."],
    ["f(a) / b / seven.fi|", "first ."],
    ["<p>{seven.fi|}</p>", "first ."],
    ["<p></p>; seven.fi|", "first ."],
    ["class Dog { run() { this.fet|", "fetch ."],
    ["class Unknown { run() { this.|", "."],
    // between brackets
    ['seven["|', `first second with\\_space it it's say\\_\\\\"hi\\\\" ünï .`],
    ['seven["w|', "with\\_space ."],
    ["seven['it|", "it it\\\\'s with\\_space ."],
    ["seven?.['se|", "second ."],
    ["seven['second']['|", "deep ."],
    ["list['|", "length"],
    ["['fir|", "."],
    ["x = ['fir|", "."],
    // ranks
    ["casing.ab|", "abc aBc ABc xabc ."],
    ["casing.AB|", "ABc aBc abc xabc ."],
    // names
    ["tot|", "total ."],
    ["x = tot|", "total ."],
    ["|", "total other add over arrow made Animal Dog Color Shape fs readIt left right rest more"],
    ["ad|", "add addEventListener"],
    ["const fresh = 1\nfres|", "fresh ."],
    ["function fresher() { fresh|", "fresher ."],
    ["instanc|", "instanceof ."],
    ["tota|l", "total ."],
    ["😀; tota|", "total ."],
    ["`${tota|", "total ."],
    ["`a ${ {b: `${1}`} } ${tota|", "total ."],
    ["f(tota|)", "total ."],
    ["{ a: tota|", "total ."],
    ["x = { tota|", "total ."],
    ["x = { Mat|", "."],
    ["x = { a: Mat|", "Math ."],
    ["if (x) { Mat|", "Math ."],
    ["() => { Mat|", "Math ."],
    ["class X { y = Mat|", "Math ."],
    ["const { a = Mat|", "Math ."],
    // new names
    ["const tot|", "."],
    ["let tot|", "."],
    ["const a = 1, tot|", "."],
    ["const { tot|", "."],
    ["const [a, tot|", "."],
    ["function tot|", "."],
    ["function* tot|", "."],
    ["function f(tot|", "."],
    ["function f(a, tot|", "."],
    ["catch (tot|", "."],
    ["class Ani|", "."],
    ["class X { tot|", "."],
    ["class X { static async tot|", "."],
    ["interface Ani|", "."],
    ["import tot|", "."],
    ["import * as tot|", "."],
    // exports
    ['import { readFileS| } from "node:fs"', "readFileSync ."],
    ['import fs, { a, readFileS| } from "fs"', "readFileSync ."],
    ['import { readFileS| } from "./unknown"', "."],
    ["import { readFileS|", "."],
    // no code
    ["'tot|", "."],
    ["'seven.f|", "."],
    ["x = 'a' + 'tot|", "."],
    ["`tot|", "."],
    ["`${1} tot|", "."],
    ["// tot|", "."],
    ["/* tot|", "."],
    ["/tot|", "."],
    ["x = /[/] tot|", "."],
    ["// tot\ntota|", "total ."],
    ["/* ' */ tota|", "total ."],
    ["'it\\'s' + tota|", "total ."],
    ["'broken\ntota|", "total ."],
    ["%time tot|", "."],
    ["x\n  %tot|", "."],
    ["%time\ntota|", "total ."],
    ["x = 5\n% tota|", "."],
    ["x % tota|", "total ."],
  ])("%s", (text, expected) => {
    const wanted = expected.split(" ").map((word) => word.replaceAll("\\_", " ").replaceAll("\\\\", "\\"));
    const found = texts(text);
    if (wanted.at(-1) !== ".") return expect(found.slice(0, wanted.length)).toEqual(wanted);
    const members = found.filter((name) => !(name in Object.prototype) || wanted.includes(name));
    return expect(members).toEqual(wanted.slice(0, -1));
  });

  test.each([
    ["seven.fir|st", 6, 9],
    ["😀😀 + tot|", 7, 10],
    ["seven.|", 6, 6],
    ["seven['sec|']", 7, 10],
    ['import "node:f|"', 8, 14],
    ["'a|", 1, 2],
    ["// a|", 4, 4],
    ["|", 0, 0],
  ])("replaces what is before the cursor: %s", (text, start, end) => {
    expect(completed(text)).toMatchObject({ start, end });
  });

  test.each([
    ["total|", "instance", ""],
    ["add|", "function", "(a: number, b = 1): { sum: number }"],
    ["over|", "function", ""],
    ["arrow|", "function", "(value: T, done?: () => void): Promise<T>"],
    ["made|", "function", "(x, y)"],
    ["Animal|", "class", "(readonly name: string, age = 1)"],
    ["Shape|", "module", ""],
    ["Math|", "module", ""],
    ["Color|", "class", ""],
    ["parseInt|", "function", ""],
    ["URLSearchParams|", "class", ""],
    ["rex.legs|", "property", ""],
    ["rex.fetch|", "function", "(_what)"],
    ["satisfies|", "keyword", ""],
    ["accessor.lazy|", "property", ""],
  ])("tells what it is: %s", (text, kind, signature) => {
    expect(completed(text).matches[0]).toEqual({
      text: text.replace(/.*\.|\|/g, "").replace("|", ""),
      kind,
      signature,
    });
  });

  test("keeps what every object has for the end, and names nothing twice", () => {
    const found = texts("rex.|");
    expect(found.slice(0, 4)).toEqual(["legs", "constructor", "fetch", "speak"]);
    expect(found.slice(4)).toEqual(
      Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== "constructor"),
    );
  });

  test.each([-5, 99, Number.NaN, Infinity, 1.5])("takes any cursor: %d", (cursor) => {
    const { start, end } = complete("seven.first", cursor, scope, names);
    expect(start).toBeGreaterThanOrEqual(0);
    expect(end).toBeLessThanOrEqual(11);
  });
});
