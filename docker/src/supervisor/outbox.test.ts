/** Lines for a worker that reads late, or never. */
import { expect, test } from "bun:test";
import { closeSync, readSync } from "node:fs";
import { until } from "../notebook.harness.ts";
import { neverBlock, socketPair } from "./linux.ts";
import { Outbox } from "./outbox.ts";

const LINES = ["a".repeat(1 << 20), "b", "c".repeat(1 << 20), "d"].map((text) => `${text}\n`);

test("lines for a reader that is late arrive in order, each whole", async () => {
  const { ours, theirs } = socketPair();
  const outbox = new Outbox(ours, () => {
    throw new Error("somebody reads");
  });
  for (const line of LINES) outbox.send(line);
  neverBlock(theirs);
  const piece = new Uint8Array(1 << 16);
  let arrived = "";
  await until(() => {
    try {
      arrived += Buffer.from(piece.subarray(0, readSync(theirs, piece))).toString();
    } catch {
      // Nothing is there yet.
    }
    return arrived.length === LINES.join("").length;
  });
  expect(arrived === LINES.join("")).toBeTrue();
  outbox.close();
  closeSync(theirs);
});

test("a line that nobody reads is said, once", async () => {
  const { ours, theirs } = socketPair();
  let said = 0;
  const outbox = new Outbox(ours, () => said++);
  expect(outbox.isFull).toBeFalse();
  for (const line of [...LINES, ...LINES]) outbox.send(line);
  expect(outbox.isFull).toBeTrue();
  await until(() => said > 0);
  outbox.send("more\n");
  outbox.close();
  closeSync(theirs);
  expect(said).toBe(1);
}, 15_000);

test("a reader that is gone is said at once", () => {
  const { ours, theirs } = socketPair();
  closeSync(theirs);
  let said = 0;
  const outbox = new Outbox(ours, () => said++);
  outbox.send("a\n");
  expect(said).toBe(1);
  outbox.close();
  outbox.send("b\n");
  expect(said).toBe(1);
});
