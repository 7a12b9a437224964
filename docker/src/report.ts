/**
 * Pure: one line from the worker → a report, or an error. The worker is hostile, so nothing is taken as it comes: the
 * outcome is built field by field from what was checked.
 */
import type { Completeness, MimeBundle, OutputEvent, Report } from "./wire.ts";

type Fields = Readonly<Record<string, unknown>>;
type WorkerEvent = Extract<Report, { type: "output" }>["event"];

export class UnlawfulReport extends Error {}

const MAX_NODES = 200_000;

/** @throws {UnlawfulReport | SyntaxError} when the line is not one of the worker's reports. */
export function readReport(line: string): Report {
  // Small text can be a large tree: 4 MiB of brackets would take the memory of the whole sandbox.
  if (line.split("[").length + line.split("{").length > MAX_NODES)
    throw new UnlawfulReport("too many values");
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
    case "completeness":
      return {
        type: "completeness",
        id: integer(fields["id"]),
        completeness: readCompleteness(record(fields["completeness"])),
      };
    default:
      throw new UnlawfulReport("unknown report");
  }
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

function readCompleteness(fields: Fields): Completeness {
  const status = oneOf(fields["status"], ["complete", "incomplete", "invalid"]);
  return { status, indent: text(fields["indent"]) };
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
