/** Who gets which worker. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, refusal } from "./client.harness.ts";
import { until } from "./notebook.harness.ts";
import { Homes } from "./supervisor/homes.ts";
import { workersFor } from "./supervisor/place.ts";

const HANGS = "await new Promise(() => {})";

describe("executions without a session", () => {
  const client = new Client(3);
  const { workers } = client;

  test("run beside each other", async () => {
    const meet = `const { existsSync, writeFileSync } = require("node:fs"); writeFileSync("${client.folder}/" + me, "");
      while (!(existsSync("${client.folder}/a") && existsSync("${client.folder}/b"))) await Bun.sleep(5); me`;
    const both = await Promise.all(["a", "b"].map((me) => client.run(`const me = "${me}"; ${meet}`)));
    expect(both.map(({ outcome }) => outcome)).toEqual(["ok", "ok"]);
  });

  test("share nothing with the one before: no variable, no file, no process", async () => {
    await until(() => workers.state.running === 0);
    const leave = `globalThis.left = 1; require("node:fs").writeFileSync("left", ""); process.env.LEFT = "1"`;
    for (let i = 0; i < 6; i++) expect((await client.run(leave)).outcome).toBe("ok");
    for (let i = 0; i < 3; i++) {
      const look = `[typeof left, require("node:fs").readdirSync(".").length, process.env.LEFT]`;
      expect((await client.run(look)).result).toEqual({ "text/plain": '[ "undefined", 0, undefined ]' });
    }
  });

  test("wait for a worker in their order, and no more than may wait", async () => {
    await until(() => workers.state.running === 0);
    const holders = [1, 2, 3].map((n) => client.post("/execute", { code: HANGS, execution: `holder ${n}` }));
    await until(() => workers.state.running === 3);
    const waiting = Array.from({ length: 32 }, (_, n) => client.run(String(n), { execution: `waits ${n}` }));
    await until(() => workers.state.waiting === 32);
    const answer = await client.post("/execute", { code: "1" });
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(await refusal(answer)).toEqual([429, "too_many"]);
    await client.post("/interrupt", { execution: "holder 1" });
    const ran = await Promise.all(waiting);
    expect(ran.map(({ result }) => result?.["text/plain"])).toEqual(
      Array.from({ length: 32 }, (_, n) => String(n)),
    );
    const order = client.ended
      .filter(({ execution }) => execution.startsWith("waits"))
      .map(({ code }) => Number(code));
    expect(order).toEqual(Array.from({ length: 32 }, (_, n) => n));
    await client.post("/interrupt", {});
    await Promise.all(holders);
  });

  test("one whose client hangs up ends, waiting or running", async () => {
    await until(() => workers.state.running === 0);
    const hangUp = new AbortController();
    const holders = [1, 2, 3].map(() => client.post("/execute", { code: HANGS }, { signal: hangUp.signal }));
    await until(() => workers.state.running === 3);
    const gone = new AbortController();
    const waits = client.post("/execute", { code: "1" }, { signal: gone.signal });
    await until(() => workers.state.waiting === 1);
    gone.abort();
    expect((await waits).status).toBe(499);
    expect(workers.state.waiting).toBe(0);
    hangUp.abort();
    for (const answer of await Promise.all(holders))
      expect(await answer.json()).toMatchObject({ outcome: "interrupted" });
    expect((await client.run("1")).outcome).toBe("ok");
  });

  test("one is interrupted by its name, and the others go on", async () => {
    const [first, second] = ["first", "second"].map((execution) =>
      client.run("for (let i = 0; i < 40; i++) await Bun.sleep(10)", { execution }),
    );
    await until(() => workers.state.running === 2);
    await client.post("/interrupt", { execution: "first" });
    expect((await first)?.outcome).toBe("interrupted");
    expect((await second)?.outcome).toBe("ok");
  });
});

describe("sessions", () => {
  const client = new Client(3);

  test("keep their variables and their files apart from all others", async () => {
    const [one, two] = [await client.open(), await client.open()];
    await client.run("const mine = 1; await Bun.write('mine', 'one')", { session: one });
    const look = "[typeof mine, require('node:fs').readdirSync('.').length]";
    expect((await client.run(look, { session: one })).result).toEqual({ "text/plain": '[ "number", 1 ]' });
    expect((await client.run(look, { session: two })).result).toEqual({ "text/plain": '[ "undefined", 0 ]' });
    expect((await client.run(look)).result).toEqual({ "text/plain": '[ "undefined", 0 ]' });
    expect(await (await client.ask(`/files?session=${one}`)).json()).toMatchObject({
      entries: [{ name: "mine" }],
    });
    expect(await (await client.ask(`/file?session=${one}&path=mine`)).text()).toBe("one");
    await Promise.all([client.close(one), client.close(two)]);
  });

  test("leave a worker to executions without one", async () => {
    const open = [await client.open(), await client.open()];
    expect(await refusal(client.post("/sessions", {}))).toEqual([429, "too_many"]);
    expect((await client.run("1")).outcome).toBe("ok");
    await Promise.all(open.map((session) => client.close(session)));
    expect(await client.close(await client.open())).toMatchObject({ status: 204 });
  });

  test("a second execution of one is refused, the first goes on", async () => {
    const session = await client.open();
    const first = client.run("await Bun.sleep(100); 1", { session });
    expect(await refusal(client.post("/execute", { code: "2", session }))).toEqual([409, "busy"]);
    expect((await first).outcome).toBe("ok");
    await client.close(session);
  });

  test.each([
    ["executing", () => client.post("/execute", { code: "1", session: "none" })],
    ["completing", () => client.post("/complete", { code: "1", session: "none" })],
    ["interrupting", () => client.post("/interrupt", { session: "none" })],
    ["resetting", () => client.post("/reset", { session: "none" })],
    ["listing", () => client.ask("/files?session=none")],
    ["closing", () => client.close("none")],
  ])("%s one that there is not is a typed error", async (_, request) => {
    expect(await refusal(request())).toEqual([404, "no_session"]);
  });

  test("one that is closed ends what it runs, and its files are gone", async () => {
    const session = await client.open();
    await client.run("await Bun.write('mine', 'one')", { session });
    const running = client.run(HANGS, { session });
    await until(() => client.workers.state.running === 1);
    expect((await client.close(session)).status).toBe(204);
    expect((await running).state).toBe("lost");
    expect(await refusal(client.post("/execute", { code: "1", session }))).toEqual([404, "no_session"]);
    await until(() =>
      readdirSync(client.folder, { recursive: true }).every((name) => !String(name).endsWith("mine")),
    );
  });

  test("one that is closed while its code waits for the worker runs nothing, and leaves nothing to others", async () => {
    for (let round = 0; round < 5; round++) {
      const session = await client.open();
      expect((await client.post("/reset", { session })).status).toBe(200);
      const waiting = client.run("globalThis.left = 1; 'has run'", { session });
      await until(() => client.workers.state.running === 1);
      await client.close(session);
      expect(await waiting).toMatchObject({ outcome: "interrupted", state: "lost", result: null });
      for (let i = 0; i < 3; i++)
        expect((await client.run("typeof left")).result).toEqual({ "text/plain": '"undefined"' });
    }
  });

  test("one that is opened where somebody has just ended finds nothing of that", async () => {
    for (let round = 0; round < 5; round++) {
      await Promise.all([1, 2, 3].map(() => client.run("globalThis.left = 1; await Bun.write('left', '1')")));
      const session = await client.open();
      const look = "[typeof left, require('node:fs').readdirSync('.').length]";
      expect((await client.run(look, { session })).result).toEqual({ "text/plain": '[ "undefined", 0 ]' });
      await client.close(session);
    }
  });

  test("one whose worker ends between two executions tells the next, which does not run, and nobody else", async () => {
    const session = await client.open();
    const { restarts } = client.workers.state;
    await client.run("let kept = 1; setTimeout(() => process.exit(3), 20)", { session });
    await until(() => client.workers.state.restarts > restarts);
    expect(await client.run("globalThis.ran = 1", { session })).toMatchObject({
      outcome: "crashed",
      state: "lost",
      exit_code: 3,
      message: "the program ended its process with exit status 3; all variables are gone",
    });
    const look = await client.run("[typeof kept, typeof ran]", { session });
    expect(look.result).toEqual({ "text/plain": '[ "undefined", "undefined" ]' });
    await client.run("setTimeout(() => process.exit(3), 20)", { session });
    await until(() => client.workers.state.restarts > restarts + 1);
    await client.close(session);
    for (const next of [await client.open(), await client.open()]) {
      expect((await client.run("1", { session: next })).outcome).toBe("ok");
      await client.close(next);
    }
  });

  test("one that crashes keeps its files and its worker's place", async () => {
    const session = await client.open();
    await client.run("await Bun.write('mine', 'one'); process.exit(3)", { session });
    expect((await client.run("await Bun.file('mine').text()", { session })).result).toEqual({
      "text/plain": '"one"',
    });
    await client.close(session);
  });
});

describe("folders", () => {
  const client = new Client(2);
  const later = Date.now() + 1e6;

  test("what others have left is removed, links not followed, homes of others spared", () => {
    const homes = new Homes([client.folder]);
    const [mine, others] = ["mine", "others"].map((name) => homes.environment(name)["HOME"] ?? "");
    for (const name of ["mine", "others"]) homes.renew(name, 0);
    const outside = join(client.folder, "..", `outside-${process.pid}`);
    mkdirSync(outside);
    writeFileSync(join(outside, "kept"), "");
    writeFileSync(join(others ?? "", "kept"), "");
    mkdirSync(join(client.folder, "deep/deeper"), { recursive: true });
    symlinkSync(outside, join(client.folder, "link"));
    symlinkSync(outside, join(mine ?? "", "link"));
    homes.renew("mine", later);
    expect(
      readdirSync(client.folder)
        .filter((name) => !name.startsWith("worker-"))
        .toSorted(),
    ).toEqual(["mine", "others"]);
    expect(readdirSync(mine ?? "")).toEqual([]);
    expect([existsSync(join(others ?? "", "kept")), existsSync(join(outside, "kept"))]).toEqual([true, true]);
  });

  test("a folder that there is not keeps none after it from being cleaned", () => {
    const [first, none, last] = ["first", "none", "last"].map((name) => join(client.folder, name));
    for (const folder of [first, last]) mkdirSync(folder ?? "");
    writeFileSync(join(last ?? "", "left"), "");
    new Homes([first ?? "", none ?? "", last ?? ""]).renew("mine", later);
    expect(readdirSync(last ?? "")).toEqual([]);
  });

  test.each(["", "deep/"])(
    "what goes from %p while it is cleaned keeps nothing else from going",
    async (folder) => {
      const place = join(client.folder, folder);
      mkdirSync(place, { recursive: true });
      const homes = new Homes([client.folder]);
      const come = `const { rmSync, writeFileSync } = require("node:fs"); console.log(1);
      for (let i = 0; ; i = (i + 1) % 100) {
        try { writeFileSync("${place}/coming-" + i, "") } catch {}
        rmSync("${place}/coming-" + (i - 1), { force: true });
      }`;
      await using neighbour = Bun.spawn([process.execPath, "-e", come], { stdout: "pipe" });
      await neighbour.stdout.getReader().read();
      const left = Array.from({ length: 20 }, (_, n) => join(place, `left-${n}`));
      for (let round = 0; round < 200; round++) {
        mkdirSync(place, { recursive: true });
        for (const path of left) writeFileSync(path, "");
        homes.renew("mine", later);
        expect(left.filter((path) => existsSync(path))).toEqual([]);
      }
      neighbour.kill("SIGKILL");
      await neighbour.exited;
    },
  );

  test("what is younger than those who still run stays", () => {
    const homes = new Homes([client.folder]);
    writeFileSync(join(client.folder, "young"), "");
    homes.renew("mine", Date.now() - 10_000);
    expect(existsSync(join(client.folder, "young"))).toBeTrue();
  });
});

test.each([
  [{ memory_bytes: 256 << 20, pids: 50 }, 4],
  [{ memory_bytes: 128 << 20, pids: 50 }, 2],
  [{ memory_bytes: 64 << 20, pids: 24 }, 2],
  [{ memory_bytes: 512 << 20, pids: 50 }, 4],
  [{ memory_bytes: 2 ** 31, pids: 500 }, 8],
  [{ memory_bytes: null, pids: null }, 8],
])("a sandbox with %o has room for %i workers", (limits, workers) => {
  expect(workersFor(limits)).toBe(workers);
});
