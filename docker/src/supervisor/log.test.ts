/** What stands in the log of each execution. */
import { describe, expect, test } from "bun:test";
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
const END: Event = {
  type: "end",
  outcome: "ok",
  state: "kept",
  message: "",
  exit_code: null,
  wall_ms: 1,
  cpu_ms: 1,
  peak_memory_bytes: 1,
  output_bytes: 1,
  dropped_bytes: 0,
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
