/** What matches a prefix: first what starts with it, then what does in another case, then what contains it. */
import {
  append,
  indexOf,
  list,
  lowerCase,
  released,
  setAdd,
  setHas,
  Set,
  startsWith,
} from "../primordials.ts";
import type { Completion } from "../wire.ts";

const MAX_MATCHES = 1_000;
const RANKS = 3;

/** What is known of a key, asked for once it is sure to be shown. */
export type Detail = (key: string) => Omit<Completion, "text">;
export const plain = (kind: string): Detail => {
  const detail = { kind, signature: "" };
  return () => detail;
};
type Match = { readonly key: string; readonly text: string; readonly detail: Detail };

export class Matches {
  readonly #lower: string;
  readonly #seen = new Set<string>();
  /** Two lists a rank, the second for what everything has. */
  readonly #found = list<Match[]>();

  constructor(readonly prefix: string) {
    this.#lower = lowerCase(prefix);
    for (let index = 0; index < 2 * RANKS; index++) append(this.#found, list());
  }

  /** Nothing better can come. */
  get isFull(): boolean {
    return (this.#found[0]?.length ?? 0) >= MAX_MATCHES;
  }

  /** -1 for what does not match. */
  rank(key: string): number {
    if (startsWith(key, this.prefix)) return 0;
    const at = indexOf(lowerCase(key), this.#lower);
    return at === 0 ? 1 : at > 0 ? 2 : -1;
  }

  /** `text` is what stands in the code for the key; `late` is what everything has. */
  add(key: string, detail: Detail, text = key, late = false): void {
    const found = this.#found[2 * this.rank(key) + (late ? 1 : 0)];
    if (found === undefined || found.length >= MAX_MATCHES || setHas(this.#seen, key)) return;
    setAdd(this.#seen, key);
    append(found, { key, text, detail });
  }

  best(): Completion[] {
    const best = list<Completion>();
    for (let index = 0; index < this.#found.length; index++) {
      const found = this.#found[index] ?? list();
      for (let i = 0; i < found.length && best.length < MAX_MATCHES; i++) {
        const one = found[i];
        if (one !== undefined) append(best, { text: one.text, ...one.detail(one.key) });
      }
    }
    return released(best);
  }
}
