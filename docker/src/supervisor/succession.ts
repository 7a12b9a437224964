/**
 * One worker after the other, each in a sandbox that holds nothing of the one before.
 *
 * Law: there is always a worker, or one on its way; why one ended is known when its successor starts.
 */
import { Child, type ChildEvents, children, type ExitStatus } from "./child.ts";
import { makeRoom } from "./folders.ts";
import { endOthers, isUnhidden, type Usage, usageOfOthers, usageOfTree } from "./linux.ts";
import { outOfMemoryKills } from "./memory.ts";
import type { Bounds } from "../landlock.ts";
import type { Report } from "../wire.ts";

/** What a worker shares its sandbox with. */
export type Company = {
  /** Others run beside it; else all that there is counts as its own. */
  readonly isShared: boolean;
  /** The other workers, by their process ids. */
  readonly neighbours: () => readonly number[];
  /** Watches the memory of all. */
  readonly memory: { readonly limitBytes: number; readonly look: () => void };
  /** Makes its place as it found it. @throws where it cannot, yet. */
  readonly beforeStart: () => void;
  /** Whether somebody has variables in it, and hears of nothing between two executions. */
  readonly isHeld: () => boolean;
  /** Null where nothing keeps it apart from others. */
  readonly bounds: Bounds | null;
  /** Told that workers cannot start, with what the last of them said. */
  readonly failed: (said: string) => void;
};
export const ALONE: Company = {
  isShared: false,
  neighbours: () => [],
  memory: { limitBytes: 0, look: () => {} },
  beforeStart: () => {},
  isHeld: () => false,
  bounds: null,
  failed: () => {},
};

/** How a worker has ended that nobody had wanted to go. */
export type Ending = {
  readonly status: ExitStatus;
  readonly wasReady: boolean;
  /** It has reached a limit on memory. */
  readonly ranOut: boolean;
  /** That limit; 0 where nobody knows it. */
  readonly memoryBytes: number;
  /** The folders that had to go with it. */
  readonly emptied: readonly string[];
};

type Events = Pick<ChildEvents, "printed"> & {
  readonly reported: (report: Exclude<Report, { type: "ready" }>) => void;
  readonly exited: (ending: Ending) => void;
};

const RETRY_START_MS = 5;
const START_MS = 10_000;
const MAX_FAILED_STARTS = 3;
/** In characters; the reason stands at the end. */
const MAX_SAID = 2000;
/** What multiplies faster than it is ended one by one, for so long, takes the neighbours with it. */
const SPARE_MS = 2000;

export class Succession {
  child: Child | null = null;
  isReady = false;
  /** Workers that have ended before somebody wanted it. */
  restarts = 0;
  #ready = Promise.withResolvers<void>();
  #failedStarts = 0;
  /** What a worker on its way up has printed. */
  #said = "";
  #killsBefore = 0;
  #ranOutOf: number | null = null;
  /** How many workers there were to be; what waits for one of them is void once there is to be another. */
  #generation = 0;

  constructor(
    readonly environment: Readonly<Record<string, string>>,
    readonly company: Company,
    readonly events: Events,
  ) {
    try {
      company.beforeStart();
      this.#start();
    } catch {
      setTimeout(() => this.#startWhenAlone(this.#generation), RETRY_START_MS);
    }
  }

  /** Rejects never: a worker that cannot start is tried again. */
  get whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  /** Whether the latest worker could not start. */
  get isFailing(): boolean {
    return this.#failedStarts > 0;
  }

  /** The worker's process, 0 between two of them. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Of the worker and what it has started. */
  get usage(): Usage {
    return this.company.isShared ? usageOfTree(this.pid) : usageOfOthers();
  }

  /** What the kernel has ended during earlier cells was no end of theirs. */
  beginCell(): void {
    this.#killsBefore = outOfMemoryKills();
  }

  /** Ends the worker where its memory has reached a limit, its own or that of all, or where another program is in its place. */
  look(maxMemoryBytes: number): Usage {
    const { usage } = this;
    if (maxMemoryBytes > 0 && usage.memoryBytes > maxMemoryBytes) this.endForMemory(maxMemoryBytes);
    this.company.memory.look();
    if (this.isReady && process.pid === 1 && isUnhidden(this.pid)) this.end();
    return usage;
  }

  /** Its memory has reached a limit, and it may not be gone yet. */
  get isEndingForMemory(): boolean {
    return this.#ranOutOf !== null;
  }

  endForMemory(limitBytes: number): void {
    this.#ranOutOf ??= limitBytes;
    this.end();
  }

  /** Its end is told like any other. */
  end(): void {
    this.child?.signal("SIGKILL");
  }

  /** Another worker takes the place of this one, and whatever that had started ends. */
  replace(): void {
    this.end();
    this.child = null;
    if (this.isReady) this.#ready = Promise.withResolvers<void>();
    this.isReady = false;
    this.#startWhenAlone(++this.#generation);
  }

  #start(): void {
    const child = new Child(this.environment, this.company.bounds, {
      printed: (name, cell, bytes) => {
        if (this.child !== child) return;
        if (!this.isReady) this.#said = `${this.#said}${Buffer.from(bytes).toString()}`.slice(-MAX_SAID);
        this.events.printed(name, cell, bytes);
      },
      reported: (report) => {
        if (this.child !== child) return;
        if (report.type === "ready") this.#started();
        else this.events.reported(report);
      },
      exited: (status) => this.child === child && this.#exited(status),
    });
    this.child = child;
    this.#said = "";
    this.#ranOutOf = null;
    this.beginCell();
    setTimeout(() => this.child === child && !this.isReady && this.end(), START_MS);
  }

  #started(): void {
    this.isReady = true;
    this.#failedStarts = 0;
    this.#ready.resolve();
  }

  #exited(status: ExitStatus): void {
    const wasReady = this.isReady;
    const { neighbours, memory } = this.company;
    this.restarts++;
    this.#failedStarts = wasReady ? 0 : this.#failedStarts + 1;
    const ranOut = this.#ranOutOf !== null || outOfMemoryKills() > this.#killsBefore;
    const memoryBytes = this.#ranOutOf ?? memory.limitBytes;
    const emptied = ranOut || !wasReady ? makeRoom(memory.limitBytes, neighbours()) : [];
    this.events.exited({ status, wasReady, ranOut, memoryBytes, emptied });
    // A worker that cannot start at all would otherwise be started without end.
    if (this.#failedStarts < MAX_FAILED_STARTS) this.replace();
    else {
      this.company.failed(this.#said);
      const generation = this.#generation;
      setTimeout(() => this.#generation === generation && this.replace(), START_MS);
    }
  }

  /** A new worker needs room in the limit on processes, which killed ones keep until they are really gone. */
  #startWhenAlone(generation: number, since = performance.now()): void {
    if (generation !== this.#generation) return;
    const waited = performance.now() - since;
    const spared = waited < SPARE_MS ? this.company.neighbours() : [];
    try {
      if (process.pid !== 1 || !endOthers(children, spared)) {
        this.company.beforeStart();
        return this.#start();
      }
    } catch (error) {
      // No room after all.
      if (waited > START_MS) {
        this.company.failed(String(error));
        since = performance.now();
      }
    }
    setTimeout(() => this.#startWhenAlone(generation, since), RETRY_START_MS);
  }
}
