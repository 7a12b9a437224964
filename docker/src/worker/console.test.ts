import { describe, expect, test } from "bun:test";
import { createConsole } from "./console.ts";

function printed(use: (console: ReturnType<typeof createConsole>) => void): string {
  let text = "";
  const groups = { indent: "" };
  use(
    createConsole(
      (name, chunk) => void (text += name === "stderr" ? `!${chunk}` : chunk),
      (value) => Bun.inspect(value),
      () => void (text += "<cleared>"),
      () => groups,
    ),
  );
  return text;
}

describe("console", () => {
  test.each<[string, (c: ReturnType<typeof createConsole>) => void, string]>([
    ["log joins", (c) => c.log("a", 1, null, undefined, [1]), "a 1 null undefined [ 1 ]\n"],
    ["log of nothing is an empty line", (c) => c.log(), "\n"],
    ["a percent sign alone is itself", (c) => c.log("100%", 5), "100% 5\n"],
    ["%s %d %i %f", (c) => c.log("%s is %d, %i, %f", "a", 1.5, 1.7, "2.5"), "a is 1.5, 1, 2.5\n"],
    ["%j and the rest", (c) => c.log("%j|", { a: 1 }, "more", 2), '{"a":1}| more 2\n'],
    ["%c takes its style away", (c) => c.log("%cred%c plain", "color: red", ""), "red plain\n"],
    ["%% is one", (c) => c.log("%d%%", 5), "5%\n"],
    ["warn and error go to stderr", (c) => (c.warn("w"), c.error("e")), "!w\n!e\n"],
    ["info and debug go to stdout", (c) => (c.info("i"), c.debug("d")), "i\nd\n"],
    [
      "group indents, also inner lines",
      (c) => (c.group("G"), c.log("a\nb"), c.groupEnd(), c.log("c")),
      "G\n  a\n  b\nc\n",
    ],
    [
      "group indents tables",
      (c) => (c.group(), c.table([{ a: 1 }])),
      "  ┌───┬───┐\n  │   │ a │\n  ├───┼───┤\n  │ 0 │ 1 │\n  └───┴───┘\n",
    ],
    ["groupEnd too many is none", (c) => (c.groupEnd(), c.log("x")), "x\n"],
    [
      "table takes columns",
      (c) => c.table([{ a: 1, b: 2 }], ["b"]),
      "┌───┬───┐\n│   │ b │\n├───┼───┤\n│ 0 │ 2 │\n└───┴───┘\n",
    ],
    ["table of no table is the value", (c) => c.table(5), "5\n"],
    [
      "count counts",
      (c) => (c.count(), c.count(), c.count("x"), c.countReset(), c.count()),
      "default: 1\ndefault: 2\nx: 1\ndefault: 1\n",
    ],
    [
      "assert tells what failed",
      (c) => (c.assert(true, "no"), c.assert(false, "%s!", "bad"), c.assert(false)),
      "!Assertion failed: bad!\n!Assertion failed\n",
    ],
    [
      "timeEnd without time says so",
      (c) => c.timeEnd("t"),
      '!There is no timer "t"; start it with console.time("t").\n',
    ],
    ["dir takes options", (c) => c.dir({ a: { b: 1 } }, { depth: 0 }), "{\n  a: [Object ...],\n}\n"],
    ["clear clears", (c) => c.clear(), "<cleared>"],
    ["write adds nothing", (c) => c.write("a", "b"), "ab"],
  ])("%s", (_, use, expected) => {
    expect(printed(use)).toBe(expected);
  });

  test("timers tell milliseconds, and end", () => {
    expect(printed((c) => (c.time("t"), c.timeLog("t", "so far"), c.timeEnd("t"), c.timeEnd("t")))).toMatch(
      /^t: \d+\.\d{3} ms so far\nt: \d+\.\d{3} ms\n!There is no timer/,
    );
  });

  test("trace tells where", () => {
    expect(printed((c) => c.trace("here"))).toContain("Trace: here");
  });
});
