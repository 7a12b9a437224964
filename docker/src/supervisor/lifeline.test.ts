import { expect, test } from "bun:test";
import { PROTOCOL } from "../wire.ts";
import { Lifeline } from "./lifeline.ts";

test("whoever holds the line is greeted, and then told each second that somebody is there", async () => {
  const lifeline = new Lifeline(() => {});
  const response = await lifeline.attach();
  const said: unknown[] = [];
  for await (const line of response.body!) {
    said.push(JSON.parse(String(line)));
    if (said.length === 3) break;
  }
  expect(said).toEqual([{ type: "hello", protocol: PROTOCOL }, { type: "alive" }, { type: "alive" }]);
});
