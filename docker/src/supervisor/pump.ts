/** Reads one pipe for as long as anybody holds its other end, and hands on what arrives, in order. */
import { closeSync } from "node:fs";
import { waiting } from "../waiting.ts";

/** A background process that never stops printing must not hold back what waits for the drain. */
const MAX_DRAIN_MS = 250;
const FULL_READ_BYTES = 1 << 14;
/** After so many small reads in a row it is a flood, and what follows each is collected for a while. */
const FLOOD_READS = 20;
const COLLECT_MS = 4;
/** A pipe that is never empty is read without the event loop's turning, so that nobody else would be served. */
const TURN_MS = 4;

export class Pump {
  readonly ended: Promise<void>;
  #endPause: (() => void) | null = null;
  #reads = 0;
  #delivering = false;
  #ended = false;

  constructor(
    readonly fd: number,
    /** Says whether all of it was mere text, of which more may be waited for. */
    readonly deliver: (bytes: Uint8Array) => boolean | Promise<boolean>,
  ) {
    this.ended = this.#run();
  }

  /** Something has been written to the pipe and has not been delivered. */
  get behind(): boolean {
    return !this.#ended && (this.#delivering || this.#endPause !== null || waiting(this.fd) > 0);
  }

  /** Resolves when all that was in the pipe at the time of the call has been delivered. */
  async drain(): Promise<void> {
    const deadline = performance.now() + MAX_DRAIN_MS;
    let quiet = 0;
    while (!this.#ended && quiet < 2 && performance.now() < deadline) {
      const before = this.#reads;
      this.#endPause?.();
      await turn();
      if (this.#ended) return;
      quiet = !this.#delivering && this.#reads === before && waiting(this.fd) === 0 ? quiet + 1 : 0;
    }
  }

  async #run(): Promise<void> {
    let small = 0;
    let last = 0;
    let turned = 0;
    try {
      for await (const chunk of Bun.file(this.fd).stream()) {
        this.#reads++;
        this.#delivering = true;
        const isText = await this.deliver(chunk);
        const now = performance.now();
        small = isText && chunk.length < FULL_READ_BYTES && now - last < COLLECT_MS * 2 ? small + 1 : 0;
        last = now;
        const isDue = now - turned > TURN_MS;
        if (small > FLOOD_READS) await this.#pause();
        else if (isDue) await turn();
        if (isDue) turned = performance.now();
        // Only now: the next chunk may have been read meanwhile.
        this.#delivering = false;
      }
    } finally {
      this.#ended = true;
      closeSync(this.fd);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#endPause = null;
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(end, COLLECT_MS);
      this.#endPause = end;
    });
  }
}

/** Resolves when all that has been read by now has been handed on. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
