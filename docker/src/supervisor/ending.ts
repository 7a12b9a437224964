/** Pure: why an execution ended → the sentence that the user reads. */
import type { ExitStatus } from "./child.ts";
import type { EndEvent, Outcome } from "../wire.ts";

/** Of one execution; 0 for no limit. */
export type Limits = {
  readonly maxExecutionMs: number;
  readonly maxMemoryBytes: number;
  readonly maxOutputBytes: number;
};

/**
 * Empty when the program itself came to its end. `memoryBytes` is the limit that was reached, 0 where nobody knows it;
 * `emptied` are the folders that went with the worker.
 */
export function describeEnd(
  outcome: Outcome,
  state: EndEvent["state"],
  status: ExitStatus | null,
  memoryBytes: number,
  emptied: readonly string[] = [],
): string {
  const reason = describeOutcome(outcome, state, status, memoryBytes);
  if (reason === "" || state === "kept") return reason;
  const folders = new Intl.ListFormat("en").format(emptied);
  const files = folders && `, and so are the files in ${folders}, which left no memory for a new worker`;
  return `${reason}; all variables are gone${files}`;
}

function describeOutcome(
  outcome: Outcome,
  state: EndEvent["state"],
  status: ExitStatus | null,
  memoryBytes: number,
): string {
  switch (outcome) {
    case "ok":
    case "error":
      return "";
    case "interrupted":
      return state === "kept"
        ? "the cell was interrupted"
        : "the cell did not stop when interrupted, so its process was killed";
    case "timeout":
      return "the cell reached its time limit";
    case "memory":
      return memoryBytes > 0
        ? `memory limit ${Math.floor(memoryBytes / 2 ** 20)} MB reached`
        : "the sandbox's memory limit was reached";
    case "crashed":
      return status === null ? "the worker ended" : describeExit(status);
  }
}

function describeExit({ code, signal }: ExitStatus): string {
  return signal === null
    ? `the program ended its process with exit status ${code}`
    : `the worker was ended by ${signal}`;
}
