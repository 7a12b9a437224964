/**
 * One cell on its way through the worker, and afterwards the place where its late output goes.
 *
 * Law: it shows its outputs in the order in which they happened, and no more of them than a cell may.
 */
import type { Event, ExecuteRequest, Outcome, OutputEvent, Report } from "../wire.ts";
import type { Usage } from "./linux.ts";

/** Text is collected this long, so that a flood of short lines becomes few events. */
const COLLECT_MS = 5;
/** Longest text of one event; as JSON it may be six times as long. */
const MAX_TEXT_BYTES = 1 << 16;
/** So many workers may end before they have read a stateless execution. */
const MAX_TRIES = 3;
/** So many questions of one cell may wait for their answers. */
const MAX_INPUTS = 100;
/** What the smallest event costs of a cell's output, so that a million empty ones have an end. */
const MIN_EVENT_BYTES = 256;

type Name = "stdout" | "stderr";

export class Execution {
  readonly name: string;
  readonly stateless: boolean;
  readonly started = performance.now();
  readonly timers: NodeJS.Timeout[] = [];
  peakMemoryBytes = 0;
  outputBytes = 0;
  droppedBytes = 0;
  /** Why the supervisor wants the cell to end, once it does. */
  stop: Extract<Outcome, "interrupted" | "timeout"> | null = null;
  /** The worker has read the cell. */
  begun = false;
  /** Workers that have ended before they have read it. */
  tries = 0;
  /** The cell is over, and the worker makes sure that no signal is left; the id of the latest request for that. */
  settling: number | null = null;
  done = false;
  /** The inputs that the cell waits for, and which of them blocks it. */
  readonly inputs = new Map<number, { readonly blocking: boolean }>();
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  #lastInput = 0;
  #text = "";
  #textName: Name = "stdout";
  #flush: NodeJS.Timeout | null = null;

  constructor(
    readonly id: number,
    public request: ExecuteRequest,
    readonly maxOutputBytes: number,
    readonly usageBefore: Usage,
    public emit: (event: Event) => void,
    /** Where its output goes once it has ended. */
    readonly late: (execution: string, event: OutputEvent) => void,
    readonly finished: () => void,
  ) {
    this.name = request.execution;
    this.stateless = request.session === null;
  }

  /** Nothing of it has run, and it misses nothing that ran before: its worker was ended by a neighbour. */
  get canBeTriedAgain(): boolean {
    return this.stateless && !this.begun && this.stop === null && this.tries < MAX_TRIES;
  }

  print(name: Name, bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.#charge(bytes.length));
    if (kept.length === 0) return;
    if (name !== this.#textName) this.flush();
    this.#textName = name;
    this.#text += this.#decoders[name].decode(kept, { stream: true });
    if (this.#text.length >= MAX_TEXT_BYTES) this.flush();
    else this.#flush ??= setTimeout(() => this.flush(), COLLECT_MS);
  }

  show(event: OutputEvent): void {
    if (!this.#pay(JSON.stringify(event))) return;
    this.flush();
    this.#send(event);
  }

  /** Asks for input, and returns whether somebody may answer: each input has a number above that of the one before. */
  ask({ input: id, blocking, prompt, password }: Extract<Report, { type: "input" }>): boolean {
    const isLawful = this.request.allow_stdin && id > this.#lastInput && this.inputs.size < MAX_INPUTS;
    if (!isLawful || !this.#pay(prompt)) return false;
    this.#lastInput = id;
    this.inputs.set(id, { blocking });
    this.flush();
    this.emit({ type: "input", id, prompt, password });
    return true;
  }

  /** Sends the text that has been collected. */
  flush(): void {
    if (this.#flush !== null) clearTimeout(this.#flush);
    this.#flush = null;
    const text = this.#text;
    this.#text = "";
    for (let at = 0; at < text.length; at += MAX_TEXT_BYTES)
      this.#send({ type: "stream", name: this.#textName, text: text.slice(at, at + MAX_TEXT_BYTES) });
  }

  /** Says how much was left out, once a cell is at its end. */
  tellDropped(): void {
    this.flush();
    if (this.droppedBytes === 0) return;
    const text = `\n… ${this.droppedBytes} bytes of output left out: a cell may print ${this.maxOutputBytes} bytes\n`;
    this.#send({ type: "stream", name: "stderr", text });
  }

  /** Lets go of the request, which has had its answer; only output that is late still wants a name. */
  finish(): void {
    this.request = { ...this.request, code: "", file: "" };
    this.emit = () => {};
    this.finished();
  }

  /** Counts what goes out in one piece or not at all. */
  #pay(text: string): boolean {
    const bytes = Math.max(MIN_EVENT_BYTES, Buffer.byteLength(text));
    return this.#charge(bytes) === bytes;
  }

  /** Counts output of whatever kind, and returns how much of it the cell may still show. */
  #charge(bytes: number): number {
    const room = Math.max(0, this.maxOutputBytes - this.outputBytes);
    const allowed = Math.min(bytes, room);
    this.outputBytes += bytes;
    this.droppedBytes += bytes - allowed;
    if (this.done && allowed < bytes && this.droppedBytes === bytes - allowed) {
      const text = `\n… what this cell prints from here on is left out: a cell may print ${this.maxOutputBytes} bytes\n`;
      this.flush();
      this.#send({ type: "stream", name: "stderr", text });
    }
    return allowed;
  }

  #send(event: OutputEvent): void {
    if (this.done) this.late(this.name, event);
    else this.emit(event);
  }
}
