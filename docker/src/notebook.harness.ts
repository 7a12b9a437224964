/** For tests: a supervisor with a real worker, without a container. */
import { afterAll, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Limits } from "./supervisor/ending.ts";
import { Repl } from "./repl.ts";
import type { EndEvent, Event, ExecuteRequest, LateEvent } from "./wire.ts";

export const LIMITS: Limits = { maxExecutionMs: 0, maxMemoryBytes: 0, maxOutputBytes: 1 << 20 };

export type Started = { readonly events: Event[]; readonly end: Promise<EndEvent> };

export class Notebook {
  readonly home = mkdtempSync(join(tmpdir(), "repl-"));
  readonly late: LateEvent[] = [];
  readonly repl: Repl;
  #count = 0;

  constructor(limits: Limits = LIMITS, environment: Readonly<Record<string, string>> = {}) {
    const own = { HOME: this.home, PATH: "/usr/bin:/bin", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };
    this.repl = new Repl(limits, { ...own, ...environment }, (event) => this.late.push(event));
    beforeEach(() => void (this.late.length = 0));
    afterAll(async () => {
      await this.restart();
      rmSync(this.home, { recursive: true });
    });
  }

  start(code: string, options: Partial<ExecuteRequest> = {}): Started {
    const events: Event[] = [];
    this.#count++;
    const request = {
      code,
      session: "test",
      execution: `e${this.#count}`,
      count: this.#count,
      file: "",
      color: false,
      timeout_ms: 0,
      store_history: true,
      allow_stdin: false,
      ...options,
    };
    const end = this.repl
      .execute(request, (event) => events.push(event))
      .then(() => {
        const last = events.at(-1);
        if (last?.type !== "end") throw new Error("no end");
        return last;
      });
    return { events, end };
  }

  async run(code: string, options: Partial<ExecuteRequest> = {}): Promise<Event[]> {
    const { events, end } = this.start(code, options);
    await end;
    return events;
  }

  /** A new worker, whatever became of the old one. */
  async restart(): Promise<void> {
    this.repl.interrupt();
    await until(() => !this.repl.busy);
    const { succession } = this.repl;
    const { restarts } = succession;
    await this.run("process.kill(process.pid, 'SIGKILL')");
    await until(() => succession.restarts > restarts && succession.isReady);
  }

  /** The text of a cell's result. */
  async value(code: string): Promise<unknown> {
    const events = await this.run(code);
    const result = events.find((event) => event.type === "result");
    if (result?.type === "result") return result.data["text/plain"];
    const error = events.find((event) => event.type === "error");
    return error?.type === "error" ? `${error.ename}: ${error.evalue}` : undefined;
  }

  /** Interrupts a cell once it has printed something. */
  async interrupted(code: string): Promise<EndEvent> {
    const { events, end } = this.start(code);
    await until(() => output(events) !== "");
    this.repl.interrupt();
    return end;
  }
}

export const output = (events: readonly Event[], name = "stdout"): string =>
  events.map((event) => (event.type === "stream" && event.name === name ? event.text : "")).join("");

export const traceback = (events: readonly Event[]): string =>
  events.map((event) => (event.type === "error" ? event.traceback.join("\n") : "")).join("");

export async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !condition();) {
    if (Date.now() > deadline) throw new Error("it never came");
    await Bun.sleep(2);
  }
}
