/**
 * One worker process: starts it, carries commands in, and frames and printed bytes out.
 *
 * Law: what the worker says and what is printed past it travel apart. When a report arrives, everything printed before
 * it has been delivered.
 */
import { closeSync } from "node:fs";
import { dirname } from "node:path";
import { FRAME_KINDS, type Frame, FrameReader, kindOf } from "./frames.ts";
import type { Bounds } from "../landlock.ts";
import { Lines } from "./lines.ts";
import { pipe, socketPair } from "./linux.ts";
import { Outbox } from "./outbox.ts";
import { Pump, turn } from "./pump.ts";
import { readReport } from "./report.ts";
import type { Command, Report } from "../wire.ts";

export type ChildEvents = {
  /** `cell` is null for what was printed past the worker: by native code and by processes that it started. */
  readonly printed: (name: "stdout" | "stderr", cell: number | null, bytes: Uint8Array) => void;
  readonly reported: (report: Report) => void;
  /** All that it printed has been delivered. */
  readonly exited: (status: ExitStatus) => void;
};
export type ExitStatus = { readonly code: number | null; readonly signal: string | null };
/** The answer to an input that blocks the worker; `interrupted` when there will be none. */
export type InputAnswer = {
  readonly id: number;
  readonly value: string | null;
  readonly interrupted: boolean;
};

/** In the image all programs are bundles in one folder, and what a bundle says of its files is where they once were. */
const program = (name: string): string[] => [
  process.execPath,
  "--no-install",
  Bun.main.endsWith("/main.js")
    ? `${dirname(Bun.main)}/${name}.js`
    : `${dirname(import.meta.dir)}/${name}.ts`,
];
const PIPE_BYTES = 1 << 20;

const unfinished = new Set<number>();
/** The workers' processes that Bun has yet to wait for. */
export const children: ReadonlySet<number> = unfinished;

export class Child {
  readonly pid: number;
  readonly #process: Bun.Subprocess;
  readonly #commands: Outbox;
  readonly #answers: Outbox;
  readonly #printed: readonly Pump[];

  /**
   * @param bounds null where nothing keeps it apart from others (apart.ts).
   * @throws when the kernel has no room for another process.
   */
  constructor(environment: Readonly<Record<string, string>>, bounds: Bounds | null, events: ChildEvents) {
    const { stdout, stderr, channel, answers, commands } = connections();
    try {
      const apart = bounds === null ? [] : [...program("apart"), JSON.stringify(bounds)];
      this.#process = Bun.spawn([...apart, ...program("worker")], {
        cwd: "/",
        env: environment,
        stdio: ["ignore", stdout.write, stderr.write, channel.write, commands.theirs, answers.read],
      });
    } catch (error) {
      for (const end of [stdout.read, stderr.read, channel.read, answers.write, commands.ours])
        closeSync(end);
      throw error;
    } finally {
      for (const end of [stdout.write, stderr.write, channel.write, answers.read, commands.theirs])
        closeSync(end);
    }
    this.pid = this.#process.pid;
    unfinished.add(this.pid);
    this.#commands = new Outbox(commands.ours, () => this.signal("SIGKILL"));
    this.#answers = new Outbox(answers.write, () => this.signal("SIGKILL"));
    this.#printed = [
      new Pump(stdout.read, (bytes) => (events.printed("stdout", null, bytes), true)),
      new Pump(stderr.read, (bytes) => (events.printed("stderr", null, bytes), true)),
    ];
    void this.#follow(channel.read, events);
  }

  /** Whether it has yet to read so much that no more should be sent. */
  get isBehind(): boolean {
    return this.#commands.isFull || this.#answers.isFull;
  }

  send(command: Command): void {
    // An interrupt may have swallowed the end of an earlier line.
    this.#commands.send(`\n${JSON.stringify(command)}\n`);
  }

  answerInput(answer: InputAnswer): void {
    this.#answers.send(`${JSON.stringify(answer)}\n`);
  }

  signal(name: "SIGINT" | "SIGKILL"): void {
    this.#process.kill(name);
  }

  /** Ends with the process, not with its pipes: whatever it started may hold them open. */
  async #follow(fd: number, events: ChildEvents): Promise<void> {
    const frames = new FrameReader();
    let lines = new Lines();
    const receive = async (frame: Frame): Promise<void> => {
      const { bytes } = frame;
      const kind = kindOf(frame);
      const cell = frame.kind === FRAME_KINDS.lost ? null : frame.cell;
      if (kind === FRAME_KINDS.stdout) return events.printed("stdout", cell, bytes);
      if (kind === FRAME_KINDS.stderr) return events.printed("stderr", cell, bytes);
      // An interrupt may have cut off the report before.
      if (kind === FRAME_KINDS.reportStart) lines = new Lines();
      for (const line of lines.feed(bytes)) {
        const report = readReport(line);
        if (report.type === "done") {
          // What was printed before may have left its pipe, and not have come here yet.
          await turn();
          await turn();
          await this.#drain();
        }
        events.reported(report);
      }
    };
    const channel = new Pump(fd, async (bytes) => {
      try {
        const arrived = frames.feed(bytes);
        for (const frame of arrived) {
          if (frame.isBehindStreams || !isText(frame)) await this.#drain();
          await receive(frame);
        }
        return arrived.every(isText);
      } catch {
        // Not a frame of ours: user code wrote to the pipe, and nothing that follows can be trusted.
        this.signal("SIGKILL");
        return false;
      }
    });
    void channel.ended.then(() => this.signal("SIGKILL"));
    await this.#process.exited;
    unfinished.delete(this.pid);
    this.#commands.close();
    this.#answers.close();
    await channel.drain();
    await this.#drain();
    const { exitCode, signalCode } = this.#process;
    events.exited({ code: exitCode, signal: signalCode === null ? null : String(signalCode) });
  }

  async #drain(): Promise<void> {
    for (const pump of this.#printed) if (pump.behind) await pump.drain();
  }
}

/** All or none. @throws when the kernel has no descriptor left. */
function connections() {
  const opened: number[] = [];
  const kept = <Ends extends object>(ends: Ends): Ends => {
    opened.push(...(Object.values(ends) as number[]));
    return ends;
  };
  try {
    return {
      stdout: kept(pipe(PIPE_BYTES)),
      stderr: kept(pipe(PIPE_BYTES)),
      channel: kept(pipe(PIPE_BYTES)),
      answers: kept(pipe(PIPE_BYTES)),
      commands: kept(socketPair()),
    };
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

const isText = ({ kind }: Frame): boolean => kind === FRAME_KINDS.stdout || kind === FRAME_KINDS.stderr;
