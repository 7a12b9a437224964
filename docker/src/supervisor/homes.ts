/**
 * A working folder for each worker, where several share one sandbox.
 *
 * Law: an execution finds its folder empty, and of what others have left elsewhere only what those who still run may
 * need.
 */
import { accessSync, constants, lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import type { Folders } from "../landlock.ts";
import { empty } from "./folders.ts";

export class Homes {
  readonly #root: string;
  readonly #names = new Set<string>();

  /**
   * @param shared folders that all may write; the first that this process may write too holds the homes.
   * @param closed what no worker may read.
   */
  constructor(
    readonly shared: readonly string[],
    readonly closed: readonly string[] = [],
  ) {
    this.#root = shared.find(isWritable) ?? "/";
  }

  path(name: string): string {
    return `${this.#root}/${name}`;
  }

  /** What keeps the worker of that name apart; what all may write holds no homes. */
  folders(name: string): Folders {
    const shared = this.shared.filter((folder) => folder !== this.#root);
    return { home: this.path(name), shared, closed: this.closed };
  }

  environment(name: string): Readonly<Record<string, string>> {
    this.#names.add(name);
    return { HOME: this.path(name), TMPDIR: this.path(name) };
  }

  /**
   * Makes the folder of that name anew, and removes whatever lies elsewhere and has not changed since `before`, in
   * milliseconds since the epoch: nobody can set that time (st_ctime in inode(7)).
   */
  renew(name: string, before: number): void {
    remove(this.path(name));
    for (const folder of this.shared)
      for (const other of names(folder)) {
        const isHome = folder === this.#root && this.#names.has(other.toString());
        if (!isHome) remove(Buffer.concat([Buffer.from(`${folder}/`), other]), before);
      }
    try {
      mkdirSync(this.path(name), { mode: 0o700 });
    } catch {
      // No room: the execution is told, by whatever it writes.
    }
  }
}

/** Empty where there is no such folder. */
function names(folder: string): Buffer[] {
  try {
    return readdirSync(folder, { encoding: "buffer" });
  } catch {
    return [];
  }
}

/** Leaves what has changed since `before`. */
function remove(path: string | Buffer, before = Infinity): void {
  try {
    const found = lstatSync(path);
    if (found.ctimeMs >= before) return;
    if (!found.isDirectory()) return unlinkSync(path);
    empty(path);
    rmdirSync(path);
  } catch {
    // A neighbour was faster, or it is somebody else's.
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
