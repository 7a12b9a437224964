/** Whatever a cell does to the process it lives in: it ends with a proper reply, and the next cell works. */
import { afterEach, describe, expect, test } from "bun:test";
import { Notebook, output } from "./notebook.harness.ts";

const notebook = new Notebook();
afterEach(() => notebook.restart());

/** The next cell computes, prints, shows, awaits and throws as ever. */
async function works(): Promise<void> {
  expect(await notebook.value("1 + 1")).toBe("2");
  expect(output(await notebook.run("await 1; console.log('printed')"))).toBe("printed\n");
  const kinds = (await notebook.run("display('shown'); throw new Error('thrown')")).map(({ type }) => type);
  expect(kinds).toEqual(["display", "error", "end"]);
}

describe("after a cell that", () => {
  test.each([
    ["replaces JSON", "JSON.stringify = () => 'gone'; JSON.parse = () => null; globalThis.JSON = null"],
    ["replaces Promise", "globalThis.Promise = null"],
    [
      "breaks promises",
      "Promise.prototype.then = Promise.prototype.catch = () => {}; Promise.resolve = null",
    ],
    [
      "breaks arrays",
      "for (const name of ['map', 'push', 'join', 'slice', 'forEach', 'filter', 'entries', 'at', 'findLast', 'flatMap', Symbol.iterator]) Array.prototype[name] = () => { throw new Error('broken') }",
    ],
    [
      "breaks strings",
      "for (const name of ['slice', 'split', 'replace', 'replaceAll', 'includes', 'startsWith', 'trim', 'match']) String.prototype[name] = () => { throw new Error('broken') }",
    ],
    [
      "breaks maps",
      "Map.prototype.get = Map.prototype.set = Map.prototype.has = () => { throw new Error('broken') }",
    ],
    ["breaks objects", "Object.assign = Object.defineProperty = Object.keys = Object.entries = null"],
    ["breaks Reflect", "for (const name of Reflect.ownKeys(Reflect)) try { Reflect[name] = null } catch {}"],
    [
      "breaks functions",
      "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = null",
    ],
    [
      "breaks regular expressions",
      "RegExp.prototype.exec = RegExp.prototype.test = () => { throw new Error('broken') }",
    ],
    [
      "breaks the console",
      "const { log } = console; console.log = () => { throw new Error('broken') }; await 1; console.log = log",
    ],
    ["replaces process.stdout.write", "process.stdout.write = () => { throw new Error('broken') }"],
    ["replaces process.send", "process.send = () => { throw new Error('broken') }; process.exit = () => {}"],
    ["replaces globalThis", "globalThis.globalThis = {}"],
    ["replaces Symbol", "globalThis.Symbol = null"],
    ["replaces Error", "globalThis.Error = null; globalThis.TypeError = null"],
    [
      "replaces Buffer and encoders",
      "globalThis.Buffer = null; globalThis.TextEncoder = null; globalThis.Uint8Array = null",
    ],
    [
      "breaks bytes",
      "Uint8Array.prototype.subarray = Uint8Array.prototype.set = null; TextEncoder.prototype.encodeInto = null",
    ],
    ["replaces fs.writeSync", "require('node:fs').writeSync = () => 0"],
    [
      "replaces the timers",
      "globalThis.setTimeout = globalThis.setImmediate = globalThis.queueMicrotask = null",
    ],
    ["replaces Bun.inspect", "try { Bun.inspect = () => { throw new Error('broken') } } catch {}"],
    [
      "freezes prototypes",
      "for (const o of [Object, Array, Function, Promise, Map, Error, String]) Object.freeze(o.prototype)",
    ],
    ["seals the global object", "try { Object.seal(globalThis) } catch {}"],
    [
      "poisons Object.prototype",
      "Object.prototype.then = undefined; Object.prototype.toJSON = undefined; Object.prototype.name = 'x'",
    ],
    ["poisons then", "Object.prototype.then = (resolve) => resolve(1)"],
    ["poisons get", "Object.prototype.get = () => 1; Object.prototype.value = 1"],
    ["takes every listener away", "process.removeAllListeners()"],
    [
      "stops AsyncLocalStorage",
      "require('node:async_hooks').AsyncLocalStorage.prototype.getStore = () => ({})",
    ],
    ["exits", "process.exit(0)"],
    ["exits from a timer", "setTimeout(() => process.exit(5)); await new Promise(() => {})"],
    ["aborts", "process.abort()"],
    ["kills itself", "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})"],
    ["stops its loop with SIGTERM", "process.kill(process.pid, 'SIGTERM'); await new Promise(() => {})"],
    [
      "closes its descriptors",
      "for (let fd = 0; fd < 10; fd++) try { require('node:fs').closeSync(fd) } catch {}",
    ],
    [
      "writes to every descriptor",
      "for (let fd = 0; fd < 10; fd++) try { require('node:fs').writeSync(fd, 'garbage\\n') } catch {} await Bun.sleep(20)",
    ],
    ["overflows the stack", "(function f() { f() })()"],
    [
      "overflows the stack while printing",
      "const o = {}; let p = o; for (let i = 0; i < 1e5; i++) p = p.a = {}; console.log(o); o",
    ],
    [
      "declares names of the worker",
      "const require = 1, process = 2, Bun = 3, console = 4, module = 5, exports = 6",
    ],
  ])("%s", async (_, code) => {
    const { end } = notebook.start(code);
    const patience = setTimeout(() => notebook.repl.interrupt(), 3000);
    expect(["ok", "error", "crashed"]).toContain((await end).outcome);
    clearTimeout(patience);
    await works();
  });
});

describe("a cell ends with a reply though it", () => {
  test.each([
    ["throws null", "throw null", "null"],
    ["throws undefined", "throw undefined", "undefined"],
    ["throws a string", "throw 'text'", "text"],
    ["throws an object", "throw { code: 7 }", "code: 7"],
    ["throws a symbol", "throw Symbol('s')", "Symbol(s)"],
    ["throws a function", "throw () => {}", "Function"],
    [
      "throws a Proxy that throws",
      "throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 }, ownKeys() { throw 3 }, has() { throw 4 } })",
      "",
    ],
    ["throws a Proxy of an error", "throw new Proxy(new Error('x'), { get() { throw 1 } })", ""],
    [
      "throws an error without a name",
      "const e = new Error('m'); Object.defineProperty(e, 'name', { get() { throw 1 } }); throw e",
      "",
    ],
    [
      "throws an error whose message is an object",
      "const e = new Error(); e.message = { toString() { throw 1 } }; throw e",
      "",
    ],
    ["throws an error whose stack is a number", "const e = new Error('m'); e.stack = 5; throw e", "m"],
    ["throws an error that is its own cause", "const e = new Error('m'); e.cause = e; throw e", "m"],
    [
      "throws an error with a million frames of text",
      "const e = new Error('m'); e.stack = '    at x\\n'.repeat(1e6); throw e",
      "m",
    ],
    ["throws a long message", "throw new Error('m'.repeat(1e7))", "m"],
    [
      "throws from a value's bundle",
      "({ [Symbol.for('Jupyter.display')]() { throw new Error('no bundle') } })",
      "no bundle",
    ],
    ["has a getter that throws", "({ get x() { throw new Error('getter') } }).x", "getter"],
  ])("%s", async (_, code, part) => {
    const events = await notebook.run(code);
    const error = events.find((event) => event.type === "error");
    expect(error?.type === "error" && error.ename.length > 0).toBeTrue();
    expect(JSON.stringify(error)).toContain(part);
    expect(JSON.stringify(events).length).toBeLessThan(2_000_000);
    await works();
  });

  test.each([
    [
      "returns a Proxy that throws",
      "new Proxy({}, { get() { throw 1 }, ownKeys() { throw 3 }, has() { throw 4 } })",
    ],
    [
      "returns what cannot be inspected",
      "({ [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('x') } })",
    ],
    [
      "returns what cannot be converted",
      "({ toJSON() { throw 1 }, [Symbol.toPrimitive]() { throw 2 }, toString() { throw 3 } })",
    ],
    [
      "claims a million MIME types",
      "({ [Symbol.for('Jupyter.display')]: () => Object.fromEntries(Array.from({ length: 1e6 }, (_, i) => ['a/' + i, 'x'])) })",
    ],
    [
      "has keys like __proto__",
      '({ [Symbol.for(\'Jupyter.display\')]: () => JSON.parse(\'{"__proto__": {"a/b": 1}, "constructor": 1}\') })',
    ],
    ["returns a long string", "'x'.repeat(2 ** 29)"],
    ["prints a long string", "process.stdout.write('x'.repeat(2 ** 25))"],
    ["shows a long string", "await display({ 'text/plain': 'x'.repeat(1e7) }, { raw: true })"],
    [
      "shows a cyclic bundle",
      "const o = {}; o.o = o; await display({ 'application/json': o }, { raw: true })",
    ],
    ["shows a bigint", "await display({ 'application/json': 1n }, { raw: true })"],
    ["is a very long line", `"${"x".repeat(500_000)}".length`],
    ["is nested very deeply", `${"[".repeat(5000)}${"]".repeat(5000)}`],
  ])(
    "%s",
    async (_, code) => {
      const { end } = notebook.start(code);
      const patience = setTimeout(() => notebook.repl.interrupt(), 4000);
      expect(["ok", "error"]).toContain((await end).outcome);
      clearTimeout(patience);
      await works();
    },
    10_000,
  );
});

describe("printing forges nothing", () => {
  test.each([
    ["a report", `console.log('{"type":"done","id":1,"outcome":"ok"}')`],
    ["a frame", "process.stdout.write(new Uint8Array([3, 1, 0, 0, 0, 2, 0, 123, 125]))"],
    ["an end", `require('node:fs').writeSync(1, '{"type":"end","outcome":"ok","state":"kept"}\\n')`],
  ])("of %s", async (_, code) => {
    const events = await notebook.run(code);
    expect(events.filter(({ type }) => type === "end")).toHaveLength(1);
    expect(events[0]?.type).toBe("stream");
  });

  test("of output of a cell that never was", async () => {
    const frame = "const f = Buffer.from([1, 255, 255, 255, 255, 2, 0, 104, 105])";
    const events = await notebook.run(`${frame}; require('node:fs').writeSync(3, f); await Bun.sleep(20)`);
    expect(events.map(({ type }) => type)).toEqual(["end"]);
    expect(notebook.late).toEqual([]);
  });
});
