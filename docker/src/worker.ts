/**
 * The process that user code lives in: cells come in as commands, outputs go out as frames.
 *
 * Law: everything here is hostile from the first cell on. What the worker needs after that is captured before it, so
 * that a cell that replaces `JSON.stringify` or `Promise` breaks itself only; what the worker says is checked by the
 * supervisor, and by the kernel after it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { prepare } from "./cell.ts";
import { answer, remember } from "./worker/answers.ts";
import { restoreBuiltIns, returnChanges } from "./worker/builtins.ts";
import { Channel } from "./worker/channel.ts";
import { createConsole } from "./worker/console.ts";
import { denoAlias, displayGlobals, inspectValue, isFromDisplay, show } from "./display.ts";
import { endFirst, hide } from "./hidden.ts";
import { turnEventLoop } from "./worker/interruptible.ts";
import { WORKER_FDS } from "./supervisor/frames.ts";
import { Lines } from "./supervisor/lines.ts";
import { loadCells, metaOf } from "./worker/modules.ts";
import { keepSource, keepValue, resultGlobals } from "./worker/results.ts";
import { Stdin } from "./worker/stdin.ts";
import { replaceStandardStreams } from "./worker/streams.ts";
import { guardTimers } from "./worker/timers.ts";
import { type CellSource, describeError, startedBy } from "./worker/traceback.ts";
import type { Command, OutputEvent, Report } from "./wire.ts";

type RunCommand = Extract<Command, { type: "run" }>;
/** So many cells, counted by what the supervisor numbers, can still be pointed at by a traceback. */
const REMEMBERED = 1000;
const MAX_ERROR_TEXT = 100_000;
const MAX_FRAMES = 200;

const HOME = process.env["HOME"] ?? "/";
const { parse } = JSON;
const { Promise, setTimeout } = globalThis;
const { defineProperty, getOwnPropertyDescriptor } = Object;
/** Without prototypes, so that nothing a cell has given to every object is found in them. */
const CONSTANT = Object.assign(Object.create(null) as PropertyDescriptor, { writable: false });
const listenerCount = process.listenerCount.bind(process);
const isListening = (event: string): boolean => listenerCount(event) > 0;
const kill = process.kill.bind(process, process.pid, "SIGKILL");

/** A cell that runs or has run. */
type Ran = Omit<CellSource, "original"> & {
  original: CellSource["original"];
  readonly id: number;
  readonly count: number;
  readonly color: boolean;
  /** Somebody answers its questions; nobody does after its end. */
  allowsInput: boolean;
  /** Set by an interrupt: the cell's awaits do not come back. */
  stopped: boolean;
  /** Of the lines inside the console's groups that the cell has opened. */
  indent: string;
};
const cells: Record<number, Ran | undefined> = Object.create(null) as Record<number, Ran>;
const find = (id: number) => cells[id];
const context = new AsyncLocalStorage<Ran>();
const within: <T>(cell: Ran, body: () => T) => T = context.run.bind(context);
const owner = context.getStore.bind(context);
let latest = unread({
  type: "run",
  id: 0,
  code: "",
  count: 0,
  file: "",
  color: false,
  store_history: false,
  allow_stdin: false,
});
let running: Ran | null = null;
let inputs = 0;

const channel = new Channel(WORKER_FDS.channel, () => {
  kill();
  throw new Error("the worker is at its end");
});
/** The cell that the code which runs now belongs to, late or not. */
const current = (): Ran => owner() ?? latest;
const emit = (event: Extract<Report, { type: "output" }>["event"]) =>
  channel.report({ type: "output", id: current().id, event });

function unread({ id, code, count, file, color, allow_stdin }: RunCommand): Ran {
  return {
    id,
    count,
    label: file === "" ? `Cell [${count}]` : file,
    source: code,
    color,
    allowsInput: allow_stdin,
    original: () => null,
    stopped: false,
    indent: "",
  };
}

/** Reading a thrown value runs its getters, so even that can throw. */
function describe(error: unknown): Extract<OutputEvent, { type: "error" }> {
  try {
    const event = describeError(error, current(), find, current().color);
    const traceback: string[] = [];
    for (let index = 0; index < event.traceback.length && index < MAX_FRAMES; index++)
      traceback[index] = cut(event.traceback[index] ?? "");
    return { ...event, evalue: cut(event.evalue), traceback };
  } catch {
    const sentence = "the thrown value cannot be read";
    return { type: "error", ename: "Error", evalue: sentence, traceback: [`Error: ${sentence}`] };
  }
}
const trace = (error: Error): string => {
  const { traceback } = within(current(), () => describe(error));
  let text = "";
  for (let index = 0; index < traceback.length; index++)
    text += `${index > 0 ? "\n" : ""}${traceback[index]}`;
  return text;
};
const cut = (text: string): string =>
  text.length <= MAX_ERROR_TEXT ? text : `${text.slice(0, MAX_ERROR_TEXT)} …`;

async function run(command: RunCommand): Promise<void> {
  makeWhole();
  const cell = unread(command);
  cells[command.id] = latest = running = cell;
  const old = cells[command.id - REMEMBERED];
  if (old !== undefined) Object.assign(old, { source: "", original: () => null });
  let outcome: "ok" | "error" = "ok";
  try {
    channel.report({ type: "started", id: cell.id });
    const { module, loader, names, original } = prepare(command.code);
    cell.original = original;
    for (const name of names) declare(name);
    remember(command.code, cell.label);
    if (command.store_history) keepSource(command.count, command.code);
    const body = await load(cell.id, module, loader);
    let value: unknown;
    returnChanges();
    await within(cell, () =>
      body({
        constant,
        resumed,
        value: (given) => void (value = given),
        get meta() {
          return metaOf(HOME, command.count);
        },
      }),
    );
    if (running !== cell) return;
    makeWhole();
    // What `display` returns is not a value to show: it has been shown.
    if (isFromDisplay(value)) await (value as PromiseLike<unknown>);
    else if (value !== undefined) {
      if (command.store_history) keepValue(command.count, value);
      const shown = await within(cell, () => show(value, command.color, trace));
      if (running !== cell) return;
      within(cell, () => emit({ type: "result", ...shown }));
    }
    if (running !== cell) return;
  } catch (error) {
    if (running !== cell) return;
    makeWhole();
    outcome = "error";
    within(cell, () => emit(describe(error)));
  }
  finish(cell, outcome);
}

function finish(cell: Ran, outcome: Extract<Report, { type: "done" }>["outcome"]): void {
  running = null;
  cell.allowsInput = false;
  channel.report({ type: "done", id: cell.id, outcome });
}

function makeWhole(): void {
  try {
    restoreBuiltIns();
    if (!isListening("uncaughtException")) process.on("uncaughtException", showStray);
    if (!isListening("unhandledRejection")) process.on("unhandledRejection", showStray);
  } catch (error) {
    const sentence = "A cell has replaced built-ins of the language for good, so its process ends.";
    channel.print("stderr", latest.id, `${sentence} ${String(error)}\n`);
    kill();
  }
}

/** A signal has broken off what ran: the cell itself, or a callback that any cell has left behind. */
function signalled(): void {
  const broken = brokenCallback();
  if (broken !== null) broken.stopped = true;
  makeWhole();
  interrupt();
}

function interrupt(): void {
  if (running === null) return;
  running.stopped = true;
  finish(running, "interrupted");
}

/** Thrown where the code of a stopped cell comes back from an await; nobody hears of it. */
class Stopped extends Error {}

function constant(...names: readonly string[]): void {
  for (let index = 0; index < names.length; index++) defineProperty(globalThis, names[index] ?? "", CONSTANT);
}

function resumed<T>(value: T): T {
  if (owner()?.stopped) throw new Stopped();
  return value;
}

/** Makes room for a name on `globalThis`, whatever has been there; its value stays until the cell gives it another. */
function declare(name: string): void {
  const present = getOwnPropertyDescriptor(globalThis, name);
  const value: unknown = present !== undefined && "value" in present ? present.value : undefined;
  defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
}

async function obey(command: Command): Promise<void> {
  switch (command.type) {
    case "run":
      // It comes again where nobody knows whether it was read.
      return cells[command.id] === undefined ? run(command) : undefined;
    case "interrupt":
      if (running?.id === command.id) interrupt();
      return;
    case "settle":
      // A signal's own work may still be on its way, and must not meet the next cell.
      for (let turn = 0; turn < 2; turn++) await new Promise((done) => setTimeout(done));
      return channel.report({ type: "settled", id: command.id });
    case "input":
      return stdin.answer(command.id, command.value);
    case "ask":
      makeWhole();
      channel.report({ type: "answer", id: command.id, answer: answer(command.question) });
      return running === null ? undefined : returnChanges();
  }
}

/** An error that no cell awaits: a forgotten promise, a callback. It is shown, and the worker lives. */
function showStray(error: unknown): void {
  const cell = owner() ?? find(startedBy(error)) ?? latest;
  if (cell.stopped || error instanceof Stopped) return;
  const text = within(cell, () => trace(error as Error));
  channel.print("stderr", cell.id, `Uncaught ${text}\n`);
}

const load = loadCells();
const brokenCallback = guardTimers(owner);
const stdin = new Stdin(
  WORKER_FDS.answers,
  (question) => {
    channel.report({ type: "input", id: current().id, input: ++inputs, ...question });
    return inputs;
  },
  () => current().allowsInput,
  (sentence) => channel.print("stderr", current().id, sentence),
  () => {
    interrupt();
    throw new Error("the cell was interrupted");
  },
);

// Bun takes the signal for itself when its first listener comes, and away from whatever turns the event loop.
process.on("SIGINT", () => {});
makeWhole();
replaceStandardStreams((name, data) => channel.print(name, current().id, data));
const display = displayGlobals(emit, () => current().color, trace);
Object.assign(
  console,
  createConsole(
    (name, text) => channel.print(name, current().id, text),
    (value) => inspectValue(value, false, trace),
    () => display.clearOutput(),
    current,
  ),
);
Object.assign(globalThis, display, stdin.globals, resultGlobals);
// Unlike Bun's own, it can be interrupted.
Bun.sleepSync = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
if (process.env["BUN_SANDBOX_DENO_ALIAS"] === "1") Object.assign(globalThis, { Deno: denoAlias(display) });
process.chdir(HOME);
endFirst();
hide();

const lines = new Lines();
void Bun.connect({
  fd: WORKER_FDS.commands,
  socket: {
    open: () => channel.report({ type: "ready" }),
    data(_: unknown, bytes: Uint8Array) {
      for (const line of lines.feed(bytes)) void obey(parse(line) as Command);
    },
    close: () => process.exit(0),
  },
} as unknown as Bun.UnixSocketOptions);
turnEventLoop(signalled);
