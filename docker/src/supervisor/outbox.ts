/**
 * What is written to a worker, which may have stopped to read.
 *
 * Law: lines arrive in order, each whole, and this process, which has others to serve, never waits.
 */
import { closeSync, writeSync } from "node:fs";
import { neverBlock } from "./linux.ts";

/** How long a worker may leave a line unread. */
const PATIENCE_MS = 5000;
const RETRY_MS = 5;
/** Two of the largest requests. */
const FULL_BYTES = 2 << 20;

type Line = { rest: Uint8Array; readonly deadline: number };

export class Outbox {
  readonly #lines: Line[] = [];
  #retry: NodeJS.Timeout | undefined;
  #isOpen = true;

  constructor(
    readonly fd: number,
    /** Called where nobody reads a line, or will. */
    readonly unread: () => void,
  ) {
    neverBlock(fd);
  }

  /** Whether so much waits for a reader that no more should be added. */
  get isFull(): boolean {
    return this.#lines.reduce((sum, { rest }) => sum + rest.length, 0) > FULL_BYTES;
  }

  send(text: string): void {
    if (!this.#isOpen) return;
    this.#lines.push({ rest: Buffer.from(text), deadline: performance.now() + PATIENCE_MS });
    if (this.#lines.length === 1) this.#write();
  }

  close(): void {
    this.#isOpen = false;
    this.#lines.length = 0;
    clearTimeout(this.#retry);
    closeSync(this.fd);
  }

  #write(): void {
    try {
      for (let line; (line = this.#lines[0]) !== undefined; this.#lines.shift())
        while (line.rest.length > 0) line.rest = line.rest.subarray(writeSync(this.fd, line.rest));
    } catch (error) {
      const isFull = (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (isFull && performance.now() < (this.#lines[0]?.deadline ?? 0))
        this.#retry = setTimeout(() => this.#write(), RETRY_MS);
      else this.unread();
    }
  }
}
