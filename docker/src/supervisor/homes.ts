/**
 * A working folder for each worker, where several share one sandbox.
 *
 * Law: an execution finds its folder empty, and of what others have left elsewhere only what those who still run may
 * need.
 */
import {
  accessSync,
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from "node:fs";
import type { Bounds } from "../landlock.ts";
import { empty, within } from "./folders.ts";

const HOME_MODE = 0o700;
/** What chmod(2) sets. */
const MODE = 0o7777;

export class Homes {
  readonly #root: string;
  readonly #names = new Set<string>();
  /** Of the folders that are shared, before any program has run. */
  readonly #modes = new Map<string, number>();

  /**
   * @param shared folders that all may write; the first that this process may write too holds the homes.
   * @param closed what no worker may read.
   */
  constructor(
    readonly shared: readonly string[],
    readonly closed: readonly string[] = [],
  ) {
    this.#root = shared.find(isWritable) ?? "/";
    for (const folder of shared) attempt(() => this.#modes.set(folder, statSync(folder).mode & MODE));
  }

  path(name: string): string {
    return `${this.#root}/${name}`;
  }

  /** What keeps the worker of that name apart, by a version of Landlock; what all may write holds no homes. */
  bounds(name: string, version: number): Bounds {
    const shared = this.shared.filter((folder) => folder !== this.#root);
    return { version, home: this.path(name), shared, closed: this.closed };
  }

  environment(name: string): Readonly<Record<string, string>> {
    this.#names.add(name);
    return { HOME: this.path(name), TMPDIR: this.path(name) };
  }

  /**
   * Empties the folder of that name, and removes whatever lies elsewhere and has not changed since `before`, in
   * milliseconds since the epoch: nobody can set that time (st_ctime in inode(7)).
   * @throws where the folder is not empty, or not there: nobody is to begin in it.
   */
  renew(name: string, before: number): void {
    this.open(name);
    this.#make(name);
    for (const folder of this.shared)
      for (const other of names(folder)) {
        const isHome = folder === this.#root && this.#names.has(other.toString());
        if (!isHome) remove(Buffer.concat([Buffer.from(`${folder}/`), other]), before);
      }
  }

  /** Gives all folders the modes again that they had, and the one of that name its own; a neighbour can change them. */
  open(name: string): void {
    for (const [folder, mode] of this.#modes) attempt(() => chmodSync(folder, mode));
    attempt(() => within(this.path(name), (path) => chmodSync(path, HOME_MODE)));
  }

  /** One that is there is kept, since a full file system might have no room for another. */
  #make(name: string): void {
    const path = this.path(name);
    if (attempt(() => empty(path))) return;
    attempt(() => renameSync(path, `${this.#root}/${crypto.randomUUID()}`));
    mkdirSync(path, { mode: HOME_MODE });
  }
}

/** Whether it was done; a neighbour may be faster, and not everything is ours. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
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
function remove(path: Buffer, before: number): void {
  attempt(() => {
    const found = lstatSync(path);
    if (found.ctimeMs >= before) return;
    if (!found.isDirectory()) return unlinkSync(path);
    empty(path);
    rmdirSync(path);
  });
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
