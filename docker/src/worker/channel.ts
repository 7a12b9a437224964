/**
 * The worker's end of the pipe to its supervisor: prints and reports, in the order in which they happen.
 *
 * Law: user code may have replaced anything that can be looked up by name, so what is needed here was taken before it,
 * and bytes are moved by index.
 */
import { writeSync } from "node:fs";
import { BEHIND_STREAMS, FRAME_KINDS, HEADER_BYTES, MAX_FRAME_BYTES } from "../supervisor/frames.ts";
import { MAX_LINE } from "../supervisor/lines.ts";
import { min, slice, stringify } from "../primordials.ts";
import { waiting } from "../waiting.ts";
import type { Report } from "../wire.ts";

const write = writeSync;
const encoder = new TextEncoder();
const encodeInto = encoder.encodeInto.bind(encoder);

const frame = new Uint8Array(MAX_FRAME_BYTES);
const payload = new Uint8Array(frame.buffer, HEADER_BYTES);

export class Channel {
  constructor(
    readonly fd: number,
    /** The pipe is gone: user code closed it, and nobody can be told any more. */
    readonly broken: () => never,
  ) {}

  print(name: "stdout" | "stderr", cell: number, data: string | Uint8Array): void {
    // What native code and child processes have written, and nobody has read yet, was there before.
    const kind = FRAME_KINDS[name] | (waiting(1) > 0 || waiting(2) > 0 ? BEHIND_STREAMS : 0);
    if (typeof data === "string") this.#text(kind, kind, cell, data);
    else this.#bytes(kind, cell, data);
  }

  /** @throws {RangeError} when the report is longer than the supervisor reads. */
  report(report: Report): void {
    const line = stringify(report);
    if (line.length > MAX_LINE)
      throw new RangeError(`the value takes ${line.length} characters; one output may have ${MAX_LINE}`);
    this.#text(FRAME_KINDS.reportStart, FRAME_KINDS.reportMore, 0, `${line}\n`);
  }

  #text(first: number, more: number, cell: number, text: string): void {
    let kind = first;
    for (let rest = text; rest !== "";) {
      const { read, written } = encodeInto(rest, payload);
      this.#send(kind, cell, written);
      rest = read === rest.length ? "" : slice(rest, read);
      kind = more;
    }
  }

  #bytes(kind: number, cell: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += payload.length) {
      const length = min(payload.length, bytes.length - at);
      for (let index = 0; index < length; index++) payload[index] = bytes[at + index] ?? 0;
      this.#send(kind, cell, length);
    }
  }

  #send(kind: number, cell: number, length: number): void {
    frame[0] = kind;
    frame[1] = cell;
    frame[2] = cell >>> 8;
    frame[3] = cell >>> 16;
    frame[4] = cell >>> 24;
    frame[5] = length;
    frame[6] = length >>> 8;
    for (;;) {
      try {
        write(this.fd, frame, 0, HEADER_BYTES + length);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "EAGAIN" && code !== "EINTR") this.broken();
      }
    }
  }
}
