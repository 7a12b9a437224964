/**
 * Begins a worker apart from its neighbours: `bun apart.js <its bounds as JSON> <program>…`.
 *
 * Landlock bounds a thread and what comes after it, and a worker has threads before it has a say. So this process bounds
 * itself, and the worker's program takes its place.
 */
import { dlopen, ptr } from "bun:ffi";
import { readdirSync } from "node:fs";
import { endFirst } from "./hidden.ts";
import { type Bounds, restrict, rulesOf } from "./landlock.ts";
import { WORKER_FDS } from "./supervisor/frames.ts";

const { execv, fcntl } = dlopen("libc.so.6", {
  execv: { args: ["ptr", "ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
}).symbols;
/** From <fcntl.h>. */
const F_SETFD = 2;

const [given = "", ...program] = process.argv.slice(2);
const bounds = JSON.parse(given) as Bounds;

// Within the bounds nobody writes to /proc.
endFirst();
restrict(
  bounds.version,
  rulesOf(bounds, (folder) => readdirSync(folder)),
);
// Bun has marked what a worker is given beside its streams, to be closed now.
for (const fd of Object.values(WORKER_FDS)) fcntl(fd, F_SETFD, 0);
const words = program.map((word) => Buffer.from(`${word}\0`));
const [path = Buffer.from("\0")] = words;
execv(ptr(path), ptr(new BigUint64Array([...words.map((word) => BigInt(ptr(word))), 0n])));
throw new Error(`${program.join(" ")} could not take this program's place`);
