/**
 * One line of JSON for each execution, on standard output.
 *
 * Law: what was run and what it printed stands in it only where an audit is asked for; a log that nobody reads holds up
 * nothing.
 */
import { writeSync } from "node:fs";
import type { Witness } from "../server.ts";
import { neverBlock } from "./linux.ts";
import { Transcript } from "./transcript.ts";

const STDOUT = 1;
/** The most of a program and of its output that an audit keeps, in characters each. */
const MAX_AUDITED = 10_000;
/** Whoever knows a session's whole name can use it. */
const SESSION_DIGITS = 8;

/** @param isAudit adds the code, and the text that it printed. */
export function logExecutions(isAudit: boolean): Witness {
  neverBlock(STDOUT);
  return ({ execution, session, code }) => {
    const asked = performance.now();
    const transcript = isAudit ? new Transcript() : null;
    return (event) => {
      transcript?.add(event);
      if (event.type !== "end") return;
      const { type: _, ...figures } = event;
      const audited = transcript === null ? {} : { code: cut(code), ...printed(transcript) };
      write({
        time: new Date().toISOString(),
        event: "execution",
        execution,
        session: session?.slice(0, SESSION_DIGITS) ?? null,
        waited_ms: Math.max(0, Math.round(performance.now() - asked - event.wall_ms)),
        ...figures,
        ...audited,
      });
    };
  };
}

/** A sandbox whose workers cannot start serves nobody; `said` is what the last of them printed. */
export function logFailure(said: string): void {
  write({ time: new Date().toISOString(), event: "worker_failed", said });
}

function printed(transcript: Transcript) {
  const { stdout, stderr } = transcript.summary();
  return { stdout: cut(stdout), stderr: cut(stderr) };
}

const cut = (text: string): string => text.slice(0, MAX_AUDITED);

/** What is left of a line of which the pipe took a part. */
let rest: Uint8Array = new Uint8Array();

/** A line that there is no room for is left out, and none is cut. */
function write(record: Readonly<Record<string, unknown>>): void {
  try {
    rest = rest.subarray(writeSync(STDOUT, rest));
    if (rest.length > 0) return;
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    rest = line.subarray(writeSync(STDOUT, line));
  } catch {
    // Nobody reads it.
  }
}
