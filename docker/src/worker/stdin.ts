/**
 * `prompt`, `confirm` and `alert` as browsers have them (https://html.spec.whatwg.org/#simple-dialogs), and `input`,
 * which does not hold the event loop. The questions go out as reports; the answers to those that block come back on a
 * pipe of their own, which nothing else reads.
 */
import { readSync } from "node:fs";

export type Ask = (question: { prompt: string; password: boolean; blocking: boolean }) => number;
type Answer = { readonly id: number; readonly value: string | null; readonly interrupted: boolean };

const { parse } = JSON;
const read = readSync;
const { Promise } = globalThis;
const decode = TextDecoder.prototype.decode.bind(new TextDecoder());
const REFUSED = "nobody can be asked for input here";

export class Stdin {
  readonly #waiting = new Map<number, (value: string | null) => void>();

  constructor(
    readonly fd: number,
    readonly ask: Ask,
    /** Whether the running cell has somebody who answers. */
    readonly allowed: () => boolean,
    readonly warn: (sentence: string) => void,
    /** Leaves the cell. */
    readonly interrupted: () => never,
  ) {}

  readonly globals = {
    prompt: (message = "", fallback?: string): string | null => {
      const answer = this.#block("prompt", message === "" ? "" : `${message} `, null);
      return answer === "" && fallback !== undefined ? `${fallback}` : answer;
    },
    confirm: (message = "Confirm"): boolean =>
      /^\s*y(es)?\s*$/i.test(this.#block("confirm", `${message} [y/N] `, "no") ?? ""),
    alert: (message = "Alert"): void => void this.#block("alert", `${message} [Enter] `, ""),
    input: (message = "", options: { readonly password?: boolean } = {}): Promise<string> => {
      if (!this.allowed()) return Promise.reject(new Error(`input: ${REFUSED}`));
      const id = this.ask({ prompt: `${message}`, password: options.password === true, blocking: false });
      return new Promise((resolve, reject) =>
        this.#waiting.set(id, (value) =>
          value === null ? reject(new Error("input: there was no answer")) : resolve(value),
        ),
      );
    },
  };

  /** The answer to an `input` that does not block. */
  answer(id: number, value: string | null): void {
    this.#waiting.get(id)?.(value);
    this.#waiting.delete(id);
  }

  #block(name: string, prompt: string, otherwise: string | null): string | null {
    if (!this.allowed()) {
      this.warn(`${name}() returned ${otherwise === null ? "null" : `"${otherwise}"`}: ${REFUSED}\n`);
      return otherwise;
    }
    const id = this.ask({ prompt, password: false, blocking: true });
    for (;;) {
      const answer = this.#readAnswer();
      if (answer.id !== id) continue; // of a prompt that was interrupted
      return answer.interrupted ? this.interrupted() : answer.value;
    }
  }

  #readAnswer(): Answer {
    const bytes: number[] = [];
    const one = new Uint8Array(1);
    while (read(this.fd, one, 0, 1, null) === 1 && one[0] !== 10) bytes[bytes.length] = one[0] ?? 0;
    return parse(decode(new Uint8Array(bytes))) as Answer;
  }
}
