/**
 * Owns the worker: one cell at a time, the deadline, the interrupt ladder, the memory watch, the restart.
 *
 * Law: every execution ends with exactly one `end`, and a lost state is always said aloud.
 */
import { Child, type ExitStatus } from "./child.ts";
import { describeEnd, describeExit, type Limits } from "./ending.ts";
import { endOthers, outOfMemoryKills, type Usage, usageOfOthers } from "./linux.ts";
import type {
  Completeness,
  EndEvent,
  Event,
  ExecuteRequest,
  LateEvent,
  Outcome,
  OutputEvent,
  Report,
} from "./wire.ts";

/** The sandbox already runs a cell, or belongs to another session. */
export class Busy extends Error {}

/** How long a worker may take to leave the cell after SIGINT before it is killed. */
const GRACE_MS = 1000;
const REPEAT_MS = 100;
const RETRY_START_MS = 5;
/** Longest text of one event. */
const MAX_TEXT_BYTES = 1 << 18;
/** What the smallest event costs of a cell's output, so that a million empty ones have an end. */
const MIN_EVENT_BYTES = 256;
const MEMORY_WATCH_MS = 50;
const START_MS = 10_000;

type Execution = {
  readonly id: number;
  readonly name: string;
  readonly stateless: boolean;
  readonly emit: (event: Event) => void;
  readonly started: number;
  readonly usageBefore: Usage;
  readonly oomBefore: number;
  readonly timers: NodeJS.Timeout[];
  readonly finished: () => void;
  peakMemoryBytes: number;
  outputBytes: number;
  droppedBytes: number;
  /** Why the supervisor wants the cell to end, once it does. */
  stop: Exclude<Outcome, "ok" | "error" | "crashed"> | null;
  done: boolean;
};

export class Repl {
  #child: Child | null = null;
  #ready = Promise.withResolvers<void>();
  #isReady = false;
  #decoders = newDecoders();
  #session: string | null = null;
  #used = false;
  #nextId = 1;
  #current: Execution | null = null;
  #last: Execution | null = null;
  #asked: { id: number; answer: (completeness: Completeness) => void } | null = null;
  #failedStarts = 0;
  restarts = 0;

  constructor(
    readonly limits: Limits,
    readonly environment: Readonly<Record<string, string>>,
    /** Where everything goes that belongs to no running cell. */
    readonly late: (event: LateEvent) => void,
  ) {
    this.#start();
  }

  get ready(): boolean {
    return this.#isReady;
  }

  get busy(): boolean {
    return this.#current !== null;
  }

  /**
   * Runs one cell; resolves after its `end` has been emitted.
   * @throws {Busy} at once, before anything runs.
   */
  execute(request: ExecuteRequest, emit: (event: Event) => void): Promise<void> {
    if (this.#current !== null)
      throw new Busy("the sandbox is running another cell; wait for its end or interrupt it");
    if (this.#used && (request.session === null || request.session !== this.#session))
      throw new Busy("the sandbox belongs to another session; start one of your own");
    const { promise, resolve } = Promise.withResolvers<void>();
    const execution = this.#begin(request, emit, resolve);
    void this.#ready.promise.then(() => {
      if (execution.done) return;
      this.#watch(execution, request.timeout_ms);
      const { code, count, color } = request;
      this.#child?.send({ type: "run", id: execution.id, code, count, color });
    });
    return promise;
  }

  /** Ends the running cell, if there is one: politely first, so that the session's variables survive. */
  interrupt(reason: "interrupted" | "timeout" = "interrupted"): boolean {
    const execution = this.#current;
    if (execution === null) return false;
    execution.stop ??= reason;
    if (!this.#isReady) {
      // Nothing of the cell has run yet, and a worker on its way up would die of the signal.
      this.#finish(execution, execution.stop, "kept", null);
      return true;
    }
    this.#child?.signal("SIGINT");
    execution.timers.push(
      // Again and again, since the first may come before the worker has read its command.
      setInterval(() => this.#child?.signal("SIGINT"), REPEAT_MS),
      setTimeout(() => this.#child?.signal("SIGKILL"), GRACE_MS),
    );
    return true;
  }

  /** @throws {Busy} while a cell runs, since the worker alone can tell. */
  async isComplete(code: string): Promise<Completeness> {
    if (this.#current !== null || this.#asked !== null) throw new Busy("the worker is running a cell");
    await this.#ready.promise;
    const { promise, resolve } = Promise.withResolvers<Completeness>();
    this.#asked = { id: this.#nextId++, answer: resolve };
    this.#child?.send({ type: "is_complete", id: this.#asked.id, code });
    return promise;
  }

  #begin(request: ExecuteRequest, emit: (event: Event) => void, finished: () => void): Execution {
    this.#used = true;
    this.#session = request.session;
    this.#current = {
      id: this.#nextId++,
      name: request.execution,
      stateless: request.session === null,
      emit,
      started: performance.now(),
      usageBefore: usageOfOthers(),
      oomBefore: outOfMemoryKills(),
      timers: [],
      finished,
      peakMemoryBytes: 0,
      outputBytes: 0,
      droppedBytes: 0,
      stop: null,
      done: false,
    };
    return this.#current;
  }

  #watch(execution: Execution, timeoutMs: number): void {
    const { maxExecutionMs, maxMemoryBytes } = this.limits;
    const limits = [timeoutMs, maxExecutionMs].filter((limit) => limit > 0);
    if (limits.length > 0)
      execution.timers.push(setTimeout(() => this.interrupt("timeout"), Math.min(...limits)));
    execution.timers.push(
      setInterval(() => {
        const { memoryBytes } = usageOfOthers();
        execution.peakMemoryBytes = Math.max(execution.peakMemoryBytes, memoryBytes);
        if (maxMemoryBytes === 0 || memoryBytes <= maxMemoryBytes) return;
        execution.stop = "memory";
        this.#child?.signal("SIGKILL");
      }, MEMORY_WATCH_MS),
    );
  }

  #start(): void {
    const child = new Child(this.environment, {
      printed: (name, bytes) => this.#child === child && this.#printed(name, bytes),
      reported: (report) => this.#child === child && this.#reported(report),
      exited: (status) => this.#child === child && this.#exited(status),
    });
    this.#child = child;
    setTimeout(() => this.#child === child && !this.#isReady && child.signal("SIGKILL"), START_MS);
  }

  /** Whatever the old worker started ends with it. */
  #replaceWorker(): void {
    const old = this.#child?.pid ?? 0;
    if (process.pid !== 1) this.#child?.signal("SIGKILL");
    this.#child = null;
    this.#isReady = false;
    this.#used = false;
    this.#session = null;
    this.#ready = Promise.withResolvers<void>();
    this.#decoders = newDecoders();
    this.#startWhenAlone(old);
  }

  /** A new worker needs room in the limit on processes, which killed ones keep until they are really gone. */
  #startWhenAlone(old: number): void {
    try {
      if (process.pid !== 1 || !endOthers(old)) return this.#start();
    } catch {
      // No room after all.
    }
    setTimeout(() => this.#startWhenAlone(old), RETRY_START_MS);
  }

  #printed(name: "stdout" | "stderr", bytes: Uint8Array): void {
    const execution = this.#current ?? this.#last;
    if (execution === null) return;
    const kept = bytes.subarray(0, this.#charge(execution, bytes.length));
    for (let at = 0; at < kept.length; at += MAX_TEXT_BYTES) {
      const text = this.#decoders[name].decode(kept.subarray(at, at + MAX_TEXT_BYTES), { stream: true });
      if (text !== "") this.#output(execution, { type: "stream", name, text });
    }
  }

  /** Counts output of whatever kind, and returns how much of it the cell may still show. */
  #charge(execution: Execution, bytes: number): number {
    const allowed = Math.min(bytes, Math.max(0, this.limits.maxOutputBytes - execution.outputBytes));
    execution.outputBytes += bytes;
    execution.droppedBytes += bytes - allowed;
    return allowed;
  }

  #reported(report: Report): void {
    const execution = this.#current;
    switch (report.type) {
      case "ready":
        this.#isReady = true;
        this.#failedStarts = 0;
        this.#ready.resolve();
        break;
      case "output": {
        const owner = execution ?? this.#last;
        const bytes = Math.max(MIN_EVENT_BYTES, JSON.stringify(report.event).length);
        if (owner?.id === report.id && this.#charge(owner, bytes) === bytes)
          this.#output(owner, report.event);
        break;
      }
      case "done":
        if (execution === null || execution.id !== report.id) this.#child?.signal("SIGKILL");
        else this.#finish(execution, execution.stop ?? report.outcome, "kept", null);
        break;
      case "completeness":
        if (this.#asked?.id === report.id) this.#asked.answer(report.completeness);
        this.#asked = null;
        break;
    }
  }

  #output(execution: Execution, event: OutputEvent): void {
    if (execution.done) this.late({ type: "late", execution: execution.name, event });
    else execution.emit(event);
  }

  #exited(status: ExitStatus): void {
    const execution = this.#current;
    const wasReady = this.#isReady;
    this.#asked?.answer({ status: "invalid", indent: "" });
    this.#asked = null;
    this.restarts++;
    this.#failedStarts = wasReady ? 0 : this.#failedStarts + 1;
    if (execution === null) {
      if (wasReady)
        this.late({
          type: "worker",
          state: "lost",
          message: `${describeExit(status)}; all variables are gone`,
        });
    } else {
      const outOfMemory = outOfMemoryKills() > execution.oomBefore;
      const outcome = execution.stop ?? (outOfMemory ? "memory" : "crashed");
      this.#finish(execution, outcome, "lost", status);
    }
    // A worker that cannot start at all would otherwise be started without end.
    if (this.#failedStarts < 3) this.#replaceWorker();
    else setTimeout(() => this.#replaceWorker(), START_MS);
  }

  #finish(execution: Execution, outcome: Outcome, state: EndEvent["state"], status: ExitStatus | null): void {
    for (const timer of execution.timers) clearTimeout(timer);
    const { outputBytes, droppedBytes } = execution;
    if (droppedBytes > 0) {
      const limit = this.limits.maxOutputBytes;
      execution.emit({
        type: "stream",
        name: "stderr",
        text: `\n… ${droppedBytes} bytes of output left out: a cell may print ${limit} bytes\n`,
      });
    }
    const usage = usageOfOthers();
    execution.done = true;
    this.#current = null;
    this.#last = execution;
    execution.emit({
      type: "end",
      outcome,
      state,
      message: describeEnd(outcome, state, status, this.limits),
      exit_code: status?.code ?? null,
      wall_ms: Math.round(performance.now() - execution.started),
      cpu_ms: Math.max(0, Math.round(usage.cpuMs - execution.usageBefore.cpuMs)),
      peak_memory_bytes: Math.max(execution.peakMemoryBytes, usage.memoryBytes),
      output_bytes: outputBytes,
      dropped_bytes: droppedBytes,
    });
    execution.finished();
    if (execution.stateless && state === "kept") this.#replaceWorker();
  }
}

const newDecoders = () => ({ stdout: new TextDecoder(), stderr: new TextDecoder() });
