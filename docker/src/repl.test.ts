/** The supervisor with a real worker, without a container: what a cell does comes out as events, in order. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Notebook, output, traceback, until } from "./notebook.harness.ts";
import { Busy } from "./repl.ts";
import type { Event } from "./wire.ts";

const notebook = new Notebook();
const { repl } = notebook;
const start = notebook.start.bind(notebook);
const run = notebook.run.bind(notebook);
const value = notebook.value.bind(notebook);

describe("state", () => {
  test("persists over cells and may be declared again", async () => {
    await run("const x: number = 1; function f() { return x } class A {} enum E { B = 5 }");
    expect(await value("[x, f(), typeof A, E.B]")).toBe('[ 1, 1, "function", 5 ]');
    await run("const x = 2");
    expect(await value("f()")).toBe("2");
  });

  test("survives an error", async () => {
    const events = await run("let kept = 7; throw new Error('no'); ");
    expect(events.map((event) => event.type)).toEqual(["error", "end"]);
    expect(await value("kept")).toBe("7");
  });

  test("of a file keeps the file's name in tracebacks of later cells", async () => {
    await run("function fail() {\n  throw new Error('no');\n}", { file: "lib.ts" });
    const lines = traceback(await run("fail()")).split("\n");
    expect(lines[1]).toBe("    at fail, lib.ts, line 2");
    expect(lines.at(-1)).toMatch(/^ {4}at Cell \[\d+\], line 1$/);
  });

  test("survives a cell that replaces what the worker needs", async () => {
    await run(
      "JSON.stringify = () => 'gone'; JSON.parse = () => null; globalThis.Promise = null; Reflect.apply = null;",
    );
    expect(await value("1 + 1")).toBe("2");
    await run("process.exit(0)");
  });

  test("of a stateless execution is nobody else's", async () => {
    await run("globalThis.secret = 1", { session: null });
    expect(output(await run("console.log(typeof secret)", { session: null }))).toBe("undefined\n");
  });
});

describe("output", () => {
  test("is complete when the end comes, however much it is", async () => {
    const text = output(await run("for (let i = 0; i < 20000; i++) console.log('line ' + i)"));
    expect(text.split("\n").length).toBe(20001);
  });

  test("of process.stdout.write is not lost", async () => {
    expect(output(await run("process.stdout.write('x'.repeat(500_000))")).length).toBe(500_000);
  });

  test("of child processes is shown", async () => {
    expect(output(await run("await Bun.spawn(['echo', 'child'], { stdout: 'inherit' }).exited"))).toBe(
      "child\n",
    );
  });

  test("beyond the cap is counted, not kept", async () => {
    const events = await run("for (let i = 0; i < 300; i++) console.log('x'.repeat(9999))");
    expect(output(events).length).toBe(1 << 20);
    expect(output(events, "stderr")).toContain(`${300 * 10_000 - (1 << 20)} bytes of output left out`);
  });
});

describe("endings", () => {
  test("a time limit ends a loop, and keeps the state", async () => {
    const [last] = (await run("while (true) {}", { timeout_ms: 50 })).slice(-1);
    expect(last).toMatchObject({ outcome: "timeout", state: "kept" });
  });

  test("a program that ends its process tells its status, and the next cell runs", async () => {
    const [last] = (await run("process.exit(3)")).slice(-1);
    expect(last).toMatchObject({ outcome: "crashed", state: "lost", exit_code: 3 });
    expect(await value("2")).toBe("2");
  });

  test("a forged end does not end the cell", async () => {
    const events = await run(
      `require("node:fs").writeSync(3, '{"type":"output","id":1,"event":{"type":"end","outcome":"ok"}}\\n'); await Bun.sleep(50)`,
    );
    expect(events.filter((event) => event.type === "end")).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ outcome: "crashed", state: "lost" });
  });

  test("an interrupt of nothing does nothing", async () => {
    expect(repl.interrupt()).toBeFalse();
    expect(await value("3")).toBe("3");
  });
});

describe("one cell at a time", () => {
  test("a second one is refused, the first goes on", async () => {
    const { end } = start("await Bun.sleep(50)");
    expect(() => start("1")).toThrow(Busy);
    expect((await end).outcome).toBe("ok");
  });
});

test("commands that a busy worker has yet to read reach it in order, each whole", async () => {
  const { end, events } = start("console.log(1); const over = Date.now() + 200; while (Date.now() < over);");
  await until(() => output(events) !== "");
  const large = `"${"x".repeat(300_000)}"`;
  const codes = [large, `f(${large}`, "2", `[${large}`, "3"];
  const answers = codes.map((code) => repl.ask({ about: "is_complete", code }));
  expect((await Promise.all(answers)).map((answer) => "status" in answer && answer.status)).toEqual([
    "complete",
    "incomplete",
    "complete",
    "incomplete",
    "complete",
  ]);
  expect((await end).outcome).toBe("ok");
});

/** Conversations that pytest reads too. UPDATE_TRANSCRIPTS=1 writes them anew. */
describe("transcripts", () => {
  const folder = join(import.meta.dir, "../../tests/transcripts");
  test.each([
    ["value", "console.log('hello'); console.error('oops'); ({ a: 1 })", {}],
    [
      "display",
      "await display({ a: 1 }, { display_id: 'd' }); clearOutput({ wait: true }); html`<b>hi</b>`",
      {},
    ],
    ["error", "function f(): never {\n  throw new TypeError('bad')\n}\nf()", { count: 1 }],
    ["syntax-error", "let y: number = ;", { count: 1 }],
    ["timeout", "while (true) {}", { timeout_ms: 50 }],
    ["exit", "process.exit(4)", {}],
  ])("%s", async (name, code, options) => {
    check(name, await run(code, options));
  });

  test("interrupted", async () => {
    const { end, events } = start("await new Promise(() => {})");
    repl.interrupt();
    await end;
    check("interrupted", events);
  });

  function check(name: string, events: readonly Event[]): void {
    const path = join(folder, `${name}.ndjson`);
    const text = events.map((event) => `${JSON.stringify(measured(event))}\n`).join("");
    if (process.env["UPDATE_TRANSCRIPTS"] === "1") writeFileSync(path, text);
    expect(text).toBe(readFileSync(path, "utf8"));
  }
});

/** Without what differs from run to run. */
const measured = (event: Event): Event =>
  event.type === "end" ? { ...event, wall_ms: 1, cpu_ms: 1, peak_memory_bytes: 1 } : event;
