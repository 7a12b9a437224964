/**
 * Pure: what travels from the worker to the supervisor, in one order, on one pipe.
 *
 * A frame is a kind, the cell it belongs to, a length, and bytes; integers are little-endian. None is larger than
 * PIPE_BUF, so that the kernel writes it whole or not at all (pipe(7)): an interrupt in the middle of a write leaves
 * no half of it behind, and threads and forks cannot mix theirs.
 */

/**
 * `lost` is never meant. Workers that had been interrupted hundreds of times have been seen to write, once in some ten
 * thousand, a frame whose kind and cell are 0 and whose text is whole; why is not known.
 */
export const FRAME_KINDS = { lost: 0, stdout: 1, stderr: 2, reportStart: 3, reportMore: 4 } as const;
type Kind = (typeof FRAME_KINDS)[keyof typeof FRAME_KINDS];
export type Frame = {
  readonly kind: Kind;
  readonly isBehindStreams: boolean;
  readonly cell: number;
  readonly bytes: Uint8Array;
};

/** What a worker is given beside its standard streams: where it sends frames, and where commands and answers come in. */
export const WORKER_FDS = { channel: 3, commands: 4, answers: 5 } as const;

/** Added to the kind of text before which something waited in the standard streams, and comes first. */
export const BEHIND_STREAMS = 0x80;

/** Kind (1 byte), cell (4), length of what follows (2). */
export const HEADER_BYTES = 7;
export const MAX_FRAME_BYTES = 4096;
const KINDS: ReadonlySet<number> = new Set(Object.values(FRAME_KINDS));

/** The pipe does not hold frames: user code wrote to it. */
export class UnlawfulFrame extends Error {}

export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);

  /** The frames that a chunk completes. @throws {UnlawfulFrame} */
  feed(chunk: Uint8Array): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const frames: Frame[] = [];
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const first = view.getUint8(at);
      const kind = first & ~BEHIND_STREAMS;
      const end = at + HEADER_BYTES + view.getUint16(at + 5, true);
      const isEmpty = end - at === HEADER_BYTES;
      if (!isKind(kind) || end - at > MAX_FRAME_BYTES || (kind === FRAME_KINDS.lost && isEmpty))
        throw new UnlawfulFrame("no frame of ours");
      if (end > bytes.length) break;
      frames.push({
        kind,
        isBehindStreams: first !== kind,
        cell: view.getUint32(at + 1, true),
        bytes: bytes.subarray(at + HEADER_BYTES, end),
      });
      at = end;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }
}

/** What a frame must have been whose kind is lost: reports can be told by how they begin. */
export const kindOf = ({ kind, bytes }: Frame): Kind => {
  if (kind !== FRAME_KINDS.lost) return kind;
  const begin = Buffer.from(bytes.subarray(0, REPORT_BEGIN.length)).toString("latin1");
  return begin === REPORT_BEGIN ? FRAME_KINDS.reportStart : FRAME_KINDS.stdout;
};
const REPORT_BEGIN = '{"type":"';

const isKind = (kind: number): kind is Kind => KINDS.has(kind);
