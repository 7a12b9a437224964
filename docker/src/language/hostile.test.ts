/** Whatever the values and the language have become, nothing of the user's runs. */
import { beforeEach, describe, expect, test } from "bun:test";
import { createContext, runInContext } from "node:vm";
import { complete } from "./complete.ts";
import { inspect } from "./inspect.ts";
import { Animal, CELL, names, scope } from "./live.harness.ts";

/** The global object of another context, which asks the object behind it. */
const foreign = (behind: object): unknown => runInContext("this", createContext(behind));

describe("nothing of the user's runs", () => {
  let ran = "";
  const { Error: OriginalError } = globalThis;
  /** A function that is never to be called; the note is taken without anything that a test replaces. */
  const note = (what: string) => (): never => {
    ran += `${what} `;
    throw new OriginalError(what);
  };
  beforeEach(() => void (ran = ""));

  const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, note(name)]));
  const spy = <Value extends object>(value: Value, ...keys: PropertyKey[]): Value => {
    for (const key of keys)
      Object.defineProperty(value, key, { get: note(String(key)), configurable: true, enumerable: true });
    return value;
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const INSPECT = Symbol.for("nodejs.util.inspect.custom");
  const hostile: Record<string, unknown> = {
    getter: spy(
      {},
      "value",
      "constructor",
      "then",
      "length",
      "size",
      "name",
      Symbol.toStringTag,
      Symbol.iterator,
    ),
    endless: {
      get value(): never {
        ran += "endless ";
        for (;;);
      },
    },
    proxy: new Proxy({}, traps),
    callable: new Proxy(() => 1, traps),
    revoked: revoked.proxy,
    child: Object.create(new Proxy({}, traps)),
    own: { value: 1, [INSPECT]: note("inspect"), toString: note("toString"), toJSON: note("toJSON") },
    map: spy(new Map([[new Proxy({}, traps), spy({}, "a")]]), "size", Symbol.iterator, "entries"),
    set: spy(new Set([new Proxy([], traps)]), "size", Symbol.iterator),
    array: spy([1, 2], "1", "value", Symbol.iterator, "map"),
    error: spy(new TypeError("x"), "message", "name", "cause", "toString"),
    promise: spy(Promise.resolve(1), "then", "constructor"),
    date: spy(new Date(0), "toISOString", "toJSON", Symbol.toPrimitive),
    regex: spy(/x/g, "flags", "source", "global", "exec"),
    bytes: spy(new Uint8Array(4), "length", "constructor"),
    code: spy(() => 1, "name", "length", "toString", "prototype", "constructor"),
    maker: spy(class extends Animal {}, "name", "value", Symbol.hasInstance),
    foreign: foreign(new Proxy({}, { getOwnPropertyDescriptor: note("foreign") })),
    context: foreign(spy({}, "value")),
  };
  hostile["all"] = { ...hostile };

  test.each(Object.keys(hostile))("by a value: %s", (name) => {
    const forms = [
      "_",
      "_.",
      "_.value",
      "_.value.",
      '_["',
      "_[0].",
      "_.value['",
      "new _().",
      "(await _).",
      "_(",
    ];
    for (const form of forms) {
      const code = form.replace("_", name);
      complete(code, code.length, hostile, names);
      inspect(code, code.length, true, hostile, names, true);
    }
    expect(ran).toBe("");
  });

  test("by an error's frames", () => {
    const before = Reflect.get(Error, "prepareStackTrace") as unknown;
    const value = Object.assign(new Error("x"), { code: 7 });
    Reflect.set(Error, "prepareStackTrace", note("prepareStackTrace"));
    const found = complete("value.", 6, { value }, names).matches.map(({ text }) => text);
    const frames = inspect("value.stack", 11, true, { value }, names, false);
    Reflect.set(Error, "prepareStackTrace", before);
    expect(ran).toBe("");
    expect(found).toContain("code");
    expect(frames).toEqual({ data: {} });
  });

  test("by what stands in the place of the language's own", () => {
    const code = `${CELL}\nconst fresh = (a = /x/) => { seven["second"] + '' + \`\${1}\`; `;
    const ends =
      "seven.|seven['second'].|new Dog().|(await promise).|tot||import '|import './|x = {|rex.fetch(|table";
    const asked = [...ends.split("|").map((end) => code + end), 'import { re} from "node:fs"'];
    const answer = (into: ReturnType<typeof inspect>[], best: string[]): void => {
      for (let i = 0; i < asked.length; i++) {
        const text = asked[i] as string;
        const cursor = i === asked.length - 1 ? 11 : text.length;
        best[i] = complete(text, cursor, scope, names).matches[0]?.text ?? "";
        into[i] = inspect(text, cursor, true, scope, names, false);
      }
    };
    const list = () => asked.map(() => ({ data: {} }));
    const [before, after, bestBefore, bestAfter] = [list(), list(), asked.map(String), asked.map(String)];
    const { defineProperty: define, deleteProperty: remove } = Reflect;
    const plan = replacements(note);
    answer(before, bestBefore);
    for (let i = 0; i < plan.length; i++)
      define(plan[i]?.holder as object, plan[i]?.key as string, plan[i]?.now as object);
    try {
      answer(after, bestAfter);
    } finally {
      for (let i = plan.length - 1; i >= 0; i--) {
        const { holder, key, old } = plan[i] as Replacement;
        if (old === undefined) remove(holder, key);
        else define(holder, key, old);
      }
    }
    expect(ran).toBe("");
    expect(plan.length).toBeGreaterThan(300);
    expect(bestAfter).toEqual(bestBefore);
    expect(bestAfter).toContain("read");
    expect(after).toEqual(before);
  });
});

type Replacement = {
  readonly holder: object;
  readonly key: PropertyKey;
  readonly now: PropertyDescriptor;
  readonly old: PropertyDescriptor | undefined;
};

/** Inherits nothing, since Object.prototype is replaced as well. */
const alone = <Of extends object>(of: Of): Of => Object.setPrototypeOf({ ...of }, null) as Of;

/** Everything of the language's own that a cell can replace, as far as it can be put back. */
function replacements(note: (what: string) => () => never): Replacement[] {
  const plan: Replacement[] = [];
  const replace = (holder: object, key: PropertyKey, descriptor: PropertyDescriptor) => {
    const own = Object.getOwnPropertyDescriptor(holder, key);
    const old = own === undefined ? undefined : alone(own);
    plan.push({ holder, key, now: alone({ ...descriptor, configurable: true }), old });
  };
  const iterators = [[].values(), new Map().values(), new Set().values()].map(
    (of) => Object.getPrototypeOf(of) as object,
  );
  const prototypes = [Array, String, Map, Set, RegExp, Function, Date, Promise, Symbol, Object].map(
    (of) => of.prototype as object,
  );
  for (const holder of [...prototypes, ...iterators, Object, Reflect, Array, JSON, Math])
    for (const key of Reflect.ownKeys(holder)) {
      const own = Object.getOwnPropertyDescriptor(holder, key);
      if (own?.configurable !== true || key === "constructor" || key === "__proto__") continue;
      if (typeof own.value === "function") replace(holder, key, { value: note(String(key)) });
      else if (own.get !== undefined) replace(holder, key, { get: note(`get ${String(key)}`) });
    }
  const [get, set] = [note("get"), note("set")];
  for (const key of [
    "get",
    "set",
    "value",
    "writable",
    "enumerable",
    "text",
    "kind",
    "open",
    "key",
    "encoding",
    "index",
  ])
    replace(Object.prototype, key, { get, set });
  for (const key of ["0", "1", "7"]) replace(Array.prototype, key, { get, set });
  for (const key of [
    "Set",
    "Map",
    "Error",
    "process",
    "Array",
    "Object",
    "Reflect",
    "String",
    "JSON",
    "Symbol",
  ])
    replace(globalThis, key, { get: note(`global ${key}`) });
  replace(process, "cwd", { value: note("cwd") });
  replace(process, "getBuiltinModule", { value: note("getBuiltinModule") });
  replace(Bun, "peek", { value: note("peek") });
  return plan;
}
