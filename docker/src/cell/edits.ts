/** Pure: a text, the changes to make in it, and the way back from a position in what comes of them. */

/** 1-based line and column in the cell as the user wrote it. */
export type Position = { readonly line: number; readonly column: number };

/** Text of ours; an error in it is told at the offset `at` of the cell, or nowhere. */
export type Own = { readonly text: string; readonly at: number | null };
type Piece = Own & { readonly copied: boolean };

/** What happens where several changes meet, in this order. */
const Side = { close: 0, after: 1, leave: 2, enter: 3, before: 4, open: 5 } as const;
type Edit = {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Where in the cell the text belongs to. */
  readonly at: number;
  readonly side: (typeof Side)[keyof typeof Side];
};

export type Edited = {
  readonly text: string;
  readonly original: (generated: Position) => Position | null;
};

export class Edits {
  readonly #edits: Edit[] = [];

  constructor(readonly source: string) {}

  /** Adds text that belongs to what ends at an offset. */
  after(offset: number, text: string, at = offset): void {
    this.#edits.push({ start: offset, end: offset, text, at, side: Side.after });
  }

  /** Adds text that belongs to what starts at an offset. */
  before(offset: number, text: string): void {
    this.#edits.push({ start: offset, end: offset, text, at: offset, side: Side.before });
  }

  /** Puts a range between two texts, within all else that belongs to what begins or ends where it does. */
  wrap(start: number, end: number, open: string, close: string): void {
    this.#edits.push({ start, end: start, text: open, at: start, side: Side.open });
    this.#edits.push({ start: end, end, text: close, at: start, side: Side.close });
  }

  replace(start: number, end: number, text: string, at = start): void {
    this.#edits.push({ start, end, text, at, side: start === end ? Side.after : Side.before });
  }

  /** Moves a range, with the changes in it, before everything else; `left` stays in its place. */
  hoist(start: number, end: number, left: string): void {
    this.#edits.push({ start, end: start, text: "", at: start, side: Side.enter });
    this.#edits.push({ start: end, end, text: left, at: start, side: Side.leave });
  }

  /** Applies the changes: `head`, what was hoisted, a line break, the rest, `tail`. */
  finish(head: readonly Own[], tail: string): Edited {
    const front = head.map((own): Piece => ({ ...own, copied: false }));
    const rest: Piece[] = [{ text: "\n", at: null, copied: false }];
    let into = rest;
    let done = 0;
    const copy = (end: number) => {
      if (end > done) into.push({ text: this.source.slice(done, end), at: done, copied: true });
      done = Math.max(done, end);
    };
    for (const { start, end, text, at, side } of this.#edits.toSorted(
      (a, b) => a.start - b.start || a.side - b.side,
    )) {
      copy(start);
      if (side === Side.enter) into = front;
      else if (side === Side.leave) into = rest;
      if (text !== "") into.push({ text, at, copied: false });
      done = Math.max(done, end);
    }
    copy(this.source.length);
    rest.push({ text: tail, at: null, copied: false });
    const pieces = [...front, ...rest];
    const text = pieces.map((piece) => piece.text).join("");
    let trace: ((generated: Position) => number | null) | undefined;
    return {
      text,
      original: (generated) => {
        trace ??= tracer(text, pieces);
        const offset = trace(generated);
        return offset === null ? null : positionAt(this.source, offset);
      },
    };
  }
}

/** Lines end for the user where an editor ends them. */
export function positionAt(source: string, offset: number): Position {
  const before = source.slice(0, offset);
  let line = 1;
  for (let at = before.indexOf("\n"); at >= 0; at = before.indexOf("\n", at + 1)) line++;
  return { line, column: before.length - before.lastIndexOf("\n") };
}

/** Lines end for Bun where ECMAScript ends them. */
function tracer(text: string, pieces: readonly Piece[]): (generated: Position) => number | null {
  const lines = [
    0,
    ...Array.from(text.matchAll(/\r\n?|[\n\u2028\u2029]/g), (end) => end.index + end[0].length),
  ];
  const starts: number[] = [];
  let total = 0;
  for (const piece of pieces) {
    starts.push(total);
    total += piece.text.length;
  }
  return ({ line, column }) => {
    const start = lines[line - 1];
    if (start === undefined) return null;
    const offset = Math.min(start + column - 1, (lines[line] ?? total + 1) - 1);
    const index = lastAtMost(starts, offset);
    const piece = pieces[index];
    if (piece === undefined || piece.at === null) return null;
    return piece.copied ? piece.at + offset - (starts[index] ?? 0) : piece.at;
  };
}

/** The index of the last number of a rising list that is not above a limit. */
function lastAtMost(rising: readonly number[], limit: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
