/**
 * What travels between the kernel and the supervisor; the twin of `bun_sandbox_kernel/wire.py`.
 *
 * Law: same tags, same field names, same order on both sides. `tests/transcripts/` holds conversations that both
 * languages must read alike.
 */

/** Raised with every change that an older peer would misread. */
export const PROTOCOL = 1;

/** MIME type → data: text for text types, base64 for binary ones, any JSON value for `application/*+json`. */
export type MimeBundle = Readonly<Record<string, unknown>>;

export type Outcome = "ok" | "error" | "interrupted" | "timeout" | "memory" | "crashed";

/** Text that the cell, or a process it started, wrote to its standard output or error. */
export type StreamEvent = {
  readonly type: "stream";
  readonly name: "stdout" | "stderr";
  readonly text: string;
};
/** A value that the cell showed while it ran. `update` replaces the outputs that carry the same `display_id`. */
export type DisplayEvent = {
  readonly type: "display";
  readonly data: MimeBundle;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly display_id: string | null;
  readonly update: boolean;
};
export type ClearEvent = { readonly type: "clear"; readonly wait: boolean };
/** The value of the cell's last expression. */
export type ResultEvent = {
  readonly type: "result";
  readonly data: MimeBundle;
  readonly metadata: Readonly<Record<string, unknown>>;
};
/** The cell threw. `traceback` is ready to print, a line an element, with ANSI colours where they were asked for. */
export type ErrorEvent = {
  readonly type: "error";
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
};
/** The last event of every execution. `message` says what ended it when it was not the program itself. */
export type EndEvent = {
  readonly type: "end";
  readonly outcome: Outcome;
  readonly state: "kept" | "lost";
  readonly message: string;
  readonly exit_code: number | null;
  readonly wall_ms: number;
  readonly cpu_ms: number;
  readonly peak_memory_bytes: number;
  readonly output_bytes: number;
  readonly dropped_bytes: number;
};
export type OutputEvent = StreamEvent | DisplayEvent | ClearEvent | ResultEvent | ErrorEvent;
export type Event = OutputEvent | EndEvent;

/** What comes out of a sandbox between cells, on `GET /events`. `execution` is the cell that started it. */
export type LateEvent =
  | { readonly type: "hello"; readonly protocol: number }
  | { readonly type: "late"; readonly execution: string; readonly event: OutputEvent }
  | { readonly type: "worker"; readonly state: "lost"; readonly message: string };

/** The body of `POST /execute`. Without a session the code gets a worker of its own, which ends with it. */
export type ExecuteRequest = {
  readonly code: string;
  readonly session: string | null;
  readonly execution: string;
  readonly count: number;
  readonly color: boolean;
  readonly timeout_ms: number;
};

export type Completeness = {
  readonly status: "complete" | "incomplete" | "invalid";
  readonly indent: string;
};

/** Supervisor → worker, one JSON line each. */
export type Command =
  | {
      readonly type: "run";
      readonly id: number;
      readonly code: string;
      readonly count: number;
      readonly color: boolean;
    }
  | { readonly type: "is_complete"; readonly id: number; readonly code: string };

/** Worker → supervisor, one JSON line each; nothing in it is trusted. */
export type Report =
  | { readonly type: "ready" }
  | { readonly type: "output"; readonly id: number; readonly event: Exclude<OutputEvent, StreamEvent> }
  | { readonly type: "done"; readonly id: number; readonly outcome: "ok" | "error" | "interrupted" }
  | { readonly type: "completeness"; readonly id: number; readonly completeness: Completeness };
