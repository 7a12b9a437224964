/** Bytes from the worker's pipe → frames. */
import { expect, test } from "bun:test";
import { FRAME_KINDS, FrameReader, kindOf } from "./frames.ts";

const bytes = (kind: number, text: string): Uint8Array =>
  Buffer.concat([Buffer.from([kind, 7, 0, 0, 0, text.length, 0]), Buffer.from(text)]);

test.each([
  ["text", FRAME_KINDS.stdout],
  ['{"type":"done"}', FRAME_KINDS.reportStart],
])("what a frame without a kind was is told by how it begins: %s", (text, kind) => {
  const [frame] = new FrameReader().feed(bytes(FRAME_KINDS.lost, text));
  expect(frame === undefined ? null : kindOf(frame)).toBe(kind);
});

test("a frame may arrive in two pieces", () => {
  const reader = new FrameReader();
  const whole = bytes(FRAME_KINDS.stderr, "whole");
  expect(reader.feed(whole.subarray(0, 9))).toEqual([]);
  const [frame] = reader.feed(whole.subarray(9));
  expect(frame).toMatchObject({ kind: FRAME_KINDS.stderr, cell: 7, isBehindStreams: false });
  expect(Buffer.from(frame?.bytes ?? []).toString()).toBe("whole");
});

test.each([
  ["an unknown kind", bytes(9, "x")],
  ["zeros", new Uint8Array(64)],
  ["text that nobody framed", Buffer.from("console.log() past the worker, to every descriptor")],
])("%s is no frame", (_, given) => {
  expect(() => new FrameReader().feed(given)).toThrow("no frame of ours");
});
