/** The places of a sandbox, each for one worker after the other, and how many there is room for. */
import type { Repl } from "../repl.ts";

/** What a worker and a small program in it take; a large one is ended at the limit, like everywhere. */
const WORKER_BYTES = 64 << 20;
/** A worker that waits has five threads. */
const WORKER_PIDS = 12;
const MAX_WORKERS = 8;

export class Place {
  readonly repl: Repl;
  session: string | null = null;
  /** By an execution without a session. */
  isTaken = false;
  /** The session that the folder belongs to; it was made anew for it, and stays when its worker ends. */
  owner: string | null = null;
  /** When the session was used last, or the execution began. */
  since = 0;

  constructor(
    readonly name: string,
    makeRepl: (place: Place) => Repl,
  ) {
    this.repl = makeRepl(this);
  }

  get isFree(): boolean {
    return this.session === null && !this.isTaken && !this.repl.busy;
  }
}

/** Pure: how many workers a sandbox has room for, by the limits of its control group; null for none. */
export function workersFor(limits: {
  readonly memory_bytes: number | null;
  readonly pids: number | null;
}): number {
  const room = Math.min(
    (limits.memory_bytes ?? Infinity) / WORKER_BYTES,
    (limits.pids ?? Infinity) / WORKER_PIDS,
  );
  return Math.max(2, Math.min(MAX_WORKERS, Math.floor(room)));
}
