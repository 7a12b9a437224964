/**
 * Owns the worker: one cell at a time, the deadline, the interrupt ladder, the memory watch, the restart.
 *
 * Law: every execution ends with exactly one `end`, and a lost state is always said aloud.
 */
import { Child, type ExitStatus } from "./supervisor/child.ts";
import { describeEnd, type Limits } from "./supervisor/ending.ts";
import { Execution } from "./supervisor/execution.ts";
import { makeRoom } from "./supervisor/folders.ts";
import { breakLeftovers, climb } from "./supervisor/ladder.ts";
import { endOthers, isUnhidden, usageOfOthers } from "./supervisor/linux.ts";
import { Memory } from "./supervisor/memory.ts";
import { Questions } from "./supervisor/questions.ts";
import type {
  Answer,
  Command,
  EndEvent,
  Event,
  ExecuteRequest,
  LateEvent,
  Outcome,
  Question,
  Report,
} from "./wire.ts";

/** The sandbox already runs a cell, or belongs to another session. */
export class Busy extends Error {}

const RETRY_START_MS = 5;
const MEMORY_WATCH_MS = 50;
const START_MS = 10_000;
/** So many questions of one cell may wait for their answers. */
const MAX_INPUTS = 100;
/** So many cells can still be told apart when output of theirs arrives late. */
const REMEMBERED = 200;

export class Repl {
  #child: Child | null = null;
  #ready = Promise.withResolvers<void>();
  #isReady = false;
  #session: string | null = null;
  #used = false;
  #nextId = 1;
  #current: Execution | null = null;
  #last: Execution | null = null;
  /** Also the latest that have ended. */
  readonly #executions = new Map<number, Execution>();
  readonly #questions = new Questions();
  #failedStarts = 0;
  readonly #memory = new Memory(
    () => this.limits.maxMemoryBytes,
    () => this.#child?.signal("SIGKILL"),
  );
  restarts = 0;

  constructor(
    public limits: Limits,
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
      const { code, count, color, store_history, allow_stdin } = request;
      const run: Command = { type: "run", id: execution.id, code, count, color, store_history, allow_stdin };
      const child = this.#child;
      child?.send(run);
      if (child !== null && this.#last?.stop != null) breakLeftovers(child, execution, run);
    });
    return promise;
  }

  /** Ends the running cell, if there is one: politely first, so that the session's variables survive. */
  interrupt(reason: "interrupted" | "timeout" = "interrupted"): boolean {
    const execution = this.#current;
    if (execution === null) return false;
    if (execution.stop !== null) return true;
    execution.stop = reason;
    if (!this.#isReady) {
      // Nothing of the cell has run yet, and a worker on its way up would die of the signal.
      this.#finish(execution, reason, "kept", null);
      return true;
    }
    const child = this.#child;
    if (child === null) return true;
    climb(child, execution, () => this.#settle(execution));
    return true;
  }

  /**
   * Forgets all variables: another worker takes the place of this one.
   * @throws {Busy} while a cell runs.
   */
  reset(): void {
    if (this.#current !== null)
      throw new Busy("the sandbox is running a cell; wait for its end or interrupt it");
    this.#questions.drop();
    this.#replaceWorker();
  }

  /** Hands the running cell what was typed for it; false when it waits for no such input. */
  input(id: number, value: string | null): boolean {
    const input = this.#current?.inputs.get(id);
    if (input === undefined) return false;
    this.#current?.inputs.delete(id);
    if (input.blocking) this.#child?.answerInput({ id, value, interrupted: false });
    else this.#child?.send({ type: "input", id, value });
    return true;
  }

  /** @throws {Busy} when the worker does not answer, since a cell holds it. */
  async ask(question: Question): Promise<Answer> {
    await this.#ready.promise;
    const answer = await this.#questions.ask((id) => this.#child?.send({ type: "ask", id, question }));
    if (answer?.about !== question.about) throw new Busy("the worker is running a cell");
    return answer;
  }

  #begin(request: ExecuteRequest, emit: (event: Event) => void, finished: () => void): Execution {
    this.#used = true;
    this.#session = request.session;
    const late = (execution: string, event: Exclude<Event, EndEvent | { type: "input" }>) =>
      this.late({ type: "late", execution, event });
    const { maxOutputBytes } = this.limits;
    const execution = new Execution(this.#nextId++, request, maxOutputBytes, emit, late, finished);
    this.#executions.set(execution.id, execution);
    this.#executions.delete(execution.id - REMEMBERED);
    this.#current = execution;
    this.#memory.newCell();
    return execution;
  }

  #watch(execution: Execution, timeoutMs: number): void {
    const limits = [timeoutMs, this.limits.maxExecutionMs].filter((limit) => limit > 0);
    if (limits.length > 0)
      execution.timers.push(setTimeout(() => this.interrupt("timeout"), Math.min(...limits)));
    execution.timers.push(
      setInterval(() => {
        const { memoryBytes } = usageOfOthers();
        execution.peakMemoryBytes = Math.max(execution.peakMemoryBytes, memoryBytes);
        this.#memory.look();
        if (execution.begun && process.pid === 1 && isUnhidden(this.#child?.pid ?? 0))
          this.#child?.signal("SIGKILL");
      }, MEMORY_WATCH_MS),
    );
  }

  #start(): void {
    const child = new Child(this.environment, {
      printed: (name, cell, bytes) => this.#child === child && this.#owner(cell)?.print(name, bytes),
      reported: (report) => this.#child === child && this.#reported(report),
      exited: (status) => this.#child === child && this.#exited(status),
    });
    this.#child = child;
    this.#memory.newWorker();
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

  /** The execution that output belongs to: the one that runs or ran last where nobody knows; none that is forgotten. */
  #owner(cell: number | null): Execution | null {
    return cell === null ? (this.#current ?? this.#last) : (this.#executions.get(cell) ?? null);
  }

  #reported(report: Report): void {
    const execution = this.#current;
    switch (report.type) {
      case "ready":
        this.#isReady = true;
        this.#failedStarts = 0;
        this.#ready.resolve();
        break;
      case "output":
        this.#owner(report.id)?.show(report.event);
        break;
      case "started":
        if (execution?.id === report.id) execution.begun = true;
        break;
      case "input": {
        if (execution === null || execution.id !== report.id) break;
        if (execution.inputs.size >= MAX_INPUTS) break;
        const { input: id, blocking, prompt, password } = report;
        execution.inputs.set(id, { blocking });
        execution.flush();
        execution.emit({ type: "input", id, prompt, password });
        break;
      }
      case "done":
        if (execution === null || execution.id !== report.id) this.#child?.signal("SIGKILL");
        else if (execution.stop !== null) this.#settle(execution);
        else this.#finish(execution, execution.stop ?? report.outcome, "kept", null);
        break;
      case "settled":
        if (execution?.stop != null && execution.settling === report.id)
          this.#finish(execution, execution.stop, "kept", null);
        break;
      case "answer":
        this.#questions.answer(report.id, report.answer);
        break;
    }
  }

  /** A signal that was sent for one cell must not meet the next one. */
  #settle(execution: Execution): void {
    execution.settling = this.#nextId++;
    this.#child?.send({ type: "settle", id: execution.settling });
  }

  #exited(status: ExitStatus): void {
    const execution = this.#current;
    const wasReady = this.#isReady;
    this.#questions.drop();
    this.restarts++;
    this.#failedStarts = wasReady ? 0 : this.#failedStarts + 1;
    const { ranOut } = this.#memory;
    const outcome = ranOut ? "memory" : (execution?.stop ?? "crashed");
    const emptied = ranOut || !wasReady ? makeRoom(this.limits.maxMemoryBytes, this.#child?.pid ?? 0) : [];
    if (execution !== null) this.#finish(execution, outcome, "lost", status, emptied);
    else if (wasReady || emptied.length > 0) {
      const message = describeEnd(outcome, "lost", status, this.limits, emptied);
      this.late({ type: "worker", state: "lost", message });
    }
    // A worker that cannot start at all would otherwise be started without end.
    if (this.#failedStarts < 3) this.#replaceWorker();
    else setTimeout(() => this.#replaceWorker(), START_MS);
  }

  #finish(
    execution: Execution,
    outcome: Outcome,
    state: EndEvent["state"],
    status: ExitStatus | null,
    emptied: readonly string[] = [],
  ): void {
    for (const timer of execution.timers) clearTimeout(timer);
    execution.tellDropped();
    const usage = usageOfOthers();
    execution.done = true;
    this.#current = null;
    this.#last = execution;
    execution.emit({
      type: "end",
      outcome,
      state,
      message: describeEnd(outcome, state, status, this.limits, emptied),
      exit_code: status?.code ?? null,
      wall_ms: Math.round(performance.now() - execution.started),
      cpu_ms: Math.max(0, Math.round(usage.cpuMs - execution.usageBefore.cpuMs)),
      peak_memory_bytes: Math.max(execution.peakMemoryBytes, usage.memoryBytes),
      output_bytes: execution.outputBytes,
      dropped_bytes: execution.droppedBytes,
    });
    execution.finish();
    if (execution.stateless && state === "kept") this.#replaceWorker();
  }
}
