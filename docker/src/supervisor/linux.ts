/** The few system calls that Bun has no name for. Each throws with the call's name when the kernel refuses it. */
import { dlopen, ptr } from "bun:ffi";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";

const libc = dlopen("libc.so.6", {
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
}).symbols;

/** From <fcntl.h>, <sys/socket.h> and <sys/wait.h>; the same on x86_64 and aarch64. */
const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const WNOHANG = 1;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = O_CLOEXEC;

/** USER_HZ, the unit of times in /proc/<pid>/stat: 100 on every Linux that Bun runs on (proc(5)). */
const TICKS_PER_SECOND = 100;

function check(call: string, returned: number): number {
  if (returned < 0) throw new Error(`${call} was refused by the kernel`);
  return returned;
}

/** A pipe whose ends a child does not inherit unless they are named to it. `capacity` in bytes. */
export function pipe(capacity: number): { readonly read: number; readonly write: number } {
  const ends = new Int32Array(2);
  check("pipe2", libc.pipe2(ptr(ends), O_CLOEXEC));
  const [read = -1, write = -1] = ends;
  libc.fcntl(write, F_SETPIPE_SZ, capacity);
  return { read, write };
}

/** Two connected sockets, inherited like the ends of a pipe. */
export function socketPair(): { readonly ours: number; readonly theirs: number } {
  const ends = new Int32Array(2);
  check("socketpair", libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ptr(ends)));
  const [ours = -1, theirs = -1] = ends;
  return { ours, theirs };
}

/** Makes writes to a full pipe fail with EAGAIN instead of waiting. */
export function neverBlock(fd: number): void {
  check("fcntl(F_SETFL)", libc.fcntl(fd, F_SETFL, libc.fcntl(fd, F_GETFL, 0) | O_NONBLOCK));
}

/** unshare(2) of nothing changes nothing and needs no right, so that only a filter makes it fail. */
export const isDeniedCallDenied = (): boolean => libc.unshare(0) < 0;

/**
 * Ends every process of the sandbox but this one, `spared` and what those have started, and returns whether some are
 * still there. As PID 1, orphans are ours to wait for (wait(2)); `children` are waited for by Bun. Where nobody is
 * spared, one signal to -1 reaches them all (kill(2)), however fast they multiply.
 */
export function endOthers(children: ReadonlySet<number>, spared: readonly number[] = []): boolean {
  const left = otherProcesses(spared).filter(
    (pid) => children.has(pid) || libc.waitpid(pid, null, WNOHANG) !== pid,
  );
  if (left.length === 0) return false;
  const targets = spared.length === 0 ? [-1] : stopped(left, spared);
  return targets.filter((pid) => signal(pid, "SIGKILL")).length > 0;
}

/**
 * Ends what descends neither from `roots` nor from outside, as `docker exec` does; returns whether some of it is still
 * there. Whose parent has ended has this process for one, and who comes from outside has none.
 */
export function endOrphans(children: ReadonlySet<number>, roots: readonly number[]): boolean {
  try {
    // Outside of a sandbox all processes are the machine's.
    if (process.pid !== 1) return false;
    const fromOutside = otherProcesses().filter((pid) => statOf(pid)?.[1] === "0");
    return endOthers(children, [...roots, ...fromOutside]);
  } catch {
    // No descriptor is left to look with.
    return false;
  }
}

/** All but `spared`, once they stand still and can start no more of themselves; `found` are those who are known. */
function stopped(found: readonly number[], spared: readonly number[]): readonly number[] {
  for (const pid of found) signal(pid, "SIGSTOP");
  const all = otherProcesses(spared);
  const isGrowing = all.some((pid) => !found.includes(pid));
  return isGrowing ? stopped(all, spared) : all;
}

/** False where there is no such process any more. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** All but this one, `spared` and what those have started. */
function otherProcesses(spared: readonly number[] = []): number[] {
  const all = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
  if (spared.length === 0) return all;
  const kept = new Set([...spared, ...descendants(spared, all)]);
  return all.filter((pid) => !kept.has(pid));
}

/** What `roots` have started and what is still their child or their child's child. */
function descendants(roots: readonly number[], all: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const pid of all) {
    const parent = Number(statOf(pid)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = roots.flatMap((root) => children.get(root) ?? []);
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/**
 * Lets the kernel end all others before the supervisor when memory runs out (proc(5)). Workers see to it themselves;
 * what they have started may have taken it back.
 */
export function preferOthersForKilling(): void {
  for (const pid of listed()) {
    try {
      writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
    } catch {
      // It has ended, or hidden itself.
    }
  }
}

/** Whether a process that has hidden itself has become another program since, whose files in /proc are its user's. */
export function isUnhidden(pid: number): boolean {
  try {
    return statSync(`/proc/${pid}/environ`).uid !== 0;
  } catch {
    return false;
  }
}

/** Signals every process that `pid` has started and that is still its child or its child's child. */
export function signalDescendants(pid: number, name: "SIGINT" | "SIGKILL"): void {
  for (const child of descendants([pid], listed())) signal(child, name);
}

/** Empty where there is no descriptor left to read the list with, which is no reason to end. */
function listed(): number[] {
  try {
    return otherProcesses();
  } catch {
    return [];
  }
}

/** The fields of /proc/<pid>/stat from the third on (proc(5)); null when there is no such process. */
function statOf(pid: number): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
  } catch {
    return null;
  }
}

export type Usage = { readonly cpuMs: number; readonly memoryBytes: number };

/** What all processes but this one use, by the kernel's account; files that are mapped are not counted. */
export const usageOfOthers = (): Usage => usageOf(listed());

/** What a process and its descendants use. */
export const usageOfTree = (root: number): Usage => usageOf([root, ...descendants([root], listed())]);

function usageOf(pids: readonly number[]): Usage {
  let cpuMs = 0;
  let memoryBytes = 0;
  for (const pid of pids) {
    const fields = statOf(pid);
    if (fields === null) continue;
    try {
      cpuMs += ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
      memoryBytes += bytesOf(`/proc/${pid}`) || bytesOfThreads(pid);
    } catch {
      // It ended between the listing and the look.
    }
  }
  return { cpuMs, memoryBytes };
}

/** What a process has of its own, its page tables too, and what it shares that is no file: whoever maps that holds it. */
function bytesOf(folder: string): number {
  const sizes = readFileSync(`${folder}/status`, "utf8").matchAll(
    /^(?:RssAnon|RssShmem|VmPTE):\s+(\d+) kB$/gm,
  );
  return 1024 * sizes.reduce((sum, [, size]) => sum + Number(size), 0);
}

/** A process whose first thread has ended shows nothing, and the others of it hold what they hold. */
const bytesOfThreads = (pid: number): number =>
  Math.max(0, ...readdirSync(`/proc/${pid}/task`).map((id) => bytesOf(`/proc/${pid}/task/${id}`)));
