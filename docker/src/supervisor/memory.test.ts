import { expect, test } from "bun:test";
import { type Shortage, whoEnds } from "./memory.ts";

const SMALL = { name: "small", bytes: 20 };
const LARGE = { name: "large", bytes: 200 };
const short = (ms: number): Shortage => ({ limitBytes: 256, heldBytes: 250, ms });

test("who takes most ends, at once", () => {
  expect(whoEnds([SMALL, LARGE], short(0))).toBe(LARGE);
});

test("nobody ends for what has just left and is still counted", () => {
  expect(whoEnds([SMALL, { name: "left", bytes: 0 }], short(0))).toBeUndefined();
});

test("what nobody is known to hold does not stay short for ever", () => {
  expect(whoEnds([SMALL, { name: "left", bytes: 0 }], short(1000))).toBe(SMALL);
});

test("where nobody is, nobody ends", () => {
  expect(whoEnds([], short(1000))).toBeUndefined();
});
