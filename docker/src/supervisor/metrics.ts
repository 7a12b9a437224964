/**
 * What Prometheus reads: the executions so far, and the sandbox now.
 *
 * Names and units: https://prometheus.io/docs/practices/naming/. The library is loaded when somebody first asks or many
 * have ended, since most sandboxes belong to a kernel and are never asked.
 *
 * Law: every execution is counted once, however long nobody looks.
 */
import type { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EndEvent } from "../wire.ts";

/** So many executions are kept as they are until somebody asks; past that they are counted. */
const MAX_PENDING = 1000;
const SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

/** Read at the moment of a look. */
export type Now = {
  readonly version: string;
  readonly bun: string;
  readonly workers: number;
  readonly running: number;
  readonly waiting: number;
  readonly sessions: number;
  readonly rejected: number;
  readonly restarts: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
};

type Series = {
  readonly registry: Registry;
  readonly executions: Counter<"outcome">;
  readonly wall: Histogram;
  readonly cpu: Counter;
  readonly output: Counter;
  readonly dropped: Counter;
  readonly restarts: Counter;
  readonly workers: Gauge;
  readonly running: Gauge;
  readonly waiting: Gauge;
  readonly sessions: Gauge;
  readonly rejected: Counter;
  readonly memory: Gauge;
  readonly memoryLimit: Gauge;
  readonly info: Gauge<"version" | "bun">;
};

export class Metrics {
  readonly #pending: EndEvent[] = [];
  #series: Promise<Series> | null = null;

  /** Counts an execution that has ended. */
  record(end: EndEvent): void {
    this.#pending.push(end);
    if (this.#pending.length === MAX_PENDING) void this.#counted();
  }

  /** The text format of Prometheus, and its content type. */
  async read(now: Now): Promise<{ readonly text: string; readonly contentType: string }> {
    const series = await this.#counted();
    set(series.restarts, now.restarts);
    series.workers.set(now.workers);
    series.running.set(now.running);
    series.waiting.set(now.waiting);
    series.sessions.set(now.sessions);
    set(series.rejected, now.rejected);
    series.memory.set(now.memoryBytes);
    series.memoryLimit.set(now.memoryLimitBytes);
    series.info.set({ version: now.version, bun: now.bun }, 1);
    const { registry } = series;
    return { text: await registry.metrics(), contentType: registry.contentType };
  }

  async #counted(): Promise<Series> {
    this.#series ??= makeSeries();
    const series = await this.#series;
    for (const end of this.#pending.splice(0)) count(series, end);
    return series;
  }
}

/** A counter whose count somebody else keeps. */
function set(counter: Counter, value: number): void {
  counter.reset();
  counter.inc(value);
}

function count(series: Series, end: EndEvent): void {
  series.executions.inc({ outcome: end.outcome });
  series.wall.observe(end.wall_ms / 1000);
  series.cpu.inc(end.cpu_ms / 1000);
  series.output.inc(end.output_bytes);
  series.dropped.inc(end.dropped_bytes);
}

async function makeSeries(): Promise<Series> {
  const { Counter, Gauge, Histogram, Registry } = await import("prom-client");
  const registry = new Registry();
  const described = (name: string, help: string) => ({
    name: `bun_sandbox_${name}`,
    help,
    registers: [registry],
  });
  const outcomes = ["ok", "error", "interrupted", "timeout", "memory", "crashed"];
  const executions = new Counter({
    ...described("executions_total", "Executions that have ended, by outcome."),
    labelNames: ["outcome"] as const,
  });
  for (const outcome of outcomes) executions.inc({ outcome }, 0);
  return {
    registry,
    executions,
    wall: new Histogram({
      ...described("execution_duration_seconds", "Wall time of executions."),
      buckets: SECONDS,
    }),
    cpu: new Counter(described("execution_cpu_seconds_total", "Processor time of executions.")),
    output: new Counter(described("output_bytes_total", "What executions have printed and shown.")),
    dropped: new Counter(described("output_dropped_bytes_total", "What was left out of that.")),
    restarts: new Counter(described("worker_restarts_total", "Workers that have ended.")),
    workers: new Gauge(described("workers", "Workers that there are.")),
    running: new Gauge(described("executions_running", "Executions that run now.")),
    waiting: new Gauge(described("executions_waiting", "Executions that wait for a worker.")),
    sessions: new Gauge(described("sessions", "Sessions that are open.")),
    rejected: new Counter(described("executions_rejected_total", "Executions turned away: too many waited.")),
    memory: new Gauge(described("worker_memory_bytes", "Memory of the worker and what it has started.")),
    memoryLimit: new Gauge(described("memory_limit_bytes", "Memory at which a worker is ended; 0 for none.")),
    info: new Gauge({
      ...described("build_info", "Versions; the value is 1."),
      labelNames: ["version", "bun"] as const,
    }),
  };
}
