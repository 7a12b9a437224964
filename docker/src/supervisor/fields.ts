/** Pure: the JSON object that a request brings → what it asks for. Each throws an HttpError that names the field. */
import { type Body, HttpError, target } from "./http.ts";
import type { Limits } from "./ending.ts";
import { type ExecuteRequest, type Question, WRITE_MODES, type WriteMode } from "../wire.ts";
import type { Address } from "../workers.ts";

/** Longest name of an execution or a session. */
const MAX_NAME = 200;

/** What an execution is called that nobody has named, is made up. */
export function executeRequest(fields: Body): ExecuteRequest {
  return {
    code: text(fields, "code"),
    session: name(fields, "session"),
    execution: name(fields, "execution") || crypto.randomUUID(),
    count: wholeNumber(fields, "count", 1),
    file: fields["file"] === undefined ? "" : text(fields, "file"),
    color: flag(fields, "color"),
    timeout_ms: wholeNumber(fields, "timeout_ms", 0),
    store_history: flag(fields, "store_history"),
    allow_stdin: flag(fields, "allow_stdin"),
  };
}

export const session = (fields: Body): string | null => name(fields, "session");

export const address = (fields: Body): Address => ({
  session: session(fields),
  execution: name(fields, "execution") ?? "",
});

export const limits = (fields: Body): Limits => ({
  maxExecutionMs: wholeNumber(fields, "max_execution_ms", 0),
  maxMemoryBytes: wholeNumber(fields, "max_memory_bytes", 0, Number.MAX_SAFE_INTEGER),
  maxOutputBytes: wholeNumber(fields, "max_output_bytes", 0),
});

export const inputOf = (fields: Body) => ({
  ...address(fields),
  id: wholeNumber(fields, "id", -1),
  value: optionalText(fields, "value"),
});

export const isComplete = (fields: Body): Question => ({ about: "is_complete", code: text(fields, "code") });
export const complete = (fields: Body): Question => ({ about: "complete", ...place(fields) });
export const inspect = (fields: Body): Question => ({
  about: "inspect",
  ...place(fields),
  detail: flag(fields, "detail"),
});
export const variables = (): Question => ({ about: "variables" });

const place = (fields: Body) => {
  const code = text(fields, "code");
  return { code, cursor: wholeNumber(fields, "cursor", code.length) };
};

/** A parameter behind the question mark; null where there is none. */
export const parameter = (request: Request, wanted: string): string | null =>
  target(request).searchParams.get(wanted);

export function writeMode(request: Request): WriteMode {
  const asked = parameter(request, "mode") ?? "create";
  const mode = WRITE_MODES.find((known) => known === asked);
  if (mode !== undefined) return mode;
  throw new HttpError(400, "bad_request", `"mode" must be one of ${WRITE_MODES.join(", ")}`);
}

function text(fields: Body, wanted: string): string {
  const value = fields[wanted];
  if (typeof value === "string") return value;
  throw new HttpError(400, "bad_request", `"${wanted}" must be a string, not ${describe(value)}`);
}

function optionalText(fields: Body, wanted: string): string | null {
  return fields[wanted] == null ? null : text(fields, wanted);
}

function name(fields: Body, wanted: string): string | null {
  const value = optionalText(fields, wanted);
  if (value === null || value.length <= MAX_NAME) return value;
  throw new HttpError(
    400,
    "bad_request",
    `"${wanted}" has ${value.length} characters; give at most ${MAX_NAME}`,
  );
}

function wholeNumber(fields: Body, wanted: string, fallback: number, most = 2 ** 31 - 1): number {
  const { [wanted]: value = fallback } = fields;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw new HttpError(
    400,
    "bad_request",
    `"${wanted}" must be a whole number from 0 to ${most}, not ${describe(value)}`,
  );
}

function flag(fields: Body, wanted: string): boolean {
  const { [wanted]: value = false } = fields;
  if (typeof value === "boolean") return value;
  throw new HttpError(400, "bad_request", `"${wanted}" must be true or false, not ${describe(value)}`);
}

function describe(value: unknown): string {
  if (value === undefined) return "left out";
  if (typeof value === "number") return String(value);
  return value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
