/** The working folder as user code may leave it: only files within it are read and written, and never by halves. */
import { dlopen } from "bun:ffi";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WriteMode } from "../wire.ts";
import { Files } from "./files.ts";
import { HttpError } from "./http.ts";

const libc = dlopen("libc.so.6", { mkfifo: { args: ["cstring", "u32"], returns: "i32" } }).symbols;
const fifo = (path: string) => expect(libc.mkfifo(Buffer.from(`${path}\0`), 0o666)).toBe(0);

let around: string;
let root: string;
let files: Files;
const at = (name: string): string => join(root, name);

beforeEach(() => {
  around = mkdtempSync(join(tmpdir(), "files-"));
  root = join(around, "code");
  mkdirSync(root);
  writeFileSync(join(around, "secret"), "outside");
  files = new Files(root);
});
afterEach(() => rmSync(around, { recursive: true }));

const text = (path: string): Promise<string> => new Response(files.read(path)).text();
async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of texts) {
    await Bun.sleep(0);
    yield Buffer.from(piece);
  }
}
async function* broken(): AsyncGenerator<Uint8Array> {
  yield* pieces("half");
  throw new Error("the connection was closed");
}
const write = (path: string, content: string, mode: WriteMode = "create") =>
  files.write(path, mode, pieces(content));

async function refused(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof HttpError) return `${error.status} ${error.code}`;
    throw error;
  }
  return "done";
}

describe("a path", () => {
  const out = ["", "/", "..", "../secret", "a/../../secret", "/etc/passwd", "./a", "a//b", "a/", "a\0b"];
  const paths = [...out, "x".repeat(256), "é".repeat(128), "a/".repeat(64) + "a"];
  test.each(paths)("(%#) that does not lead down leads nowhere", async (path) => {
    expect(await refused(() => files.read(path))).toBe("400 bad_path");
    expect(await refused(() => write(path, "x", "replace"))).toBe("400 bad_path");
    expect(await refused(() => write(path, "x", "append"))).toBe("400 bad_path");
    if (path !== "") expect(await refused(() => files.list(path))).toBe("400 bad_path");
  });

  test("may hold any other character", async () => {
    const name = "a\nb\u001b[31m‮ é 🍞 -rf %2e";
    expect(await write(name, "x")).toEqual({ bytes: 1, existed: false });
    expect(await text(name)).toBe("x");
    expect(files.list("").entries.map((entry) => entry.name)).toEqual([name]);
  });
});

describe("a link", () => {
  const targets = ["../secret", "/proc/self/environ", "/proc/self/mem", "/dev/zero", "nowhere", "link"];
  test.each(targets)("to %s is never followed", async (target) => {
    symlinkSync(target, at("link"));
    expect(await refused(() => files.read("link"))).toBe("400 not_a_file");
    expect(await refused(() => write("link", "x", "append"))).toBe("400 not_a_file");
    expect(await refused(() => write("link", "x"))).toBe("409 exists");
    expect(readFileSync(join(around, "secret"), "utf8")).toBe("outside");
  });

  test.each(["..", "/proc/self", "/"])("to %s is no folder", async (target) => {
    symlinkSync(target, at("link"));
    for (const name of ["link/secret", "link/environ", "link/mem"]) {
      expect(await refused(() => files.read(name))).toBe("404 no_folder");
      expect(await refused(() => write(name, "x", "append"))).toBe("404 no_folder");
      expect(await refused(() => write(name, "x", "replace"))).toBe("404 no_folder");
    }
    expect(await refused(() => files.list("link"))).toBe("404 no_folder");
    expect(files.list("").entries).toMatchObject([{ name: "link", kind: "link" }]);
  });

  test("is replaced itself, and not what it leads to", async () => {
    symlinkSync("../secret", at("link"));
    expect(await write("link", "mine", "replace")).toEqual({ bytes: 4, existed: true });
    expect(readFileSync(at("link"), "utf8")).toBe("mine");
    expect(readFileSync(join(around, "secret"), "utf8")).toBe("outside");
  });

  test("in place of a folder or a file, swapped again and again, lets nothing out or in", async () => {
    mkdirSync(at("real"));
    writeFileSync(at("real/secret"), "inside");
    symlinkSync("..", at("trap"));
    const program = `const fs = require("node:fs");
      const swap = (a, b) => { fs.renameSync(a, "t"); fs.renameSync(b, a); fs.renameSync("t", b) };
      for (;;) try { swap("real", "trap") } catch {}`;
    const swapping = Bun.spawn([process.execPath, "-e", program], {
      cwd: root,
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      const seen = new Set<string>();
      for (let round = 0; round < 3000; round++) {
        for (const path of ["real/secret", "trap/secret"])
          seen.add(await refused(async () => expect(await text(path)).not.toBe("outside")));
        if (round % 30 === 0) seen.add(await refused(() => write("real/secret", "inside", "replace")));
        if (round % 30 === 15) seen.add(await refused(() => write("trap/secret", "x", "append")));
      }
      expect(seen).toContain("done");
      expect(seen).toContain("404 no_folder");
    } finally {
      swapping.kill("SIGKILL");
      await swapping.exited;
    }
    expect(readFileSync(join(around, "secret"), "utf8")).toBe("outside");
    expect(readdirSync(around).toSorted()).toEqual(["code", "secret"]);
  });
});

describe("what is no file", () => {
  test("is neither read nor written, and keeps nobody waiting", async () => {
    fifo(at("pipe"));
    mkdirSync(at("folder"));
    const server = createServer().listen(at("socket"));
    await new Promise((resolve) => server.on("listening", resolve));
    for (const name of ["pipe", "folder", "socket"]) {
      expect(await refused(() => files.read(name))).toBe("400 not_a_file");
      expect(await refused(() => write(name, "x", "append"))).toBe("400 not_a_file");
      expect(await refused(() => write(name, "x"))).toBe("409 exists");
    }
    expect(await refused(() => write("folder", "x", "replace"))).toBe("400 not_a_file");
    expect(files.list("").entries.map(({ name, kind }) => [name, kind])).toEqual([
      ["folder", "folder"],
      ["pipe", "other"],
      ["socket", "other"],
    ]);
    server.close();
  });

  test("is told when it is not there", async () => {
    expect(await refused(() => files.read("none"))).toBe("404 no_file");
    expect(await refused(() => files.list("none"))).toBe("404 no_folder");
    expect(await refused(() => write("none/x", "x"))).toBe("404 no_folder");
  });
});

describe("a write", () => {
  test("creates, refuses, replaces and appends", async () => {
    expect(await write("a", "one")).toEqual({ bytes: 3, existed: false });
    expect(await refused(() => write("a", "two"))).toBe("409 exists");
    expect(await text("a")).toBe("one");
    expect(await write("a", "two", "replace")).toEqual({ bytes: 3, existed: true });
    expect(await write("a", "!", "append")).toEqual({ bytes: 1, existed: true });
    expect(await text("a")).toBe("two!");
    expect(await write("b", "new", "append")).toEqual({ bytes: 3, existed: false });
    expect(readdirSync(root).toSorted()).toEqual(["a", "b"]);
  });

  test.each(["create", "replace", "append"] as const)(
    "to %s that breaks off changes nothing",
    async (mode) => {
      if (mode !== "create") writeFileSync(at("a"), "before");
      expect(await files.write("a", mode, broken()).then(() => "done", String)).toContain("closed");
      expect(readdirSync(root)).toEqual(mode === "create" ? [] : ["a"]);
      if (mode !== "create") expect(readFileSync(at("a"), "utf8")).toBe("before");
    },
  );

  test("to a name that is taken meanwhile is refused", async () => {
    const slow = async function* () {
      yield* pieces("ours");
      writeFileSync(at("a"), "theirs");
    };
    expect(await refused(() => files.write("a", "create", slow()))).toBe("409 exists");
    expect(readFileSync(at("a"), "utf8")).toBe("theirs");
    expect(readdirSync(root)).toEqual(["a"]);
  });

  test("into a folder that is moved meanwhile stays in it", async () => {
    mkdirSync(at("folder"));
    const slow = async function* () {
      yield* pieces("1");
      renameSync(at("folder"), at("moved"));
      symlinkSync("..", at("folder"));
    };
    await files.write("folder/a", "create", slow());
    expect(readdirSync(at("moved"))).toEqual(["a"]);
    expect(existsSync(join(around, "a"))).toBe(false);
  });
});

describe("a read", () => {
  test("of a file that grows ends where it ended", async () => {
    writeFileSync(at("a"), "x".repeat(1 << 20));
    let size = 0;
    for await (const piece of files.read("a")) {
      size += piece.byteLength;
      appendFileSync(at("a"), "y".repeat(1 << 20));
    }
    expect(size).toBe(1 << 20);
  });

  test("of a file that shrinks ends with it", async () => {
    writeFileSync(at("a"), "x".repeat(1 << 20));
    let size = 0;
    for await (const piece of files.read("a")) {
      size += piece.byteLength;
      truncateSync(at("a"), 0);
    }
    expect(size).toBeLessThan(1 << 20);
  });

  test("of an empty file is empty", async () => {
    writeFileSync(at("a"), "");
    expect(await text("a")).toBe("");
  });

  test("of a sparse file larger than the file system is refused", async () => {
    writeFileSync(at("a"), "");
    truncateSync(at("a"), 2 ** 42);
    expect(await refused(() => files.read("a"))).toBe("413 too_large");
  });

  test("of a file with a second name is that file", async () => {
    writeFileSync(at("a"), "x");
    linkSync(at("a"), at("b"));
    expect(await text("b")).toBe("x");
  });

  test("leaves no descriptor open, read to its end or not", async () => {
    writeFileSync(at("a"), "x".repeat(1 << 20));
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 20; round++) {
      await files.read("a").cancel();
      await text("a");
      await refused(() => files.read("none/none"));
      await refused(() => write("a", "x"));
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 2);
  });
});

describe("a list", () => {
  test("tells sizes, times and room", () => {
    writeFileSync(at("a"), "12345");
    const { entries, left_out, total_bytes, free_bytes, total_files } = files.list("");
    expect(entries).toMatchObject([{ name: "a", kind: "file", bytes: 5 }]);
    expect(Math.abs(Date.now() - (entries[0]?.modified_ms ?? 0))).toBeLessThan(60_000);
    expect(left_out).toBe(0);
    expect(total_bytes).toBeGreaterThan(free_bytes);
    expect(total_files).toBeGreaterThan(0);
  });

  test("of very many files with the longest names is short", () => {
    for (let number = 0; number < 10_000; number++)
      writeFileSync(at(`${number}`.padStart(5, "0") + "\u0001".repeat(250)), "");
    const listing = files.list("");
    expect([listing.entries.length, listing.left_out]).toEqual([500, 9500]);
    expect(JSON.stringify(listing).length).toBeLessThan(1 << 20);
  });

  test("is given of a folder that cannot be entered, where the user may not", async () => {
    mkdirSync(at("closed"));
    chmodSync(at("closed"), 0);
    const expected = process.getuid?.() === 0 ? "done" : "400 no_access";
    expect(await refused(() => files.list("closed"))).toBe(expected);
  });
});
