/**
 * Owns the worker: one cell at a time, the deadline, the interrupt ladder, the memory watch, the restart.
 *
 * Law: every execution ends with exactly one `end`, and a lost state is always said aloud.
 */
import type { ExitStatus } from "./supervisor/child.ts";
import { describeEnd, type Limits } from "./supervisor/ending.ts";
import { Execution } from "./supervisor/execution.ts";
import { breakLeftovers, climb } from "./supervisor/ladder.ts";
import { Questions } from "./supervisor/questions.ts";
import { ALONE, type Company, type Ending, Succession } from "./supervisor/succession.ts";
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

/** The worker already runs a cell, or the sandbox belongs to another session. */
export class Busy extends Error {}
export const RUNS_ANOTHER = "the worker is running another cell; wait for its end or interrupt it";

type Lost = readonly [Outcome, EndEvent["state"], message: string, ExitStatus];

const MEMORY_WATCH_MS = 50;
/** So many questions about code may wait for their answers. */
const MAX_QUESTIONS = 8;
/** So many cells can still be told apart when output of theirs arrives late. */
const REMEMBERED = 200;

export class Repl {
  readonly succession: Succession;
  #nextId = 1;
  #current: Execution | null = null;
  #last: Execution | null = null;
  /** How the worker of a session has ended between two executions; the next one is told, and does not run. */
  #lost: Lost | null = null;
  /** Also the latest that have ended. */
  readonly #executions = new Map<number, Execution>();
  readonly #questions = new Questions();
  #asked = 0;

  constructor(
    public limits: Limits,
    environment: Readonly<Record<string, string>>,
    /** Where everything goes that belongs to no running cell. */
    readonly late: (event: LateEvent) => void,
    company: Company = ALONE,
  ) {
    this.succession = new Succession(environment, company, {
      printed: (name, cell, bytes) => this.#owner(cell)?.print(name, bytes),
      reported: (report) => this.#reported(report),
      exited: (ending) => this.#exited(ending),
    });
  }

  get busy(): boolean {
    return this.#current !== null;
  }

  /**
   * Runs one cell; resolves after its `end` has been emitted.
   * @throws {Busy} at once, before anything runs.
   */
  execute(request: ExecuteRequest, emit: (event: Event) => void): Promise<void> {
    if (this.#current !== null) throw new Busy(RUNS_ANOTHER);
    const { promise, resolve } = Promise.withResolvers<void>();
    const execution = this.#begin(request, emit, resolve);
    if (this.#lost === null) this.#runWhenReady(execution);
    else this.#finish(execution, ...this.#lost);
    this.#lost = null;
    return promise;
  }

  #runWhenReady(execution: Execution): void {
    void this.succession.whenReady.then(() => {
      if (execution.done) return;
      const { request } = execution;
      this.#watch(execution, request.timeout_ms);
      const { code, count, file, color, store_history, allow_stdin } = request;
      const what = { code, count, file, color, store_history, allow_stdin };
      const run: Command = { type: "run", id: execution.id, ...what };
      const { child } = this.succession;
      child?.send(run);
      if (child !== null && this.#last?.stop != null) breakLeftovers(child, execution, run);
    });
  }

  runs(execution: string): boolean {
    return this.#current?.name === execution;
  }

  /** Ends the running cell, if there is one: politely first, so that the session's variables survive. */
  interrupt(reason: "interrupted" | "timeout" = "interrupted"): boolean {
    const execution = this.#current;
    if (execution === null) return false;
    if (execution.stop !== null) return true;
    execution.stop = reason;
    if (!this.succession.isReady) {
      // Nothing of the cell has run yet, and a worker on its way up would die of the signal.
      this.#finish(execution, reason, "kept");
      return true;
    }
    const { child } = this.succession;
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
      throw new Busy("the worker is running a cell; wait for its end or interrupt it");
    this.#replace();
  }

  /** Ends whatever runs or waits for the worker, and forgets all variables. */
  end(): void {
    const message = "the session was closed; all variables are gone";
    if (this.#current !== null) this.#finish(this.#current, "interrupted", "lost", message);
    this.#replace();
  }

  /** Hands the running cell what was typed for it; false when it waits for no such input. */
  input(id: number, value: string | null): boolean {
    const input = this.#current?.inputs.get(id);
    if (input === undefined) return false;
    this.#current?.inputs.delete(id);
    this.#answer(id, input.blocking, value);
    return true;
  }

  #answer(id: number, blocking: boolean, value: string | null): void {
    if (blocking) this.succession.child?.answerInput({ id, value, interrupted: false });
    else this.succession.child?.send({ type: "input", id, value });
  }

  /** @throws {Busy} when the worker does not answer, since a cell holds it. */
  async ask(question: Question): Promise<Answer> {
    if (this.#asked >= MAX_QUESTIONS) throw new Busy("the worker has too many questions to answer");
    this.#asked++;
    try {
      await this.succession.whenReady;
      const { child } = this.succession;
      const answer =
        child === null || child.isBehind
          ? null
          : await this.#questions.ask((id) => child.send({ type: "ask", id, question }));
      if (answer?.about !== question.about) throw new Busy("the worker is running a cell");
      return answer;
    } finally {
      this.#asked--;
    }
  }

  #begin(request: ExecuteRequest, emit: (event: Event) => void, finished: () => void): Execution {
    const late = (execution: string, event: Exclude<Event, EndEvent | { type: "input" }>) =>
      this.late({ type: "late", execution, event });
    const { maxOutputBytes } = this.limits;
    const id = this.#nextId++;
    const execution = new Execution(id, request, maxOutputBytes, this.succession.usage, emit, late, finished);
    this.#executions.set(id, execution);
    this.#executions.delete(id - REMEMBERED);
    this.#current = execution;
    this.succession.beginCell();
    return execution;
  }

  #watch(execution: Execution, timeoutMs: number): void {
    const limits = [timeoutMs, this.limits.maxExecutionMs].filter((limit) => limit > 0);
    if (limits.length > 0)
      execution.timers.push(setTimeout(() => this.interrupt("timeout"), Math.min(...limits)));
    execution.timers.push(
      setInterval(() => {
        const { memoryBytes } = this.succession.look(this.limits.maxMemoryBytes);
        execution.peakMemoryBytes = Math.max(execution.peakMemoryBytes, memoryBytes);
      }, MEMORY_WATCH_MS),
    );
  }

  /** The execution that output belongs to: the one that runs or ran last where nobody knows; none that is forgotten. */
  #owner(cell: number | null): Execution | null {
    return cell === null ? (this.#current ?? this.#last) : (this.#executions.get(cell) ?? null);
  }

  #reported(report: Exclude<Report, { type: "ready" }>): void {
    const execution = this.#current;
    switch (report.type) {
      case "output":
        this.#owner(report.id)?.show(report.event);
        break;
      case "started":
        if (execution?.id === report.id) execution.begun = true;
        break;
      case "input": {
        if (execution === null || execution.id !== report.id || execution.ask(report)) break;
        // Who writes reports of its own may never read.
        if (!this.succession.child?.isBehind) this.#answer(report.input, report.blocking, null);
        break;
      }
      case "done":
        if (execution === null || execution.id !== report.id) this.succession.end();
        else if (execution.stop !== null) this.#settle(execution);
        else this.#finish(execution, execution.stop ?? report.outcome, "kept");
        break;
      case "settled":
        if (execution?.stop != null && execution.settling === report.id)
          this.#finish(execution, execution.stop, "kept");
        break;
      case "answer":
        this.#questions.answer(report.id, report.answer);
        break;
    }
  }

  /** A signal that was sent for one cell must not meet the next one. */
  #settle(execution: Execution): void {
    execution.settling = this.#nextId++;
    this.succession.child?.send({ type: "settle", id: execution.settling });
  }

  #exited(ending: Ending): void {
    const { status, wasReady, ranOut, memoryBytes, emptied } = ending;
    const execution = this.#current;
    this.#questions.drop();
    if (!ranOut && execution?.canBeTriedAgain) {
      execution.tries++;
      for (const timer of execution.timers.splice(0)) clearTimeout(timer);
      // Its successor comes right after this; where there was none yet, the execution still waits for it.
      if (wasReady) queueMicrotask(() => this.#runWhenReady(execution));
      return;
    }
    const outcome = ranOut ? "memory" : (execution?.stop ?? "crashed");
    const message = describeEnd(outcome, "lost", status, memoryBytes, emptied);
    if (execution !== null) return this.#finish(execution, outcome, "lost", message, status);
    if (wasReady && this.succession.company.isHeld()) this.#lost = [outcome, "lost", message, status];
    if (wasReady || emptied.length > 0) this.late({ type: "worker", state: "lost", message });
  }

  #replace(): void {
    this.#lost = null;
    this.#questions.drop();
    this.succession.replace();
  }

  #finish(
    execution: Execution,
    outcome: Outcome,
    state: EndEvent["state"],
    message = describeEnd(outcome, state, null, 0),
    status: ExitStatus | null = null,
  ): void {
    for (const timer of execution.timers) clearTimeout(timer);
    execution.tellDropped();
    const { usage } = this.succession;
    execution.done = true;
    this.#current = null;
    this.#last = execution;
    execution.emit({
      type: "end",
      outcome,
      state,
      message,
      exit_code: status?.code ?? null,
      wall_ms: Math.round(performance.now() - execution.started),
      cpu_ms: Math.max(0, Math.round(usage.cpuMs - execution.usageBefore.cpuMs)),
      peak_memory_bytes: Math.max(execution.peakMemoryBytes, usage.memoryBytes),
      output_bytes: execution.outputBytes,
      dropped_bytes: execution.droppedBytes,
    });
    execution.finish();
    if (execution.stateless && state === "kept") this.#replace();
  }
}
