/** Whatever comes in is answered with a typed status, and the next request is served. */
import { describe, expect, test } from "bun:test";
import { Client, refusal } from "./client.harness.ts";
import { openapi } from "./openapi.ts";
import type { Event } from "./wire.ts";

const kernels = new Client(1);
const shared = new Client(2);
const post = (body: string | Uint8Array<ArrayBuffer>) => kernels.ask("/execute", { method: "POST", body });

describe("a kernel's own sandbox", () => {
  test.each([
    ["wrong verb", () => kernels.ask("/execute"), 405, "method_not_allowed"],
    ["unknown path", () => kernels.ask("/nothing"), 404, "not_found"],
    [
      "no secret",
      () => kernels.ask("/execute", { method: "POST" }, { authorization: "" }),
      401,
      "unauthorized",
    ],
    [
      "wrong secret",
      () => kernels.ask("/execute", { method: "POST" }, { authorization: "Bearer x" }),
      401,
      "unauthorized",
    ],
    ["not JSON", () => post("code"), 400, "bad_request"],
    ["not UTF-8", () => post(new Uint8Array([0xff, 0xfe])), 400, "bad_request"],
    ["not an object", () => post("[]"), 400, "bad_request"],
    ["no code", () => post("{}"), 400, "bad_request"],
    ["code that is not text", () => post('{"code": 1}'), 400, "bad_request"],
    ["a count that is not one", () => post('{"code": "1", "count": -1}'), 400, "bad_request"],
    [
      "a name without end",
      () => post(`{"code": "1", "execution": "${"x".repeat(201)}"}`),
      400,
      "bad_request",
    ],
    ["a body too large", () => post(JSON.stringify({ code: "x".repeat(2 << 20) })), 413, "too_large"],
    ["another session", () => post('{"code": "1", "session": "other"}'), 409, "busy"],
    ["no session, where there is one", () => post('{"code": "1"}'), 409, "busy"],
    ["opening a session", () => kernels.post("/sessions", {}), 404, "not_found"],
  ] as const)("%s is a typed error", async (_, request, status, code) => {
    await kernels.run("1", { session: "first" });
    expect(await refusal(request())).toEqual([status, code]);
    expect((await kernels.run("2", { session: "first" })).result).toEqual({ "text/plain": "2" });
  });

  test("is_complete is answered by the parser", async () => {
    const answer = await kernels.post("/is_complete", { code: "function f() {" });
    expect(await answer.json()).toEqual({ about: "is_complete", status: "incomplete", indent: "  " });
  });

  test("events stream line by line where they are asked for", async () => {
    const body = JSON.stringify({ code: "console.log(1)", session: "first" });
    const accept = { accept: "application/x-ndjson" };
    const answer = await kernels.ask("/execute", { method: "POST", body }, accept);
    const lines = (await answer.text()).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as Event).type)).toEqual(["stream", "end"]);
  });

  test("the kernel changes what is enforced inside", async () => {
    const limits = { max_execution_ms: 5000, max_memory_bytes: 1 << 28, max_output_bytes: 1 << 20 };
    expect(await (await kernels.post("/limits", limits)).json()).toEqual(limits);
    expect(await (await kernels.ask("/health")).json()).toMatchObject({ limits });
  });
});

describe("a sandbox that serves many", () => {
  test.each(["/limits", "/events"])("%s is nobody's", async (path) => {
    expect(await refusal(shared.post(path, {}))).toEqual([404, "not_found"]);
  });

  test.each(["/health", "/health/live", "/health/ready"])("%s needs no secret", async (path) => {
    await shared.run("1");
    const answer = await shared.ask(path, {}, { authorization: "" });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: "ok" });
  });

  test("health tells what is going on", async () => {
    expect(await (await shared.ask("/health")).json()).toMatchObject({
      running: 0,
      waiting: 0,
      sessions: 0,
      limits: { max_output_bytes: 1 << 20 },
    });
  });

  test("every path and verb of the contract is served, and none beside it", async () => {
    const served = await shared.ask("/openapi.json", {}, { authorization: "" });
    expect(await served.json()).toEqual(openapi as never);
    for (const [path, operations] of Object.entries(openapi.paths)) {
      const documented = new Set(Object.keys(operations).map((verb) => verb.toUpperCase()));
      for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH"]) {
        const answer = await shared.ask(path.replace("{session}", "none"), { method });
        if (documented.has(method)) expect([path, answer.status]).not.toEqual([path, 405]);
        else expect(await refusal(answer)).toEqual([405, "method_not_allowed"]);
      }
    }
    const routes = [...shared.paths].toSorted();
    expect(routes).toEqual(Object.keys(openapi.paths).toSorted());
  });
});
