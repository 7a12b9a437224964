/**
 * The files of the sandbox's working folder: listed, read and written for the kernel, a piece at a time.
 *
 * Law: nothing outside the folder is opened, whatever user code links, swaps or makes there meanwhile. Each folder on
 * the way is opened from the one above it and no link is followed; what is opened is used only when it is a regular
 * file of the same file system. A write is there as a whole or leaves nothing. Every call is synchronous, since helper
 * threads could be denied by user code; a regular file in memory keeps nobody waiting.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  statfsSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { Entry, Listing, WriteMode, Written } from "../wire.ts";
import { HttpError } from "./http.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** Neither a link nor what waits for another side, such as a named pipe. */
const CAREFULLY = O_NOFOLLOW | O_NONBLOCK;
const PIECE_BYTES = 1 << 16;
/** So many names of one folder are told; with the longest names they are below 1 MiB of JSON. */
const MAX_ENTRIES = 500;
const MAX_DEPTH = 64;
/** `NAME_MAX` of Linux, in bytes. */
const MAX_NAME_BYTES = 255;

export class Files {
  constructor(readonly root: string) {}

  /**
   * What a folder holds, and how much room is left; `path` is empty for the working folder itself.
   * @throws {HttpError}
   */
  list(path: string): Listing {
    const folder = this.#folder(path === "" ? [] : namesOf(path));
    try {
      const names = readdirSync(within(folder, ".")).toSorted();
      const { bsize, blocks, bavail, files, ffree } = statfsSync(this.root);
      return {
        entries: names.slice(0, MAX_ENTRIES).flatMap((name) => describe(folder, name)),
        left_out: Math.max(0, names.length - MAX_ENTRIES),
        total_bytes: blocks * bsize,
        free_bytes: bavail * bsize,
        total_files: files,
        free_files: ffree,
      };
    } catch (error) {
      throw refusal(error);
    } finally {
      closeSync(folder);
    }
  }

  /**
   * A file in pieces, no more of it than was there in the beginning.
   * @throws {HttpError}
   */
  read(path: string): ReadableStream<Uint8Array> {
    const file = this.#file(path, O_RDONLY);
    let left = fstatSync(file).size;
    if (left > this.#totalBytes()) {
      closeSync(file);
      throw refusal("EFBIG");
    }
    return new ReadableStream({
      pull: (controller) => {
        const piece = new Uint8Array(Math.min(left, PIECE_BYTES));
        const count = readSync(file, piece, 0, piece.length, null);
        left -= count;
        if (count > 0) controller.enqueue(piece.subarray(0, count));
        if (count > 0 && left > 0) return;
        closeSync(file);
        controller.close();
      },
      cancel: () => closeSync(file),
    });
  }

  /**
   * Makes a file of what arrives, or adds to one.
   * @throws {HttpError} and what the sender breaks off with; then everything is as it was.
   */
  async write(path: string, mode: WriteMode, content: AsyncIterable<Uint8Array>): Promise<Written> {
    try {
      if (mode === "append") {
        const file = this.#existing(path);
        if (file !== null) return { bytes: await this.#append(file, content), existed: true };
      }
      return await this.#create(path, mode, content);
    } catch (error) {
      throw refusal(error);
    }
  }

  async #append(file: number, content: AsyncIterable<Uint8Array>): Promise<number> {
    const before = fstatSync(file).size;
    try {
      return await this.#copy(content, file);
    } catch (error) {
      if (fstatSync(file).size > before) ftruncateSync(file, before);
      throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Writes under another name first, so that the file appears at once and as a whole. */
  async #create(path: string, mode: WriteMode, content: AsyncIterable<Uint8Array>): Promise<Written> {
    const names = namesOf(path);
    const folder = this.#folder(names.slice(0, -1));
    const target = within(folder, names.at(-1) ?? "");
    const part = within(folder, `.${crypto.randomUUID()}.part`);
    try {
      if (mode === "create" && exists(target)) throw refusal("EEXIST");
      const file = openSync(part, O_WRONLY | O_CREAT | O_EXCL | CAREFULLY, 0o644);
      try {
        const bytes = await this.#copy(content, file);
        return { bytes, existed: moveTo(part, target, mode === "replace") };
      } finally {
        closeSync(file);
        remove(part);
      }
    } finally {
      closeSync(folder);
    }
  }

  async #copy(content: AsyncIterable<Uint8Array>, file: number): Promise<number> {
    const most = this.#totalBytes();
    let bytes = 0;
    for await (const chunk of content) {
      if (bytes + chunk.byteLength > most) throw refusal("EFBIG");
      for (let done = 0; done < chunk.byteLength;) done += writeSync(file, chunk, done);
      bytes += chunk.byteLength;
    }
    return bytes;
  }

  #existing(path: string): number | null {
    try {
      return this.#file(path, O_WRONLY | O_APPEND);
    } catch (error) {
      if (error instanceof HttpError && error.code === "no_file") return null;
      throw error;
    }
  }

  /** Opens a regular file of this file system, and nothing else. */
  #file(path: string, flags: number): number {
    const names = namesOf(path);
    const folder = this.#folder(names.slice(0, -1));
    try {
      const file = openSync(within(folder, names.at(-1) ?? ""), flags | CAREFULLY);
      const found = fstatSync(file);
      if (found.isFile() && found.dev === fstatSync(folder).dev) return file;
      closeSync(file);
      throw refusal("ENXIO");
    } catch (error) {
      throw refusal(error);
    } finally {
      closeSync(folder);
    }
  }

  /** Opens a folder by way of all that are above it, links excepted; what is moved meanwhile stays in its file system. */
  #folder(names: readonly string[]): number {
    let folder = opened(this.root);
    try {
      const { dev } = fstatSync(folder);
      for (const name of names) {
        const next = openSync(within(folder, name), O_RDONLY | O_DIRECTORY | CAREFULLY);
        closeSync(folder);
        folder = next;
        if (fstatSync(folder).dev !== dev) throw noFolder();
      }
      return folder;
    } catch (error) {
      closeSync(folder);
      throw ["ENOENT", "ENOTDIR"].includes(codeOf(error)) ? noFolder() : refusal(error);
    }
  }

  #totalBytes(): number {
    const { blocks, bsize } = statfsSync(this.root);
    return blocks * bsize;
  }
}

/** What openat(2) names: an entry of the folder that is open, wherever it has been moved to (proc_pid_fd(5)). */
const within = (folder: number, name: string): string => `/proc/self/fd/${folder}/${name}`;

/** @throws {HttpError} for a path that leads elsewhere than down. */
function namesOf(path: string): string[] {
  const names = path.split("/");
  if (names.length > MAX_DEPTH || !names.every(isName)) throw refusal("ENAMETOOLONG");
  return names;
}

const isName = (text: string): boolean =>
  !["", ".", ".."].includes(text) && !text.includes("\0") && Buffer.byteLength(text) <= MAX_NAME_BYTES;

/** Nothing when it is gone by now. */
function describe(folder: number, name: string): Entry[] {
  try {
    const found = lstatSync(within(folder, name));
    return [{ name, kind: kindOf(found), bytes: found.size, modified_ms: Math.round(found.mtimeMs) }];
  } catch {
    return [];
  }
}

function kindOf(found: Stats): Entry["kind"] {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "folder";
  return found.isSymbolicLink() ? "link" : "other";
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Gives a file its name; returns whether it took another's place. */
function moveTo(part: string, target: string, mayReplace: boolean): boolean {
  try {
    linkSync(part, target);
    return false;
  } catch (error) {
    if (!mayReplace || codeOf(error) !== "EEXIST") throw error;
    renameSync(part, target);
    return true;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It has its name by now, or user code was faster.
  }
}

function opened(root: string): number {
  try {
    return openSync(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    throw refusal(error);
  }
}

const NOT_A_FILE = [400, "not_a_file", "it is a folder, a link, a pipe or the like, and no file"] as const;
const NO_ACCESS = [400, "no_access", "its permissions do not allow it"] as const;
const NO_SPACE = [507, "no_space", "the working folder is full"] as const;
const noFolder = () => new HttpError(404, "no_folder", "there is no such folder; links are not followed");
/** By errno(3). */
const REFUSALS: Readonly<Record<string, readonly [number, string, string]>> = {
  EACCES: NO_ACCESS,
  EEXIST: [409, "exists", "there is one of that name already"],
  EFBIG: [413, "too_large", "it is larger than the working folder, or than a file may be"],
  EISDIR: NOT_A_FILE,
  ELOOP: NOT_A_FILE,
  ENAMETOOLONG: [400, "bad_path", "a path is names below the working folder, with / between them"],
  ENOENT: [404, "no_file", "there is no such file"],
  ENOMEM: NO_SPACE,
  ENOSPC: NO_SPACE,
  ENXIO: NOT_A_FILE,
  EPERM: NO_ACCESS,
};

const codeOf = (error: unknown): string =>
  typeof error === "string" ? error : String((error as { code?: unknown } | null)?.code);

/** What went wrong, as an answer; an error that has no answer of its own stays what it is. */
function refusal(error: unknown): Error {
  const found = REFUSALS[codeOf(error)];
  if (found !== undefined) return new HttpError(...found);
  return error instanceof Error ? error : new Error(String(error));
}
