/**
 * Bounds of a process and of all that it starts, which nobody takes back (landlock(7)): what they open, whom they signal
 * and whose memory they look into. Files elsewhere can still be listed, have their sizes read and their modes changed.
 */
import { dlopen, ptr } from "bun:ffi";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { dirname } from "node:path";

const { syscall } = dlopen("libc.so.6", {
  syscall: { args: ["i64", "u64", "u64", "u64", "u64"], returns: "i64" },
}).symbols;

/** System calls, the same on x86_64 and aarch64. */
const LANDLOCK_CREATE_RULESET = 444;
const LANDLOCK_ADD_RULE = 445;
const LANDLOCK_RESTRICT_SELF = 446;
/** From <linux/landlock.h>: arguments, and rights as bits. */
const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const PATH_BENEATH_BYTES = 12;
const EXECUTE = 1 << 0;
const WRITE_FILE = 1 << 1;
const READ_FILE = 1 << 2;
const READ_DIR = 1 << 3;
const REFER = 1 << 13;
const TRUNCATE = 1 << 14;
/** All that there are up to TRUNCATE. */
const EVERYTHING = (1 << 15) - 1;
const OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;
const ABSTRACT_UNIX_SOCKETS = 1n << 0n;
const SIGNALS = 1n << 1n;
/** From <fcntl.h>: names a file without opening it. */
const O_PATH = 0o10000000;
/** Devices that are there to be written (null(4), full(4)). */
const SINKS = ["/dev/null", "/dev/zero", "/dev/full"];

export type Rule = { readonly path: string; readonly rights: number };

/** Which version the kernel lets this process use; negative for none. */
export const kernelsVersion = (): number =>
  Number(syscall(LANDLOCK_CREATE_RULESET, 0, 0, CREATE_RULESET_VERSION, 0));

export type Bounds = {
  /** Of Landlock, from 1 on: files and memory; from 6 on, signals too. */
  readonly version: number;
  /** May be written by this process alone. */
  readonly home: string;
  /** May be written by all. */
  readonly shared: readonly string[];
  /** May be read by nobody. */
  readonly closed: readonly string[];
};

/**
 * Pure: all may be read but what lies beside `home`, and what is closed. Folders are listed everywhere, since whoever
 * looks for a package goes through all above it. `list` tells what lies in a folder.
 */
export function rulesOf(
  { home, shared, closed }: Bounds,
  list: (folder: string) => readonly string[],
): Rule[] {
  const unread = [dirname(home), ...closed];
  const readable = (path: string): string[] => {
    if (unread.includes(path)) return [];
    const below = path === "/" ? path : `${path}/`;
    if (!unread.some((other) => other.startsWith(below))) return [path];
    return list(path).flatMap((name) => readable(`${below}${name}`));
  };
  return [
    { path: "/", rights: READ_DIR },
    ...readable("/").map((path) => ({ path, rights: EXECUTE | READ_FILE })),
    ...SINKS.map((path) => ({ path, rights: WRITE_FILE })),
    ...[home, ...shared].map((path) => ({ path, rights: EVERYTHING })),
  ];
}

/** Pure: the rights that a version knows of. */
export const rightsOf = (version: number): number =>
  EVERYTHING & ~(version < 2 ? REFER : 0) & ~(version < 3 ? TRUNCATE : 0);

/** Pure: what a version keeps within the bounds beside files. */
export const scopesOf = (version: number): bigint => (version < 6 ? 0n : ABSTRACT_UNIX_SOCKETS | SIGNALS);

/**
 * Bounds this thread, and what it starts or becomes.
 * @throws when the kernel refuses.
 */
export function restrict(version: number, rules: readonly Rule[]): void {
  const attributes = new BigUint64Array([BigInt(rightsOf(version)), 0n, scopesOf(version)]);
  const ruleset = check(
    "landlock_create_ruleset",
    syscall(LANDLOCK_CREATE_RULESET, ptr(attributes), attributes.byteLength, 0, 0),
  );
  for (const { path, rights } of rules) add(ruleset, path, rights & rightsOf(version));
  check("landlock_restrict_self", syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0, 0, 0));
  closeSync(ruleset);
}

function add(ruleset: number, path: string, rights: number): void {
  const fd = opened(path);
  if (fd === null) return;
  const rule = new DataView(new ArrayBuffer(PATH_BENEATH_BYTES));
  rule.setBigUint64(0, BigInt(fstatSync(fd).isDirectory() ? rights : rights & OF_FILES), true);
  rule.setInt32(8, fd, true);
  check("landlock_add_rule", syscall(LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, ptr(rule), 0));
  closeSync(fd);
}

/** Null for what is not there: nobody reads that either. A link is not followed: it may lead anywhere. */
function opened(path: string): number | null {
  try {
    return openSync(path, O_PATH | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
}

function check(call: string, returned: bigint | number): number {
  if (returned < 0) throw new Error(`${call} was refused by the kernel`);
  return Number(returned);
}
