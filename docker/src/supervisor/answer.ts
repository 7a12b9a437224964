/**
 * The body of an answer, made piece by piece as its client reads it.
 *
 * Law: what a client does not read takes no more memory here than what was printed, and not for long.
 */

/** Of all executions that have ended; past that nothing runs until there is room. */
const MAX_UNREAD_BYTES = 16 << 20;
/** Where there is no room, an answer goes of which nothing has been read for so long. */
const STALLED_MS = 1000;
/** And one that is still not read to its end. */
const OLD_MS = 10_000;
const LOOK_MS = 20;

/** Those that are whole, and have yet to be read to their end. */
const unread = new Set<Answer>();

/** Resolves once what has not been read leaves room for another answer. */
export async function room(): Promise<void> {
  while (unread.values().reduce((sum, { bytes }) => sum + bytes, 0) > MAX_UNREAD_BYTES) {
    for (const answer of unread) answer.dropIfLate();
    await Bun.sleep(LOOK_MS);
  }
}

/** Makes a part of the text. */
export type Piece = () => string;

export class Answer {
  readonly body: ReadableStream<string>;
  /** What it takes, once it is whole. */
  bytes = 0;
  readonly #pieces = new Set<Piece>();
  #isWhole = false;
  #isDropped = false;
  #endedAt = 0;
  #readAt = 0;
  #more: () => void = () => {};

  constructor(
    /** Closes the connection where it is not called again soon. */
    readonly hurry: () => void,
    /** Called where the client hangs up before the answer is whole. */
    readonly gone: () => void = () => {},
  ) {
    this.body = new ReadableStream<string>({
      pull: (controller) => this.#pull(controller),
      cancel: () => {
        this.#drop();
        if (!this.#isWhole) this.gone();
      },
    });
  }

  add(...pieces: readonly Piece[]): void {
    if (this.#isDropped) return;
    for (const piece of pieces) this.#pieces.add(piece);
    this.#more();
  }

  /** Nothing follows. */
  end(bytes: number): void {
    this.bytes = bytes;
    this.#isWhole = true;
    this.#endedAt = this.#readAt = Date.now();
    if (!this.#isDropped) unread.add(this);
    this.hurry();
    this.#more();
  }

  dropIfLate(): void {
    const now = Date.now();
    if (now - this.#readAt > STALLED_MS || now - this.#endedAt > OLD_MS) this.#drop();
  }

  async #pull(controller: ReadableStreamDefaultController<string>): Promise<void> {
    // Of a dropped answer nothing follows, not even its end, until its connection is closed.
    while (this.#isDropped || (this.#pieces.size === 0 && !this.#isWhole))
      await new Promise<void>((resolve) => (this.#more = resolve));
    if (this.#isWhole) this.hurry();
    this.#readAt = Date.now();
    const [piece] = this.#pieces;
    if (piece !== undefined) {
      this.#pieces.delete(piece);
      controller.enqueue(piece());
    }
    if (this.#pieces.size > 0 || !this.#isWhole) return;
    unread.delete(this);
    controller.close();
  }

  #drop(): void {
    this.#isDropped = true;
    this.#pieces.clear();
    unread.delete(this);
  }
}
