/**
 * One worker process: starts it, carries commands in, and reports and printed bytes out.
 *
 * Law: output, reports and commands travel on pipes of their own. When a report arrives, everything printed before
 * it has been delivered.
 */
import { closeSync, writeSync } from "node:fs";
import { Lines } from "./lines.ts";
import { neverBlock, pipe, waiting } from "./linux.ts";
import { readReport } from "./report.ts";
import type { Command, Report } from "./wire.ts";

export type ChildEvents = {
  readonly printed: (name: "stdout" | "stderr", bytes: Uint8Array) => void;
  readonly reported: (report: Report) => void;
  /** All that it printed has been delivered. */
  readonly exited: (status: ExitStatus) => void;
};
export type ExitStatus = { readonly code: number | null; readonly signal: string | null };

const WORKER = `${import.meta.dir}/worker.${import.meta.file.split(".").at(-1)}`;
const PIPE_BYTES = 1 << 20;
/** After a small read, what follows is collected this long, so that a flood of short lines becomes few events. */
const COALESCE_MS = 5;
const FULL_READ_BYTES = 1 << 16;
/** A background process that never stops printing must not hold back the report that waits for the drain. */
const MAX_DRAIN_MS = 250;
/** How long a worker may leave a command unread. */
const SEND_MS = 5000;
const RETRY_MS = 5;

export class Child {
  readonly pid: number;
  readonly #process: Bun.Subprocess;
  readonly #commands: number;
  readonly #output: readonly Pump[];
  #open = true;

  /** @throws when the kernel has no room for another process. */
  constructor(environment: Readonly<Record<string, string>>, events: ChildEvents) {
    const stdout = pipe(PIPE_BYTES);
    const stderr = pipe(PIPE_BYTES);
    const reports = pipe(PIPE_BYTES);
    const commands = pipe(PIPE_BYTES);
    try {
      this.#process = Bun.spawn([process.execPath, "--no-install", WORKER], {
        cwd: "/",
        env: environment,
        stdio: ["ignore", stdout.write, stderr.write, reports.write, commands.read],
      });
    } catch (error) {
      for (const end of [stdout.read, stderr.read, reports.read, commands.write]) closeSync(end);
      throw error;
    } finally {
      for (const end of [stdout.write, stderr.write, reports.write, commands.read]) closeSync(end);
    }
    this.pid = this.#process.pid;
    this.#commands = commands.write;
    neverBlock(commands.write);
    this.#output = [
      new Pump(stdout.read, COALESCE_MS, (bytes) => events.printed("stdout", bytes)),
      new Pump(stderr.read, COALESCE_MS, (bytes) => events.printed("stderr", bytes)),
    ];
    void this.#follow(reports.read, events);
  }

  /** Never waits: user code may have stopped to read, and this process has others to serve. */
  send(command: Command): void {
    this.#write(Buffer.from(`${JSON.stringify(command)}\n`), performance.now() + SEND_MS);
  }

  signal(name: "SIGINT" | "SIGKILL"): void {
    this.#process.kill(name);
  }

  #write(bytes: Uint8Array, deadline: number): void {
    if (!this.#open) return;
    let written = 0;
    try {
      written = writeSync(this.#commands, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") deadline = 0;
    }
    if (written === bytes.length) return;
    if (performance.now() > deadline) this.signal("SIGKILL");
    else setTimeout(() => this.#write(bytes.subarray(written), deadline), RETRY_MS);
  }

  /** Ends with the process, not with its pipes: whatever it started may hold them open. */
  async #follow(fd: number, events: ChildEvents): Promise<void> {
    const lines = new Lines();
    const reports = new Pump(fd, 0, async (bytes) => {
      try {
        const arrived = lines.feed(bytes).map(readReport);
        await this.#drain();
        for (const report of arrived) events.reported(report);
      } catch {
        // Not a line of ours: user code wrote to the pipe, and nothing that follows can be trusted.
        this.signal("SIGKILL");
      }
    });
    await this.#process.exited;
    this.#open = false;
    closeSync(this.#commands);
    await reports.drain();
    await this.#drain();
    const { exitCode, signalCode } = this.#process;
    events.exited({ code: exitCode, signal: signalCode === null ? null : String(signalCode) });
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#output.map((pump) => pump.drain()));
  }
}

/** Reads one pipe for as long as anybody holds its other end. */
class Pump {
  #endPause: (() => void) | null = null;
  #reads = 0;
  #delivering = false;
  #ended = false;

  constructor(
    readonly fd: number,
    readonly coalesceMs: number,
    readonly deliver: (bytes: Uint8Array) => void | Promise<void>,
  ) {
    void this.#run();
  }

  /** Resolves when all that was in the pipe at the time of the call has been delivered. */
  async drain(): Promise<void> {
    const deadline = performance.now() + MAX_DRAIN_MS;
    let quiet = 0;
    while (!this.#ended && quiet < 2 && performance.now() < deadline) {
      const before = this.#reads;
      this.#endPause?.();
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#ended) return;
      quiet = !this.#delivering && this.#reads === before && waiting(this.fd) === 0 ? quiet + 1 : 0;
    }
  }

  async #run(): Promise<void> {
    try {
      for await (const chunk of Bun.file(this.fd).stream()) {
        this.#reads++;
        this.#delivering = true;
        await this.deliver(chunk);
        this.#delivering = false;
        if (this.coalesceMs > 0 && chunk.length < FULL_READ_BYTES) await this.#pause();
      }
    } finally {
      this.#ended = true;
      closeSync(this.fd);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.coalesceMs);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
