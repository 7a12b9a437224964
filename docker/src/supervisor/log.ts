/**
 * One line of JSON for each execution, on standard output.
 *
 * Law: what was run and what it printed stands in it only where an audit is asked for; a log that nobody reads holds up
 * nothing.
 */
import { writeSync } from "node:fs";
import type { Witness } from "../server.ts";
import { neverBlock } from "./linux.ts";

const STDOUT = 1;
/** The most of a program and of its output that an audit keeps, in characters each. */
const MAX_AUDITED = 10_000;
/** Whoever knows a session's whole name can use it. */
const SESSION_DIGITS = 8;

/** @param isAudit adds the code, and the text that it printed. */
export function logExecutions(isAudit: boolean): Witness {
  neverBlock(STDOUT);
  return witnessInto(write, isAudit);
}

/** A sandbox whose workers cannot start serves nobody; `said` is what the last of them printed. */
export function logFailure(said: string): void {
  write(visible({ time: new Date().toISOString(), event: "worker_failed", said }));
}

/** Hands on one line for each execution, at its end. */
export function witnessInto(tell: (line: string) => void, isAudit: boolean): Witness {
  return ({ execution, session, code }) => {
    const asked = performance.now();
    const printed = { stdout: "", stderr: "" };
    return (event) => {
      // What a program has cleared it has printed all the same.
      if (isAudit && event.type === "stream") printed[event.name] = cut(printed[event.name] + event.text);
      if (event.type !== "end") return;
      const { type: _, ...figures } = event;
      const audited = isAudit ? { code: cut(code), ...printed } : {};
      tell(
        visible({
          time: new Date().toISOString(),
          event: "execution",
          execution,
          session: session?.slice(0, SESSION_DIGITS) ?? null,
          waited_ms: Math.max(0, Math.round(performance.now() - asked - event.wall_ms)),
          ...figures,
          ...audited,
        }),
      );
    };
  };
}

/**
 * As JSON of the same value, in which a terminal finds nothing to obey, to hide or to show in another order: what is a
 * control, format, private or unassigned character, and no blank but the space, is spelled out.
 */
const visible = (record: object): string =>
  JSON.stringify(record).replace(/(?! )[\p{C}\p{Z}]/gu, (char) => char.split("").map(escape).join(""));
const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

const cut = (text: string): string => text.slice(0, MAX_AUDITED);

/** What is left of a line of which the pipe took a part. */
let rest: Uint8Array = new Uint8Array();

/** A line that there is no room for is left out, and none is cut. */
function write(line: string): void {
  try {
    rest = rest.subarray(writeSync(STDOUT, rest));
    if (rest.length > 0) return;
    const bytes = Buffer.from(`${line}\n`);
    rest = bytes.subarray(writeSync(STDOUT, bytes));
  } catch {
    // Nobody reads it.
  }
}
