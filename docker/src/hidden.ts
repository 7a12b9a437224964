/**
 * Closes a process to the others of its user (prctl(2), proc(5)): its memory, its environment, its descriptors, and its
 * `oom_score_adj`, to itself too.
 *
 * Law: the profile of system calls lets nobody take it back. Another program in its place is open again.
 */
import { dlopen } from "bun:ffi";
import { readFileSync, writeFileSync } from "node:fs";

const { prctl } = dlopen("libc.so.6", {
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
}).symbols;
/** From <sys/prctl.h>. */
const PR_SET_DUMPABLE = 4;

/** @throws when the kernel refuses. */
export function hide(): void {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    throw new Error("prctl(PR_SET_DUMPABLE) was refused by the kernel");
}

const OOM_SCORE_ADJ = "/proc/self/oom_score_adj";
const MOST = "1000";

/**
 * Lets the kernel end this process, and all that it starts, before any other when memory runs out. Once hidden it cannot
 * be asked for any more.
 */
export function endFirst(): void {
  if (readFileSync(OOM_SCORE_ADJ, "utf8").trim() !== MOST) writeFileSync(OOM_SCORE_ADJ, MOST);
}
