/**
 * What really holds this sandbox, seen from inside by PID 1 before any user code has run. It tells what it finds; the
 * kernel, which knows the policy, judges.
 */
import { accessSync, constants, readdirSync, readFileSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { kernelsVersion } from "../landlock.ts";
import { isDeniedCallDenied } from "./linux.ts";

/** Sizes in bytes; null where there is no limit. */
export type SelfCheck = {
  /** Real, effective, saved and file system ids (proc_pid_status(5)). */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** The capability sets that are not empty, as `CapEff 00000000a80425fb`. */
  readonly capabilities: readonly string[];
  readonly no_new_privs: boolean;
  /** 2 when calls are filtered (seccomp(2)). */
  readonly seccomp: number;
  /** A call that the filter does not allow, and that nothing else forbids, fails. */
  readonly denied_call: boolean;
  readonly mounts: readonly Mount[];
  readonly memory_bytes: number | null;
  /** What may be swapped out beside it. */
  readonly swap_bytes: number | null;
  readonly cpus: number | null;
  readonly pids: number | null;
  readonly interfaces: readonly string[];
  /** Device files below /dev. */
  readonly devices: readonly string[];
};
type Mount = {
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
  readonly bytes: number;
  readonly inodes: number;
  /** What it holds can be listed and opened. */
  readonly readable: boolean;
};

const CGROUPS = "/sys/fs/cgroup";
/** Control groups of version 1 write "no limit" as the largest number of pages. */
const UNLIMITED = 2 ** 60;
const CHECKED_MOUNTS: ReadonlySet<string> = new Set(["/", "/tmp", "/sandbox/code", "/dev/shm", "/notebook"]);

export function readSelfCheck(): SelfCheck {
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    ...readStatus(status),
    denied_call: isDeniedCallDenied(),
    mounts: readMounts(readFileSync("/proc/self/mounts", "utf8")).map(({ path, type, options }) => {
      const { blocks, bsize, files } = statfsSync(path);
      return { path, type, options, bytes: blocks * bsize, inodes: files, readable: isReadable(path) };
    }),
    ...readLimits(),
    interfaces: readInterfaces(readFileSync("/proc/net/dev", "utf8")),
    devices: readdirSync("/dev", { withFileTypes: true })
      .filter((entry) => entry.isCharacterDevice() || entry.isBlockDevice())
      .map(({ name }) => name),
  };
}

/**
 * Which version of Landlock keeps executions apart: from 1 on it bounds files and memory, from 6 on signals too. 0 for
 * none: the kernel has none, a filter of system calls lets nobody use it, or privileges could be gained (landlock(7)).
 */
export const landlockVersion = (): number =>
  readStatus(readFileSync("/proc/self/status", "utf8")).no_new_privs ? Math.max(0, kernelsVersion()) : 0;

type Status = Pick<SelfCheck, "uids" | "gids" | "capabilities" | "no_new_privs" | "seccomp">;

/** Pure: the text of /proc/self/status. */
export function readStatus(text: string): Status {
  const fields = new Map(text.split("\n").map((line) => split(line, ":")));
  const numbers = (name: string): number[] => (fields.get(name) ?? "").split(/\s+/).map(Number);
  return {
    uids: numbers("Uid"),
    gids: numbers("Gid"),
    capabilities: [...fields]
      .filter(([name, value]) => name.startsWith("Cap") && /[^0]/.test(value))
      .map(([name, value]) => `${name} ${value}`),
    no_new_privs: fields.get("NoNewPrivs") === "1",
    seccomp: Number(fields.get("Seccomp") ?? 0),
  };
}

/** Pure: the text of /proc/self/mounts; what is mounted last in a place is what is there. */
export function readMounts(text: string): Pick<Mount, "path" | "type" | "options">[] {
  const found = new Map<string, Pick<Mount, "path" | "type" | "options">>();
  for (const line of text.split("\n")) {
    const [, path = "", type = "", options = ""] = line.split(" ");
    const flags = options.split(",").filter((option) => !option.includes("="));
    if (CHECKED_MOUNTS.has(path) || path.startsWith("/notebook/"))
      found.set(path, { path, type, options: flags });
  }
  return [...found.values()];
}

/** Pure: the text of /proc/net/dev, below its two lines of headings. */
export const readInterfaces = (text: string): string[] =>
  text
    .split("\n")
    .slice(2)
    .map((line) => split(line, ":")[0])
    .filter((name) => name !== "");

/** The limits of the control group. */
export function readLimits(): Pick<SelfCheck, "memory_bytes" | "swap_bytes" | "cpus" | "pids"> {
  const unified = read("cgroup.controllers") !== null;
  const pids = limit(read(unified ? "pids.max" : "pids/pids.max"));
  if (unified) {
    const [quota, period] = (read("cpu.max") ?? "").split(" ");
    return {
      memory_bytes: limit(read("memory.max")),
      swap_bytes: limit(read("memory.swap.max")) ?? withoutSwap(),
      cpus: quotient(limit(quota ?? null), limit(period ?? null)),
      pids,
    };
  }
  const memory = limit(read("memory/memory.limit_in_bytes"));
  const both = limit(read("memory/memory.memsw.limit_in_bytes"));
  return {
    memory_bytes: memory,
    swap_bytes: memory === null || both === null ? withoutSwap() : both - memory,
    cpus: quotient(limit(read("cpu/cpu.cfs_quota_us")), limit(read("cpu/cpu.cfs_period_us"))),
    pids,
  };
}

/** A machine that has no swap needs no limit on it. */
const withoutSwap = (): number | null =>
  /^SwapTotal:\s+0 kB$/m.test(readFileSync("/proc/meminfo", "utf8")) ? 0 : null;

const quotient = (quota: number | null, period: number | null): number | null =>
  quota === null || period === null ? null : quota / period;

/** Pure: what a control group's file says; null for "max", for none, and for what is as good as none. */
export function limit(text: string | null): number | null {
  const value = Number(text ?? "max");
  return Number.isNaN(value) || value < 0 || value >= UNLIMITED ? null : value;
}

function read(name: string): string | null {
  try {
    return readFileSync(join(CGROUPS, name), "utf8").trim();
  } catch {
    return null;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function split(line: string, mark: string): [string, string] {
  const at = line.indexOf(mark);
  return [line.slice(0, Math.max(0, at)).trim(), line.slice(at + 1).trim()];
}
