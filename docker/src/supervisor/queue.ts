/**
 * The executions that wait for a worker, in their order.
 *
 * Law: who cannot be served soon is told at once, and who has hung up keeps nobody waiting.
 */
import { HttpError } from "./http.ts";
import type { Place } from "./place.ts";

/** A client is better off asking again than waiting behind more. */
const MAX_WAITING = 32;
const RETRY_AFTER_S = 1;

export class Queue {
  /** How many were turned away. */
  rejected = 0;
  readonly #waiting: ((place: Place) => void)[] = [];

  constructor(readonly free: () => Place | undefined) {}

  get length(): number {
    return this.#waiting.length;
  }

  /** Resolves to a place that is taken. @throws {HttpError} where too many wait already, and for who has hung up. */
  async take(gone: AbortSignal): Promise<Place> {
    const place = this.#waiting.length === 0 ? this.free() : undefined;
    if (place !== undefined) {
      place.isTaken = true;
      return place;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      this.rejected++;
      throw tooMany(`${MAX_WAITING} executions wait already; ask again later`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Place>();
    this.#waiting.push(resolve);
    gone.addEventListener("abort", () => {
      const at = this.#waiting.indexOf(resolve);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(new HttpError(499, "gone", "the client hung up"));
    });
    return promise;
  }

  /** Hands on the places that are free. */
  serve(): void {
    for (;;) {
      const place = this.#waiting.length > 0 ? this.free() : undefined;
      if (place === undefined) return;
      place.isTaken = true;
      this.#waiting.shift()?.(place);
    }
  }
}

export const tooMany = (sentence: string) =>
  new HttpError(429, "too_many", sentence, { "retry-after": String(RETRY_AFTER_S) });
