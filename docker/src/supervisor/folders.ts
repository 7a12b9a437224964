/**
 * The folders that cells may write lie in memory and outlive their worker: full ones can leave a new worker no room.
 *
 * Law: whatever lies in them, they are emptied in a time that their number of files bounds.
 */
import {
  chmodSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { children } from "./child.ts";
import { endOthers } from "./linux.ts";

export type Folder = { readonly path: string; readonly bytes: number };

/** By how little it costs to lose them. */
const FOLDERS = ["/tmp", "/dev/shm", "/sandbox/code"];
const SLASH = Buffer.from("/");
/** What the owner of a folder needs to list, enter and change it. */
const OWNER = 0o700;
/** From <fcntl.h>: names a file without opening it. */
const O_PATH = 0o10000000;
/** From <linux/magic.h>. */
const TMPFS_MAGIC = 0x01021994;
/** What the kernel keeps for each file beside its content. */
const NAME_BYTES = 1536;
/** A worker that starts takes half of it; less than all would be gone with the first values of a cell. */
const WORKER_BYTES = 64 << 20;

/**
 * Empties as many folders as a new worker needs, and returns them. `limitBytes` is 0 where nobody knows it; all
 * processes but `spared` end first, since they would write to them, and their files that have no name would count.
 */
export function makeRoom(limitBytes: number, spared: readonly number[]): readonly string[] {
  // Outside of a sandbox they are the machine's.
  if (process.pid !== 1 || limitBytes === 0) return [];
  endOthers(children, spared);
  return foldersToEmpty(FOLDERS.map(measure), limitBytes - WORKER_BYTES).filter((path) => {
    try {
      empty(path);
      return true;
    } catch {
      return false;
    }
  });
}

/** Pure: which of the folders have to be empty so that all of them hold no more than `allowed` bytes. */
export function foldersToEmpty(folders: readonly Folder[], allowed: number): string[] {
  let excess = folders.reduce((sum, { bytes }) => sum + bytes, -allowed);
  const chosen = folders.filter(({ bytes }) => {
    const isNeeded = excess > 0 && bytes > 0;
    if (isNeeded) excess -= bytes;
    return isNeeded;
  });
  // Those after it may have made a small one's sacrifice needless.
  const needed = chosen.filter(({ bytes }) => {
    const isSpared = bytes + excess <= 0;
    if (isSpared) excess += bytes;
    return !isSpared;
  });
  return needed.map(({ path }) => path);
}

/** What lies on a disk takes no memory, and neither does a folder that an engine has left out. */
function measure(path: string): Folder {
  try {
    const { type, blocks, bfree, bsize, files, ffree } = statfsSync(path);
    const names = files - ffree - 1;
    return { path, bytes: type === TMPFS_MAGIC ? (blocks - bfree) * bsize + names * NAME_BYTES : 0 };
  } catch {
    return { path, bytes: 0 };
  }
}

/**
 * Folders inside are moved to the top before they are entered, so that no path is too long, however deep they are. No
 * link is followed, also where one takes a folder's place meanwhile; nothing is opened that could keep its reader waiting,
 * and names may be any bytes.
 * @throws where it is no folder, or somebody else's.
 */
export function empty(folder: string | Buffer): void {
  within(folder, (top) => {
    const moved: string[] = [];
    const clear = (parent: string): void => {
      for (const name of readdirSync(parent, { encoding: "buffer" })) {
        const path = Buffer.concat([Buffer.from(parent), SLASH, name]);
        if (isGone(path)) continue;
        const to = `${top}/${crypto.randomUUID()}`;
        try {
          within(path, () => renameSync(path, to));
          moved.push(to);
        } catch (error) {
          if (!isGone(path)) throw error;
        }
      }
    };
    clear(top);
    for (const path of moved) {
      within(path, clear);
      rmdirSync(path);
    }
  });
}

/** Runs `act` with a path of the very folder that is there now, which its owner may list, enter and change. */
export function within(folder: string | Buffer, act: (path: string) => void): void {
  const fd = openSync(folder, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const path = `/proc/self/fd/${fd}`;
    chmodSync(path, statSync(path).mode | OWNER);
    act(path);
  } finally {
    closeSync(fd);
  }
}

/** Everything can be unlinked but a folder, unless somebody else was faster. */
function isGone(path: Buffer): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
