/** What stands in the log of each execution. */
import { describe, expect, test } from "bun:test";
import { END } from "../end.harness.ts";
import type { Event, ExecuteRequest } from "../wire.ts";
import { witnessInto } from "./log.ts";

const REQUEST: ExecuteRequest = {
  code: "run()",
  session: null,
  execution: "named",
  count: 1,
  file: "",
  color: false,
  timeout_ms: 0,
  store_history: false,
  allow_stdin: false,
};
const print = (text: string, name: "stdout" | "stderr" = "stdout"): Event => ({ type: "stream", name, text });
const clear = (wait: boolean): Event => ({ type: "clear", wait });

function logged(isAudit: boolean, request: Partial<ExecuteRequest>, ...events: Event[]): string {
  const lines: string[] = [];
  const see = witnessInto((line) => lines.push(line), isAudit)({ ...REQUEST, ...request });
  for (const event of [...events, END]) see(event);
  expect(lines).toHaveLength(1);
  return lines[0] ?? "";
}

describe("an audit", () => {
  test("holds what was printed, what the program has cleared too", () => {
    const events = [
      print("one "),
      print("oops", "stderr"),
      clear(false),
      print("two "),
      clear(true),
      print("three"),
    ];
    expect(JSON.parse(logged(true, {}, ...events))).toMatchObject({
      stdout: "one two three",
      stderr: "oops",
    });
  });

  test("holds the beginning of what is too long", () => {
    const events = Array.from({ length: 300 }, (_, n) => print(String(n % 10).repeat(99)));
    const line = JSON.parse(logged(true, { code: "x".repeat(20_000) }, ...events)) as Record<string, string>;
    expect([line["code"]?.length, line["stdout"]?.length]).toEqual([10_000, 10_000]);
    expect(line["stdout"]?.slice(0, 100)).toBe(`${"0".repeat(99)}1`);
  });

  test("is not there where nobody asks for one", () => {
    expect(logged(false, {}, print("loud"))).not.toMatch(/loud|run\(\)/);
  });
});

test.each([
  ["a control of ASCII", "\u007f\u001b"],
  ["controls of C1", "\u0080\u009b31m\u009f"],
  ["marks of direction", "\u202a\u202e\u2066\u2069\u200e\u200f\u061c"],
  ["ends of lines", "\u2028\u2029\r\n"],
  ["what cannot be seen", "\u00a0\u00ad\u200b\ufeff\u{e0041}"],
  ["half a character", "\ud800"],
])("%s stands in no line as it is, and the line's value is the same", (_, text) => {
  const line = logged(true, { execution: text, code: text }, print(text), print(text, "stderr"));
  expect(line).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(line)).toMatchObject({ execution: text, code: text, stdout: text, stderr: text });
});

test("what can be seen stands in a line as it is", () => {
  expect(logged(true, { code: "größe = 'שלום 你好 🥐'" })).toContain("größe = 'שלום 你好 🥐'");
});
