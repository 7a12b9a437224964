/** Whatever a cell does, an interrupt ends it, and its variables stay. */
import { describe, expect, test } from "bun:test";
import { Notebook, output, until } from "./notebook.harness.ts";

const notebook = new Notebook();
const { repl } = notebook;

/** Says that it runs, where a loop begins only after a while. */
const LATE_LOOP = "process.stdout.write('on'); while (true) {}";

describe("an interrupt keeps the state", () => {
  test.each([
    ["a loop", "while (true) {}"],
    ["a loop after an await", "await 1; while (true) {}"],
    ["a loop after a wait", "await Bun.sleep(5); while (true) {}"],
    ["a pending await", "await new Promise(() => {})"],
    ["a long sleep", "await Bun.sleep(60_000)"],
    ["a sleep that blocks", "Bun.sleepSync(60_000)"],
    ["a loop in a timer", `setTimeout(() => { ${LATE_LOOP} }, 5); await new Promise(() => {})`],
    ["a loop in setImmediate", `setImmediate(() => { ${LATE_LOOP} }); await new Promise(() => {})`],
    ["a loop in a microtask", "queueMicrotask(() => { while (true) {} }); await new Promise(() => {})"],
    ["microtasks without end", "const f = () => queueMicrotask(f); f(); await new Promise(() => {})"],
    ["ticks without end", "const f = () => process.nextTick(f); f(); await new Promise(() => {})"],
    [
      "a loop in an event's listener",
      `const e = new (require('node:events'))(); e.on('x', () => { ${LATE_LOOP} }); setTimeout(() => e.emit('x'), 5); await new Promise(() => {})`,
    ],
    [
      "a loop in a server's handler",
      `const s = Bun.serve({ port: 0, fetch() { ${LATE_LOOP} } }); await fetch(s.url)`,
    ],
    ["a loop that catches everything", "for (;;) { try { while (true) {} } catch {} finally { } }"],
    ["a busy child process", "await Bun.spawn([process.execPath, '-e', 'while (true) {}']).exited"],
    ["a child process that blocks", "Bun.spawnSync([process.execPath, '-e', 'while (true) {}'])"],
    [
      "a child process that traps SIGINT",
      "Bun.spawnSync([process.execPath, '-e', 'process.on(\"SIGINT\", () => {}); setInterval(() => {}, 1000)'])",
    ],
    ["SIGINT trapped", "process.on('SIGINT', () => {}); while (true) {}"],
    ["SIGINT's listeners removed", "process.removeAllListeners('SIGINT'); while (true) {}"],
    ["a getter that loops", "console.log({ get x() { while (true) {} } }.x)"],
    [
      "a value that never becomes a bundle",
      "({ [Symbol.for('Jupyter.display')]: () => new Promise(() => {}) })",
    ],
    ["Atomics.wait", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)"],
    ["a sort", "for (;;) Array.from({ length: 1e5 }, () => Math.random()).sort((a, b) => a - b)"],
    ["a flood", "for (;;) console.log('x')"],
    ["a flood of long lines", "const line = 'x'.repeat(1e5); for (;;) console.log(line)"],
    ["a flood of displays", "for (;;) display(1)"],
  ])("of %s", async (_, code) => {
    await notebook.run("let before = 1");
    expect(
      await notebook.interrupted(code.includes(LATE_LOOP) ? code : `process.stdout.write('on'); ${code}`),
    ).toMatchObject({
      outcome: "interrupted",
      state: "kept",
    });
    expect(await notebook.value("before")).toBe("1");
    expect(output(await notebook.run("await Bun.sleep(1); console.log('alive')"))).toBe("alive\n");
  });

  test("by a time limit too", async () => {
    await notebook.run("let before = 2");
    const events = await notebook.run("setTimeout(() => { while (true) {} }); await new Promise(() => {})", {
      timeout_ms: 50,
    });
    expect(events.at(-1)).toMatchObject({ outcome: "timeout", state: "kept" });
    expect(await notebook.value("before")).toBe("2");
  });

  test("of a loop that begins after the interrupt", async () => {
    await notebook.run("let before = 5");
    await notebook.interrupted(
      "process.stdout.write('on'); const s = Bun.serve({ port: 0, fetch() { while (true) {} } }); await fetch(s.url)",
    );
    expect(await notebook.value("before")).toBe("5");
    await notebook.restart();
  });

  test("of a loop that an earlier cell has left behind", async () => {
    await notebook.run("let before = 3; setTimeout(() => { while (true) {} }, 50)");
    await Bun.sleep(80);
    const { end } = notebook.start("1");
    await Bun.sleep(50);
    repl.interrupt();
    expect(await end).toMatchObject({ outcome: "interrupted" });
    expect(await notebook.value("before")).toBe("3");
  });
});

describe("an interrupted cell is over", () => {
  test("though it goes on after an await", async () => {
    await notebook.interrupted(
      "console.log('on'); globalThis.ticks = 0; for (;;) { await Bun.sleep(5); globalThis.ticks++ }",
    );
    const before = await notebook.value("ticks");
    await Bun.sleep(50);
    expect(await notebook.value("ticks")).toBe(before);
  });

  test("though it catches all that is thrown", async () => {
    await notebook.interrupted(
      "console.log('on'); globalThis.ticks = 0; for (;;) { try { await Bun.sleep(5); globalThis.ticks++ } catch {} }",
    );
    const before = await notebook.value("ticks");
    await Bun.sleep(50);
    expect(await notebook.value("ticks")).toBe(before);
  });

  test("with its timers", async () => {
    await notebook.run("globalThis.other = 0; const keeps = setInterval(() => globalThis.other++, 5)");
    await notebook.interrupted(
      "globalThis.ticks = 0; setInterval(() => globalThis.ticks++, 5); console.log('on'); await new Promise(() => {})",
    );
    const before = await notebook.value("ticks");
    await Bun.sleep(50);
    expect(await notebook.value("ticks")).toBe(before);
    expect(Number(await notebook.value("clearInterval(keeps), other"))).toBeGreaterThan(3);
  });

  test("and what it threw away is not reported", async () => {
    await notebook.interrupted("console.log('on'); await Bun.sleep(20); throw new Error('unheard')");
    await Bun.sleep(40);
    await notebook.run("0");
    expect(JSON.stringify(notebook.late)).not.toContain("unheard");
  });
});

test("two interrupts in a row are one", async () => {
  await notebook.run("let before = 4");
  const { events, end } = notebook.start("process.stdout.write('on'); while (true) {}");
  await until(() => output(events) === "on");
  repl.interrupt();
  repl.interrupt();
  expect(await end).toMatchObject({ outcome: "interrupted", state: "kept" });
  expect(repl.interrupt()).toBeFalse();
  expect(await notebook.value("before")).toBe("4");
});

test.each([
  ["native code", "require('node:crypto').pbkdf2Sync('p', 's', 2 ** 31 - 1, 64, 'sha512')"],
  [
    "SIGINT taken over",
    "process.removeAllListeners('SIGINT'); process.on('SIGINT', () => {}); while (true) {}",
  ],
])("a cell that nothing else stops is killed, and that is said: %s", async (_, code) => {
  const last = await notebook.interrupted(`process.stdout.write('on'); ${code}`);
  expect(last).toMatchObject({ outcome: "interrupted", state: "lost" });
  expect(last.message).toContain("all variables are gone");
  expect(await notebook.value("1")).toBe("1");
});
