/**
 * How a running cell is made to stop: rung by rung, from the command that a waiting worker obeys to the signal that
 * nothing survives.
 *
 * Law: a command that arrives together with a signal is lost, so that the two take turns.
 */
import type { Child } from "./child.ts";
import type { Execution } from "./execution.ts";
import { signalDescendants } from "./linux.ts";
import type { Command } from "../wire.ts";

const SIGNAL_MS = 5;
const REPEAT_MS = 100;
const KILL_CHILDREN_MS = 250;
const KILL_MS = 1000;
/** So long a cell may stay unread after one that was interrupted. */
const LEFTOVERS_MS = 150;

/** `settle` asks the worker to make sure that no signal is left, once the cell is over. */
export function climb(child: Child, execution: Execution, settle: () => void): void {
  const asked = performance.now();
  for (const [id, { blocking }] of execution.inputs)
    if (blocking) child.answerInput({ id, value: null, interrupted: true });
  child.send({ type: "interrupt", id: execution.id });
  const signal = (): void => {
    const isPatient = performance.now() - asked < KILL_CHILDREN_MS;
    signalDescendants(child.pid, isPatient ? "SIGINT" : "SIGKILL");
    child.signal("SIGINT");
  };
  let repeated = 0;
  execution.timers.push(
    // A worker that has not read the cell is held by an earlier one, or about to read it, which must not be broken.
    setTimeout(() => execution.begun && execution.settling === null && signal(), SIGNAL_MS),
    setInterval(() => (execution.settling !== null && repeated++ % 2 === 0 ? settle() : signal()), REPEAT_MS),
    setTimeout(() => child.signal("SIGKILL"), KILL_MS),
  );
}

/** What was broken off may have begun anew, as a request that is sent again, and would hold up the next cell. */
export function breakLeftovers(child: Child, execution: Execution, run: Command): void {
  let repeated = 0;
  const repeat = (): void => {
    if (execution.begun || execution.stop !== null) return;
    if (repeated++ % 2 === 0) child.signal("SIGINT");
    else child.send(run);
  };
  execution.timers.push(setInterval(repeat, LEFTOVERS_MS));
}
