/** What the worker was asked and has not answered yet. */
import type { Answer } from "../wire.ts";

/** Whoever types does not wait longer; a cell may hold the worker for ever. */
const PATIENCE_MS = 1000;

export class Questions {
  readonly #open = new Map<number, (answer: Answer | null) => void>();
  #nextId = 1;

  /** Null when no answer came in time. */
  ask(send: (id: number) => void): Promise<Answer | null> {
    const { promise, resolve } = Promise.withResolvers<Answer | null>();
    const id = this.#nextId++;
    const patience = setTimeout(() => this.answer(id, null), PATIENCE_MS);
    this.#open.set(id, (answer) => {
      clearTimeout(patience);
      resolve(answer);
    });
    send(id);
    return promise;
  }

  answer(id: number, answer: Answer | null): void {
    this.#open.get(id)?.(answer);
    this.#open.delete(id);
  }

  /** The worker is gone, and its answers with it. */
  drop(): void {
    for (const id of Array.from(this.#open.keys())) this.answer(id, null);
  }
}
