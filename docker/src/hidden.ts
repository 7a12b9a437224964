/**
 * Closes a process to the others of its user (prctl(2), proc(5)): its memory, its environment, its descriptors, and its
 * `oom_score_adj`, to itself too.
 *
 * Law: the profile of system calls lets nobody take it back. Another program in its place is open again.
 */
import { dlopen } from "bun:ffi";
import { writeFileSync } from "node:fs";

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

/** Lets the kernel end this process, and all that it starts, before any other when memory runs out. Not once hidden. */
export function endFirst(): void {
  writeFileSync("/proc/self/oom_score_adj", "1000");
}
