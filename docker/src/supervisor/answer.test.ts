/** Answers that are read, slowly or never. */
import { afterEach, describe, expect, setSystemTime, test } from "bun:test";
import { Answer, room } from "./answer.ts";

const ignore = () => {};
const read = ({ body }: Answer): Promise<string> => new Response(body).text();

test("an answer is read whole, whether it is there or has yet to come", async () => {
  const answer = new Answer(ignore);
  answer.add(() => "a");
  const text = read(answer);
  answer.add(
    () => "b",
    () => "c",
  );
  answer.end(3);
  expect(await text).toBe("abc");
});

test("no more of an answer is made than is read", async () => {
  let made = 0;
  const answer = new Answer(ignore);
  for (let i = 0; i < 100; i++) answer.add(() => String(made++));
  answer.end(100);
  const reader = answer.body.getReader();
  for (let i = 0; i < 10; i++) await reader.read();
  expect(made).toBeLessThan(15);
  await reader.cancel();
});

test("whoever goes on to read is waited for", async () => {
  let hurries = 0;
  const answer = new Answer(() => hurries++);
  for (let i = 0; i < 10; i++) answer.add(() => "a");
  expect(hurries).toBe(0);
  answer.end(10);
  expect(await read(answer)).toHaveLength(10);
  expect(hurries).toBeGreaterThanOrEqual(10);
});

const texts = (answers: readonly Answer[]) => Promise.all(answers.map(read));
const hasRoom = () => Promise.race([room().then(() => true), Bun.sleep(60).then(() => false)]);
const waits = (n: number, pieces = 2): Answer => {
  const answer = new Answer(ignore);
  for (let i = 0; i < pieces; i++) answer.add(() => String(n));
  answer.end(7 << 20);
  return answer;
};

describe("where there is too much, nothing runs until", () => {
  afterEach(() => void setSystemTime());

  test("some of it has been read", async () => {
    const answers = [1, 2].map((n) => waits(n));
    expect(await hasRoom()).toBeTrue();
    answers.push(waits(3));
    expect(await hasRoom()).toBeFalse();
    expect(await texts(answers)).toEqual(["11", "22", "33"]);
    expect(await hasRoom()).toBeTrue();
  });

  test("what nobody reads is gone, which is never taken for whole", async () => {
    const [first, ...others] = [1, 2].map((n) => waits(n));
    setSystemTime(Date.now() + 2000);
    others.push(waits(3));
    await room();
    const dropped = read(first as Answer);
    expect(await Promise.race([dropped, Bun.sleep(20)])).toBeUndefined();
    expect(await texts(others.slice(1))).toEqual(["33"]);
  });

  test("what is read too slowly is gone", async () => {
    const slow = waits(1, 100);
    const reader = slow.body.getReader();
    const others = [waits(2), waits(3)];
    for (let second = 0; second < 12; second++) {
      await reader.read();
      setSystemTime(Date.now() + 900);
    }
    await room();
    expect(await Promise.race([reader.read(), Bun.sleep(20)])).toBeUndefined();
    await Promise.all(others.map(({ body }) => body.cancel()));
  });
});

test("whoever hangs up before the end is told of, and nobody after it", async () => {
  let gone = 0;
  const [early, late] = [new Answer(ignore, () => gone++), new Answer(ignore, () => gone++)];
  await early.body.cancel();
  late.end(0);
  await late.body.cancel();
  expect(gone).toBe(1);
});
