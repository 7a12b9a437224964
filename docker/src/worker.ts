/**
 * The process that user code lives in. It reads commands on one pipe and writes reports on another; what user code
 * prints goes through its own standard output and error, and can never be taken for a report.
 *
 * Law: everything here is hostile from the first cell on. What the worker needs after that is captured before it, so
 * that a cell that replaces `JSON.stringify` or `Promise` breaks itself only; what the worker says is checked by the
 * supervisor, and by the kernel after it.
 */
import { plugin } from "bun";
import { drainMicrotasks } from "bun:jsc";
import { writeFileSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { Script } from "node:vm";
import { type Cell, CellSyntaxError, prepare } from "./cell.ts";
import { displayGlobals, toBundle } from "./display.ts";
import { Lines, MAX_LINE } from "./lines.ts";
import { type CellSource, describeError } from "./traceback.ts";
import type { Command, Completeness, OutputEvent, Report } from "./wire.ts";

/** The pipes that `child.ts` opens for a worker. */
const REPORTS_FD = 3;
const COMMANDS_FD = 4;

const { stringify, parse } = JSON;
const { Promise, setTimeout } = globalThis;
const ENTER = Symbol.for("bun-sandbox.enter");
type RunCommand = Extract<Command, { type: "run" }>;
const MAX_ERROR_TEXT = 100_000;
const MAX_FRAMES = 200;
const INTERRUPTED = Symbol("interrupted");

/** A cell that runs or has run. Modules are named by `id`, since counts come again: after a restart, or unstored. */
type Ran = CellSource & Pick<Cell, "module" | "loader"> & { readonly id: number; readonly color: boolean };
const cells: Record<number, Ran | undefined> = Object.create(null) as Record<number, Ran>;
const find = (id: number) => cells[id];
let running: Ran = unread({ id: 0, code: "", count: 0, color: false });
let stopWaiting: (reason: symbol) => void = () => {};

function unread({ id, code, count, color }: Pick<RunCommand, "id" | "code" | "count" | "color">): Ran {
  return {
    id,
    label: `Cell [${count}]`,
    source: code,
    color,
    module: "",
    loader: "ts",
    original: () => null,
  };
}

function report(message: Report): void {
  writeAll(REPORTS_FD, `${stringify(message)}\n`);
}

function emit(event: Extract<Report, { type: "output" }>["event"]): void {
  const line = `${stringify({ type: "output", id: running.id, event })}\n`;
  if (line.length > MAX_LINE)
    throw new RangeError(`the value takes ${line.length} bytes; one output may have ${MAX_LINE}`);
  writeAll(REPORTS_FD, line);
}

/** Reading a thrown value runs its getters, so even that can throw. */
function describe(error: unknown): Extract<OutputEvent, { type: "error" }> {
  try {
    const event = describeError(error, running, find, running.color);
    return { ...event, evalue: cut(event.evalue), traceback: event.traceback.slice(0, MAX_FRAMES).map(cut) };
  } catch {
    const sentence = "the thrown value cannot be read";
    return { type: "error", ename: "Error", evalue: sentence, traceback: [`Error: ${sentence}`] };
  }
}
const cut = (text: string): string =>
  text.length <= MAX_ERROR_TEXT ? text : `${text.slice(0, MAX_ERROR_TEXT)} …`;

/** Writes the whole text, as the standard streams of a program do when they are pipes. */
function writeAll(fd: number, data: string | Uint8Array): void {
  let rest = typeof data === "string" ? Buffer.from(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

/** Runs the cell's body inside a script, since only a script can be left by SIGINT in the middle of a loop. */
const enter = new Script(`globalThis[Symbol.for("bun-sandbox.enter")]()`);
function interruptible<T>(body: () => T): T {
  Object.defineProperty(globalThis, ENTER, { value: body, configurable: true, enumerable: false });
  return enter.runInThisContext({ breakOnSigint: true }) as T;
}

async function run(command: RunCommand): Promise<"ok" | "error" | "interrupted"> {
  cells[command.id] = running = unread(command);
  try {
    const cell = prepare(command.code);
    cells[command.id] = running = { ...running, ...cell };
    for (const name of cell.names) if (!(name in globalThis)) Reflect.set(globalThis, name, undefined);
    const module = (await import(`cell:${command.id}`)) as { default: () => Promise<[unknown] | undefined> };
    const interrupt = new Promise<never>((_, reject) => (stopWaiting = reject));
    const body = interruptible(module.default);
    interruptible(drainMicrotasks);
    const result = await Promise.race([body, interrupt]);
    if (result !== undefined && result[0] !== undefined)
      emit({ type: "result", data: await toBundle(result[0], command.color), metadata: {} });
    return "ok";
  } catch (error) {
    if (error === INTERRUPTED || isInterruption(error)) {
      // The signal's own handler may still be on its way, and must not meet the next cell.
      for (let turn = 0; turn < 2; turn++) await new Promise((done) => setTimeout(done));
      return "interrupted";
    }
    emit(describe(error));
    return "error";
  } finally {
    stopWaiting = () => {};
  }
}

function isInterruption(error: unknown): boolean {
  try {
    return error instanceof Error && Reflect.get(error, "code") === "ERR_SCRIPT_EXECUTION_INTERRUPTED";
  } catch {
    return false;
  }
}

function completeness(code: string): Completeness {
  try {
    prepare(code);
    return { status: "complete", indent: "" };
  } catch (error) {
    if (!(error instanceof CellSyntaxError) || !error.incomplete) return { status: "invalid", indent: "" };
    const lastLine = code.trimEnd().split("\n").at(-1) ?? "";
    const indent = /^\s*/.exec(lastLine)?.[0] ?? "";
    return { status: "incomplete", indent: /[{([]$/.test(lastLine) ? `${indent}  ` : indent };
  }
}

async function obey(command: Command): Promise<void> {
  if (command.type === "is_complete") {
    report({ type: "completeness", id: command.id, completeness: completeness(command.code) });
    return;
  }
  const outcome = await run(command);
  report({ type: "done", id: command.id, outcome });
}

/** An error that no cell awaits: a forgotten promise, a callback. It is shown, and the worker lives. */
function showStray(error: unknown): void {
  writeAll(2, `Uncaught ${describe(error).traceback.join("\n")}\n`);
}

plugin({
  name: "cells",
  setup(build) {
    build.onResolve({ filter: /^cell:/ }, ({ path }) => ({
      path: path.slice("cell:".length),
      namespace: "cell",
    }));
    build.onResolve({ filter: /^\.{0,2}\// }, ({ path, importer }) =>
      importer.startsWith("cell:") ? { path: resolve(path) } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "cell" }, ({ path }) => {
      const cell = find(Number(path));
      return { contents: cell?.module ?? "", loader: cell?.loader ?? "ts" };
    });
  },
});

process.on("SIGINT", () => stopWaiting(INTERRUPTED));
process.on("uncaughtException", showStray);
process.on("unhandledRejection", showStray);
for (const [stream, fd] of [
  [process.stdout, 1],
  [process.stderr, 2],
] as const) {
  stream.write = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
    writeAll(
      fd,
      typeof chunk === "string"
        ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
        : (chunk as Uint8Array),
    );
    const callback = typeof encoding === "function" ? encoding : done;
    if (typeof callback === "function") queueMicrotask(callback as () => void);
    return true;
  };
}
Object.assign(
  globalThis,
  displayGlobals(emit, () => running.color),
);
// Under memory pressure the kernel must choose this process, and all that it starts, before the supervisor.
writeFileSync("/proc/self/oom_score_adj", "1000");
process.chdir(process.env["HOME"] ?? "/");

report({ type: "ready" });
const lines = new Lines();
for await (const chunk of Bun.file(COMMANDS_FD).stream())
  for (const line of lines.feed(chunk)) await obey(parse(line) as Command);
process.exit(0);
