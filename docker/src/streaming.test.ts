/** What a cell prints: complete, in order, and under the cell that it belongs to. */
import { describe, expect, test } from "bun:test";
import { Notebook, output, traceback, until } from "./notebook.harness.ts";

const notebook = new Notebook();
const { late } = notebook;
const lateText = (): string =>
  late.map((each) => (each.type === "late" && each.event.type === "stream" ? each.event.text : "")).join("");

describe("order", () => {
  test("of stdout and stderr is kept as written", async () => {
    const events = await notebook.run(
      "for (let i = 0; i < 50; i++) { console.log('out', i); console.error('err', i); }",
    );
    const lines = events.map((event) => (event.type === "stream" ? event.text : "")).join("");
    expect(lines).toBe(Array.from({ length: 50 }, (_, i) => `out ${i}\nerr ${i}\n`).join(""));
  });

  test("of prints and displays is kept as written", async () => {
    const events = await notebook.run("console.log('a'); display(1); console.log('b'); display(2); 3");
    expect(events.map((event) => event.type)).toEqual([
      "stream",
      "display",
      "stream",
      "display",
      "result",
      "end",
    ]);
  });

  test("of native prints and ours is kept across a pause", async () => {
    const events = await notebook.run(
      "console.log('a'); await Bun.sleep(20); require('node:fs').writeSync(1, 'native '); await Bun.sleep(20); console.log('b')",
    );
    expect(output(events)).toBe("a\nnative b\n");
  });
});

describe("bytes", () => {
  test("of a character may come in pieces", async () => {
    const events = await notebook.run(
      "for (const byte of Buffer.from('süß 🥟')) { process.stdout.write(new Uint8Array([byte])); await Bun.sleep(1) }",
    );
    expect(output(events)).toBe("süß 🥟");
  });

  test("of no text are replaced and break nothing", async () => {
    const events = await notebook.run("process.stdout.write(new Uint8Array([0xff, 0xfe, 0, 104, 105])); 1");
    expect(output(events)).toContain("hi");
    expect(events.at(-1)).toMatchObject({ outcome: "ok" });
  });

  test("past the worker may be anything", async () => {
    const events = await notebook.run(
      "require('node:fs').writeSync(1, Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 256))); 1",
    );
    expect(events.at(-1)).toMatchObject({ outcome: "ok" });
  });

  test("of a long line arrive whole", async () => {
    const events = await notebook.run("console.log('🥟'.repeat(50_000))");
    expect(output(events)).toBe(`${"🥟".repeat(50_000)}\n`);
  });
});

describe("text arrives while the cell still runs", () => {
  test.each([
    ["console.log('on'); while (true) {}"],
    ["console.error('on'); await new Promise(() => {})"],
    ["process.stdout.write('on'); Bun.sleepSync(60_000)"],
    ["await Bun.write(Bun.stdout, 'on'); await new Promise(() => {})"],
    ["Bun.spawnSync(['/bin/sh', '-c', 'echo on; sleep 60'], { stdout: 'inherit' })"],
  ])("%s", async (code) => {
    const { events, end } = notebook.start(code);
    await until(() => (output(events) + output(events, "stderr")).startsWith("on"));
    notebook.repl.interrupt();
    expect(await end).toMatchObject({ state: "kept" });
  });
});

describe("late output goes to the cell that started it", () => {
  test.each([
    ["a timer", "setTimeout(() => console.log('late'), 30)"],
    ["a promise", "Bun.sleep(30).then(() => console.log('late'))"],
    ["an async function", "(async () => { await Bun.sleep(30); console.log('late') })()"],
    ["an error in a timer", "setTimeout(() => { throw new Error('late') }, 30)"],
    ["a rejection that nobody awaits", "(async () => { await Bun.sleep(30); throw new Error('late') })()"],
    ["a display", "setTimeout(() => display('late'), 30)"],
  ])("of %s, though another cell runs", async (_, code) => {
    await notebook.run(`${code};`, { execution: "first" });
    const events = await notebook.run("await Bun.sleep(60); 'second'", { execution: "second" });
    await until(() => late.length > 0);
    expect(late).toMatchObject([{ type: "late", execution: "first" }]);
    expect(JSON.stringify(late)).toContain("late");
    expect(events.map((event) => event.type)).toEqual(["result", "end"]);
  });

  test("and names the cell's line when it is an error", async () => {
    await notebook.run("0;\nsetTimeout(() => {\n  throw new RangeError('stray') }, 5);", { count: 41 });
    await until(() => lateText().includes("stray"));
    expect(lateText()).toContain("Uncaught RangeError: stray");
    expect(lateText()).toContain("Cell [41], line 3");
  });

  test("and is cut off at the cell's cap, which is said once", async () => {
    await notebook.run("const flood = setInterval(() => console.log('x'.repeat(200_000)), 1);");
    await until(() => lateText().includes("left out"));
    await Bun.sleep(30);
    await notebook.run("clearInterval(flood)");
    expect(lateText().split("left out").length).toBe(2);
    expect(lateText().length).toBeLessThan((1 << 20) + 500);
  });
});

test("a traceback points at lines of the cells, through the cell that defined the function", async () => {
  await notebook.run(
    "interface T { a: number }\nfunction fails(t: T): never {\n  throw new Error('inside')\n}",
    {
      count: 1,
    },
  );
  const text = traceback(await notebook.run("const t: number = 1\n\nfails({ a: t })", { count: 2 }));
  expect(text).toMatch(/Cell \[1\], line 3\n.*\n.*throw new Error\('inside'\)\n\s+\^/s);
  expect(text).toContain("Cell [2], line 3");
  expect(text).not.toContain("worker");
});

test.each([
  [
    "a cause",
    "throw new Error('outer', { cause: new TypeError('inner') })",
    ["outer", "caused by:", "TypeError: inner"],
  ],
  ["a cause that is no error", "throw new Error('outer', { cause: { code: 7 } })", ["caused by:", "code: 7"]],
  [
    "its parts",
    "await Promise.any([Promise.reject(new Error('one')), Promise.reject(new Error('two'))])",
    ["1 of 2:", "Error: one", "2 of 2:", "Error: two"],
  ],
  ["a subclass's name", "class Odd extends Error { name = 'Odd' }; throw new Odd('x')", ["Odd: x"]],
  [
    "a constant by name",
    "const fixed = 1; fixed = 2",
    ["TypeError: Cannot assign to 'fixed' because it is a constant.", "line 1"],
  ],
  ["a rejected promise", "await Promise.reject(new RangeError('no'))", ["RangeError: no"]],
  ["a callback", "[1].map(function inner() { throw new Error('cb') })", ["inner", "line 1"]],
  [
    "one of two constants",
    "const one = 1, two = 2; [one, two] = [3, 4]",
    ["TypeError: Cannot assign to 'one', 'two': one of them is a constant."],
  ],
  [
    "a property that is read-only",
    "const frozen = Object.freeze({ q: 1 }); frozen.q = 2",
    ["TypeError: Cannot assign to 'q' because it is a read-only property."],
  ],
  [
    "where a package is missing",
    "1;\nimport x from 'no-such-package'",
    ["ImportError: Cannot find package 'no-such-package'", "line 2", `${" ".repeat(23)}^`],
  ],
  [
    "where a file is missing",
    "1;\nawait import('./no-such-file.ts')",
    ["ImportError", "no-such-file.ts", "line 2"],
  ],
  ["what is only proposed", "2 |> Math.sqrt(%)", ["SyntaxError: This syntax is not part of TypeScript yet."]],
  ["where a name is missing", "import { nothing } from 'node:fs'", ["'nothing' not found", "line 1", "^"]],
  [
    "the surroundings of a place in a long line",
    `const long = '${"z".repeat(5000)}'; throw new Error('far')`,
    ["zzz'; throw new Error('far')\n", "^"],
  ],
])("a traceback shows %s", async (_, code, parts) => {
  const text = traceback(await notebook.run(code));
  for (const part of parts) expect(text).toContain(part);
});

test("a line of a traceback is never long", async () => {
  const text = traceback(await notebook.run(`throw new Error('near'); '${"z".repeat(5000)}'`));
  for (const line of text.split("\n")) expect(line.length).toBeLessThan(220);
});

test("a cell that formats stacks in its own way does not do so for the tracebacks of later cells", async () => {
  await notebook.run("Error.prepareStackTrace = () => 'mine'");
  expect(traceback(await notebook.run("throw new Error('told')", { count: 61 }))).toContain(
    "Cell [61], line 1",
  );
});

test("a file can be imported that was not there when its folder was first looked at", async () => {
  await notebook.run("await import('./late.ts')");
  await notebook.run("require('fs').writeFileSync('late.ts', 'export const late: number = 7')");
  expect(await notebook.value("(await import('./late.ts')).late")).toBe("7");
});

test("a group that a cell leaves open is not open in the next, and still is in what the cell left behind", async () => {
  await notebook.run(
    "console.group('G'); setTimeout(() => console.log('late'), 20); throw new Error('before its end')",
  );
  expect(output(await notebook.run("console.log('flat'); await Bun.sleep(40)"))).toBe("flat\n");
  const texts = notebook.late.map((event) =>
    event.type === "late" && event.event.type === "stream" ? event.event.text : "",
  );
  expect(texts.join("")).toBe("  late\n");
});

const lostFrame = (text: string): string =>
  `require('node:fs').writeSync(3, Buffer.concat([Buffer.from([0, 0, 0, 0, 0, ${text.length}, 0]), Buffer.from('${text}')]));`;

describe("a frame that has lost its kind", () => {
  test("is text of the cell that runs", async () => {
    await notebook.run("let before = 6");
    expect(output(await notebook.run(`${lostFrame("found")} await Bun.sleep(1)`))).toBe("found");
    expect(await notebook.value("before")).toBe("6");
  });

  test("and has no text ends the worker like all that is no frame", async () => {
    await notebook.run(`${lostFrame("")} await Bun.sleep(100)`);
    expect(await notebook.value("typeof before")).toBe('"undefined"');
  });
});

test("what was written past the worker comes before the cell's end", async () => {
  for (let run = 0; run < 100; run++)
    expect(output(await notebook.run("require('node:fs').writeSync(1, 'native\\n')"))).toBe("native\n");
});
