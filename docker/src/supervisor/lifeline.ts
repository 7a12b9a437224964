/**
 * The stream that ties the sandbox's life to the kernel's: `GET /events`, held open by the kernel from start to end.
 * It carries what belongs to no running cell.
 *
 * Law: however the kernel ends, its side of the connection closes, and the sandbox with it. However the supervisor
 * ends or hangs, its sign of life stays away, and the kernel ends the sandbox.
 */
import { type LateEvent, PROTOCOL } from "../wire.ts";

/** How long a sandbox that was started by a kernel waits for it in the beginning. */
const PATIENCE_MS = 15_000;
/** How often it says that it is there; the kernel's patience is a multiple of it. */
const ALIVE_EVERY_MS = 1000;

export class Lifeline {
  #controller: ReadableStreamDefaultController<string> | null = null;
  #patience: NodeJS.Timeout | undefined;
  #expected = false;

  constructor(readonly end: () => void) {
    setInterval(() => this.send({ type: "alive" }), ALIVE_EVERY_MS).unref();
  }

  /** From now on the sandbox ends when nobody holds the line. */
  expect(): void {
    this.#expected = true;
    this.#patience = setTimeout(this.end, PATIENCE_MS);
  }

  readonly attach = (): Promise<Response> => {
    clearTimeout(this.#patience);
    const stream = new ReadableStream<string>({
      start: (controller) => {
        this.#controller = controller;
        this.send({ type: "hello", protocol: PROTOCOL });
      },
      cancel: () => {
        this.#controller = null;
        if (this.#expected) this.end();
      },
    });
    return Promise.resolve(new Response(stream, { headers: { "content-type": "application/x-ndjson" } }));
  };

  send(event: LateEvent): void {
    this.#controller?.enqueue(`${JSON.stringify(event)}\n`);
  }
}
