/** What Prometheus reads. */
import { expect, test } from "bun:test";
import type { EndEvent } from "../wire.ts";
import { Metrics } from "./metrics.ts";

const NOW = {
  version: "0.1.0",
  bun: "1.4.5",
  running: 1,
  restarts: 2,
  memoryBytes: 3,
  memoryLimitBytes: 4,
  workers: 5,
  waiting: 6,
  sessions: 7,
  rejected: 8,
};
const end = (outcome: EndEvent["outcome"], wall_ms: number): EndEvent => ({
  type: "end",
  outcome,
  state: "kept",
  message: "",
  exit_code: null,
  wall_ms,
  cpu_ms: 500,
  peak_memory_bytes: 0,
  output_bytes: 10,
  dropped_bytes: 1,
});

test("executions are counted by outcome, those before the first look too, and none twice", async () => {
  const metrics = new Metrics();
  metrics.record(end("ok", 40));
  metrics.record(end("memory", 2000));
  await metrics.read(NOW);
  metrics.record(end("ok", 60));
  const { text, contentType } = await metrics.read(NOW);
  expect(contentType).toStartWith("text/plain; version=0.0.4");
  const lines = text.split("\n");
  for (const line of [
    'bun_sandbox_executions_total{outcome="ok"} 2',
    'bun_sandbox_executions_total{outcome="memory"} 1',
    'bun_sandbox_executions_total{outcome="timeout"} 0',
    'bun_sandbox_execution_duration_seconds_bucket{le="0.05"} 1',
    'bun_sandbox_execution_duration_seconds_bucket{le="5"} 3',
    "bun_sandbox_execution_cpu_seconds_total 1.5",
    "bun_sandbox_output_bytes_total 30",
    "bun_sandbox_output_dropped_bytes_total 3",
    "bun_sandbox_worker_restarts_total 2",
    "bun_sandbox_workers 5",
    "bun_sandbox_executions_waiting 6",
    "bun_sandbox_sessions 7",
    "bun_sandbox_executions_rejected_total 8",
    "bun_sandbox_executions_running 1",
    "bun_sandbox_worker_memory_bytes 3",
    "bun_sandbox_memory_limit_bytes 4",
    'bun_sandbox_build_info{version="0.1.0",bun="1.4.5"} 1',
  ])
    expect(lines).toContain(line);
});

test("no execution is lost between two looks, however many there are", async () => {
  const metrics = new Metrics();
  for (let look = 1; look <= 2; look++) {
    for (let i = 0; i < 25_000; i++) metrics.record(end("ok", 1));
    const { text } = await metrics.read(NOW);
    expect(text).toContain(`executions_total{outcome="ok"} ${look * 25_000}\n`);
    expect(text).toContain(`execution_duration_seconds_count ${look * 25_000}\n`);
    expect(text).toContain(`output_bytes_total ${look * 250_000}\n`);
  }
});
