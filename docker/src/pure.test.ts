import { describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { END } from "./end.harness.ts";
import { describeEnd } from "./supervisor/ending.ts";
import { Lines, LineTooLong, MAX_LINE } from "./supervisor/lines.ts";
import { readReport } from "./supervisor/report.ts";
import { readSettings } from "./supervisor/settings.ts";
import { Transcript } from "./supervisor/transcript.ts";
import type { Event } from "./wire.ts";

describe("reports of a hostile worker", () => {
  test("are read field by field, so that nothing rides along", () => {
    const line = '{"type":"output","id":1,"event":{"type":"clear","wait":true,"extra":1},"more":2}';
    expect(readReport(line)).toEqual({ type: "output", id: 1, event: { type: "clear", wait: true } });
  });

  test("brackets in a string are text", () => {
    const text = `${"[{".repeat(300_000)}\\"`;
    const line = `{"type":"output","id":1,"event":{"type":"result","data":{"text/plain":${JSON.stringify(text)}},"metadata":{}}}`;
    expect(readReport(line)).toMatchObject({ event: { data: { "text/plain": text } } });
  });

  test.each([
    "nonsense",
    "null",
    "[]",
    '{"type":"end"}',
    '{"type":"done","id":1,"outcome":"memory"}',
    '{"type":"done","id":"1","outcome":"ok"}',
    '{"type":"output","id":1,"event":{"type":"end","outcome":"ok"}}',
    '{"type":"output","id":1,"event":{"type":"stream","name":"stdout","text":"x"}}',
    '{"type":"output","id":1,"event":{"type":"result","data":{"plain":1},"metadata":{}}}',
    '{"type":"output","id":1,"event":{"type":"error","ename":"E","evalue":"","traceback":"x"}}',
    '{"type":"completeness","id":1,"completeness":{"status":"maybe","indent":""}}',
    '{"a":'.repeat(200_001),
    `{"a":"","b":${"[".repeat(200_001)}`,
  ])("are refused when unlawful: %.90s", (line) => {
    expect(() => readReport(line)).toThrow();
  });
});

describe("lines", () => {
  test("survive any cut, in the middle of a character too", () => {
    const bytes = new TextEncoder().encode("a\nsüß 🥟\n");
    for (let cut = 0; cut <= bytes.length; cut++) {
      const lines = new Lines();
      expect([...lines.feed(bytes.subarray(0, cut)), ...lines.feed(bytes.subarray(cut))]).toEqual([
        "a",
        "süß 🥟",
      ]);
    }
  });

  test("without an end are refused before they fill the memory", () => {
    const lines = new Lines();
    const chunk = new Uint8Array(1 << 20).fill(120);
    expect(() => {
      for (let size = 0; size <= MAX_LINE; size += chunk.length) lines.feed(chunk);
    }).toThrow(LineTooLong);
  });
});

describe("settings", () => {
  test("of the environment are honoured", () => {
    const { limits } = readSettings({ MAX_EXECUTION_TIME: "5000", MAX_MEMORY: "128m", MAX_OUTPUT: "1k" });
    expect(limits).toEqual({ maxExecutionMs: 5000, maxMemoryBytes: 128 << 20, maxOutputBytes: 1024 });
  });

  test.each([
    ["MAX_EXECUTION_TIME", "5s"],
    ["MAX_EXECUTION_TIME", "-1"],
    ["MAX_MEMORY", "lots"],
    ["MAX_MEMORY", "128 m"],
  ])("that are wrong are named: %s=%s", (name, value) => {
    expect(() => readSettings({ [name]: value })).toThrow(`${name} is "${value}"`);
  });

  test("take the secret from a file, without its last line break", () => {
    const path = join(mkdtempSync(join(tmpdir(), "secret-")), "secret");
    writeFileSync(path, "s3cret\n");
    expect(readSettings({ BUN_SANDBOX_SECRET_FILE: path }).secret).toBe("s3cret");
    expect(readSettings({ BUN_SANDBOX_SECRET_FILE: path, BUN_SANDBOX_SECRET: "other" }).secret).toBe("other");
  });

  test("stop the start where the secret's file is empty or cannot be read", () => {
    const path = join(mkdtempSync(join(tmpdir(), "secret-")), "secret");
    const start = () => readSettings({ BUN_SANDBOX_SECRET_FILE: path });
    expect(start).toThrow(`BUN_SANDBOX_SECRET_FILE is "${path}", and it cannot be read`);
    writeFileSync(path, "\n");
    expect(start).toThrow(`BUN_SANDBOX_SECRET_FILE is "${path}", and it is empty`);
  });

  test("never hand the secret to the worker", () => {
    const { workerEnvironment } = readSettings({ BUN_SANDBOX_SECRET: "s3cret" });
    expect(JSON.stringify(workerEnvironment)).not.toContain("s3cret");
  });
});

const answered = (...events: Event[]): unknown => {
  const transcript = new Transcript();
  for (const event of events) transcript.add(event);
  return JSON.parse(
    transcript
      .pieces()
      .map((piece) => piece())
      .join(""),
  );
};
const print = (name: "stdout" | "stderr", text: string): Event => ({ type: "stream", name, text });
const display = (text: string): Event => ({
  type: "display",
  data: { "text/plain": text },
  metadata: {},
  display_id: null,
  update: false,
});

describe("the one JSON object of a person with curl", () => {
  test("gathers streams, displays, result and end", () => {
    const result: Event = { type: "result", data: { "text/plain": "2" }, metadata: {} };
    const { type: _, ...figures } = END;
    const events = [
      print("stdout", "a"),
      print("stderr", "b"),
      display("1"),
      print("stdout", "c"),
      display("2"),
    ];
    expect(answered(...events, result, END)).toEqual({
      stdout: "ac",
      stderr: "b",
      result: { "text/plain": "2" },
      displays: [{ "text/plain": "1" }, { "text/plain": "2" }],
      error: null,
      ...figures,
    });
  });

  test("has no output that the program has cleared", () => {
    const events = [
      print("stdout", "a"),
      print("stderr", "b"),
      display("1"),
      { type: "clear", wait: false } as const,
    ];
    expect(answered(...events, print("stdout", "c"), END)).toMatchObject({
      stdout: "c",
      stderr: "",
      displays: [],
    });
  });

  test("has an error whenever the outcome is not ok", () => {
    expect(answered({ ...END, outcome: "timeout", message: "too long" })).toMatchObject({
      error: { name: "timeout", message: "too long", traceback: "" },
      result: null,
    });
  });

  test("has whatever text is printed, in whatever pieces", () => {
    const text = `\u0000\u0001"\\\n\u2028 é 🥐`;
    const units = text.split("").map((unit) => print("stdout", unit));
    expect(answered(...units, print("stderr", text), END)).toMatchObject({ stdout: text, stderr: text });
  });
});

test("a lost state is said aloud in every ending that loses it", () => {
  const limit = 256 << 20;
  const status = { code: null, signal: "SIGKILL" };
  for (const outcome of ["interrupted", "timeout", "memory", "crashed"] as const) {
    expect(describeEnd(outcome, "lost", status, limit)).toContain("all variables are gone");
    expect(describeEnd(outcome, "kept", null, limit)).not.toContain("gone");
  }
  expect(describeEnd("memory", "lost", status, limit)).toStartWith("memory limit 256 MB reached");
});

test("files that went with a worker are said with the reason", () => {
  const limit = 96 << 20;
  const status = { code: null, signal: "SIGKILL" };
  expect(describeEnd("memory", "lost", status, limit, ["/tmp", "/dev/shm"])).toBe(
    "memory limit 96 MB reached; all variables are gone, and so are the files in /tmp and /dev/shm, which left no memory for a new worker",
  );
});
