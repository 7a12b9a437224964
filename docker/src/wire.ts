/**
 * What travels between the kernel and the supervisor; the twin of `bun_sandbox_kernel/wire.py`.
 *
 * Law: same tags, same field names, same order on both sides. `tests/transcripts/` holds conversations that both
 * languages must read alike.
 */

/** Raised with every change that an older peer would misread. */
export const PROTOCOL = 3;

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
/** The cell waits for a line of input; answer with `POST /input`. `password`: do not show what is typed. */
export type InputEvent = {
  readonly type: "input";
  readonly id: number;
  readonly prompt: string;
  readonly password: boolean;
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
export type Event = OutputEvent | InputEvent | EndEvent;

/** What comes out of a sandbox between cells, on `GET /events`. `execution` is the cell that started it. */
export type LateEvent =
  | { readonly type: "hello"; readonly protocol: number }
  | { readonly type: "late"; readonly execution: string; readonly event: OutputEvent }
  | { readonly type: "worker"; readonly state: "lost"; readonly message: string }
  /** Said each second, whatever the worker does. */
  | { readonly type: "alive" };

/** The body of `POST /execute`. Without a session the code gets a worker of its own, which ends with it. */
export type ExecuteRequest = {
  readonly code: string;
  readonly session: string | null;
  readonly execution: string;
  readonly count: number;
  /** What tracebacks call the code, in place of `Cell [3]`; empty for a cell. */
  readonly file: string;
  readonly color: boolean;
  readonly timeout_ms: number;
  /** Keep the value as `_`, `_3` and `Out[3]`. */
  readonly store_history: boolean;
  /** Somebody is there to answer `prompt()`. */
  readonly allow_stdin: boolean;
};

export type Completeness = {
  readonly status: "complete" | "incomplete" | "invalid";
  readonly indent: string;
};
/** What may stand between `start` and `end`, offsets in UTF-16 units; the best first. */
export type Completions = {
  readonly start: number;
  readonly end: number;
  readonly matches: readonly Completion[];
};
/** `kind` as the `_jupyter_types_experimental` metadata names it: function, class, module, keyword, property … */
export type Completion = { readonly text: string; readonly kind: string; readonly signature: string };
/** What is known of the name at the cursor; an empty bundle when nothing is. */
export type Inspection = { readonly data: MimeBundle };
/** One of the session's variables: how it was declared, what its value is, and what of it takes memory by itself. */
export type Variable = {
  readonly name: string;
  readonly declared: string;
  readonly kind: string;
  /** Null where nobody knows. */
  readonly bytes: number | null;
  readonly text: string;
};

/** What `GET /files` answers: a folder's names, and the room in the working folder. Sizes in bytes. */
export type Listing = {
  readonly entries: readonly Entry[];
  /** So many names are not told. */
  readonly left_out: number;
  readonly total_bytes: number;
  readonly free_bytes: number;
  readonly total_files: number;
  readonly free_files: number;
};
export type Entry = {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other";
  readonly bytes: number;
  /** Since 1970. */
  readonly modified_ms: number;
};
/** What `PUT /file` does where a file of that name is: refuse, take its place, or add to it. */
export const WRITE_MODES = ["create", "replace", "append"] as const;
export type WriteMode = (typeof WRITE_MODES)[number];
/** What `PUT /file` answers: what arrived, and whether a file of that name was there. */
export type Written = { readonly bytes: number; readonly existed: boolean };

/** What is asked of the worker between commands to run, and the shape of its answer. */
export type Question =
  | { readonly about: "is_complete"; readonly code: string }
  | { readonly about: "complete"; readonly code: string; readonly cursor: number }
  | { readonly about: "inspect"; readonly code: string; readonly cursor: number; readonly detail: boolean }
  | { readonly about: "variables" };
export type Answers = {
  readonly is_complete: Completeness;
  readonly complete: Completions;
  readonly inspect: Inspection;
  readonly variables: { readonly variables: readonly Variable[] };
};
export type Answer = { [About in keyof Answers]: { readonly about: About } & Answers[About] }[keyof Answers];

/** Supervisor → worker, one JSON line each. */
export type Command =
  | ({ readonly type: "run"; readonly id: number } & Pick<
      ExecuteRequest,
      "code" | "count" | "file" | "color" | "store_history" | "allow_stdin"
    >)
  | { readonly type: "interrupt"; readonly id: number }
  | { readonly type: "settle"; readonly id: number }
  | { readonly type: "input"; readonly id: number; readonly value: string | null }
  | { readonly type: "ask"; readonly id: number; readonly question: Question };

/** Worker → supervisor; nothing in it is trusted. What it prints travels beside these, in frames of its own. */
export type Report =
  | { readonly type: "ready" }
  | { readonly type: "output"; readonly id: number; readonly event: Exclude<OutputEvent, StreamEvent> }
  | {
      readonly type: "input";
      readonly id: number;
      readonly input: number;
      readonly prompt: string;
      readonly password: boolean;
      /** The worker reads nothing but the answer until it is there. */
      readonly blocking: boolean;
    }
  /** The cell's code is about to run: from now on a signal ends the cell and not what leads to it. */
  | { readonly type: "started"; readonly id: number }
  | { readonly type: "done"; readonly id: number; readonly outcome: "ok" | "error" | "interrupted" }
  | { readonly type: "settled"; readonly id: number }
  | { readonly type: "answer"; readonly id: number; readonly answer: Answer };
