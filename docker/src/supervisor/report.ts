/**
 * Pure: one line from the worker → a report, or an error. The worker is hostile, so nothing is taken as it comes: the
 * outcome is built field by field from what was checked.
 */
import type { Answer, Completion, MimeBundle, OutputEvent, Report, Variable } from "../wire.ts";

type Fields = Readonly<Record<string, unknown>>;
type WorkerEvent = Extract<Report, { type: "output" }>["event"];

export class UnlawfulReport extends Error {}

const MAX_NODES = 200_000;
const [QUOTE, BACKSLASH, BRACKET, BRACE] = [0x22, 0x5c, 0x5b, 0x7b];
const MAX_MATCHES = 2000;
const MAX_VARIABLES = 1000;
const MAX_PROMPT = 10_000;

/** @throws {UnlawfulReport | SyntaxError} when the line is not one of the worker's reports. */
export function readReport(line: string): Report {
  if (isLargeTree(line)) throw new UnlawfulReport("too many values");
  const fields = record(JSON.parse(line));
  switch (fields["type"]) {
    case "ready":
      return { type: "ready" };
    case "output":
      return { type: "output", id: integer(fields["id"]), event: readEvent(record(fields["event"])) };
    case "done":
      return {
        type: "done",
        id: integer(fields["id"]),
        outcome: oneOf(fields["outcome"], ["ok", "error", "interrupted"]),
      };
    case "started":
      return { type: "started", id: integer(fields["id"]) };
    case "settled":
      return { type: "settled", id: integer(fields["id"]) };
    case "input":
      return {
        type: "input",
        id: integer(fields["id"]),
        input: integer(fields["input"]),
        prompt: text(fields["prompt"]).slice(0, MAX_PROMPT),
        password: fields["password"] === true,
        blocking: fields["blocking"] === true,
      };
    case "answer":
      return { type: "answer", id: integer(fields["id"]), answer: readAnswer(record(fields["answer"])) };
    default:
      throw new UnlawfulReport("unknown report");
  }
}

/** Small text can be a large tree: 4 MiB of brackets would take the memory of the whole sandbox. */
function isLargeTree(line: string): boolean {
  if (line.length <= MAX_NODES) return false;
  let nodes = 0;
  let isInString = false;
  for (let at = 0; at < line.length; at++) {
    const unit = line.charCodeAt(at);
    if (isInString && unit === BACKSLASH) at++;
    else if (unit === QUOTE) isInString = !isInString;
    else if (!isInString && (unit === BRACKET || unit === BRACE) && ++nodes > MAX_NODES) return true;
  }
  return false;
}

function readEvent(fields: Fields): WorkerEvent {
  switch (fields["type"] as OutputEvent["type"]) {
    case "display":
      return {
        type: "display",
        data: bundle(fields["data"]),
        metadata: record(fields["metadata"]),
        display_id: fields["display_id"] === null ? null : text(fields["display_id"]),
        update: fields["update"] === true,
      };
    case "clear":
      return { type: "clear", wait: fields["wait"] === true };
    case "result":
      return { type: "result", data: bundle(fields["data"]), metadata: record(fields["metadata"]) };
    case "error": {
      const { traceback } = fields;
      if (!Array.isArray(traceback)) throw new UnlawfulReport("a traceback is a list");
      return {
        type: "error",
        ename: text(fields["ename"]),
        evalue: text(fields["evalue"]),
        traceback: traceback.map(text),
      };
    }
    case "stream":
    default:
      throw new UnlawfulReport("unknown event");
  }
}

function readAnswer(fields: Fields): Answer {
  const about = oneOf(fields["about"], ["is_complete", "complete", "inspect", "variables"]);
  switch (about) {
    case "is_complete":
      return {
        about,
        status: oneOf(fields["status"], ["complete", "incomplete", "invalid"]),
        indent: text(fields["indent"]),
      };
    case "complete": {
      const { matches } = fields;
      if (!Array.isArray(matches)) throw new UnlawfulReport("matches are a list");
      const start = integer(fields["start"]);
      const end = integer(fields["end"]);
      return { about, start, end, matches: matches.slice(0, MAX_MATCHES).map(readCompletion) };
    }
    case "inspect":
      return { about, data: bundle(fields["data"]) };
    case "variables": {
      const { variables } = fields;
      if (!Array.isArray(variables)) throw new UnlawfulReport("variables are a list");
      return { about, variables: variables.slice(0, MAX_VARIABLES).map(readVariable) };
    }
  }
}

function readCompletion(value: unknown): Completion {
  const fields = record(value);
  return { text: text(fields["text"]), kind: text(fields["kind"]), signature: text(fields["signature"]) };
}

function readVariable(value: unknown): Variable {
  const fields = record(value);
  return {
    name: text(fields["name"]),
    declared: text(fields["declared"]),
    kind: text(fields["kind"]),
    bytes: fields["bytes"] === null ? null : integer(fields["bytes"]),
    text: text(fields["text"]),
  };
}

function record(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new UnlawfulReport("not an object");
}

function bundle(value: unknown): MimeBundle {
  const fields = record(value);
  if (Object.keys(fields).every((key) => key.includes("/"))) return fields;
  throw new UnlawfulReport("not a MIME bundle");
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw new UnlawfulReport("not a string");
}

function integer(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new UnlawfulReport("not a whole number");
}

function oneOf<const T extends string>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new UnlawfulReport(`not one of ${allowed.join(", ")}`);
  return found;
}
