/** For tests: a whole supervisor behind its HTTP handler, with real workers, without a container. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LIMITS } from "./notebook.harness.ts";
import { type Handler, Server } from "./server.ts";
import { Homes } from "./supervisor/homes.ts";
import type { Summary } from "./supervisor/transcript.ts";
import type { EndEvent, ExecuteRequest } from "./wire.ts";
import { Workers } from "./workers.ts";

const noEvents = () => Promise.resolve(new Response());

export class Client {
  /** What all workers may write. */
  readonly folder = mkdtempSync(join(tmpdir(), "sandbox-"));
  readonly workers: Workers;
  readonly ended: (Pick<ExecuteRequest, "execution" | "code"> & EndEvent)[] = [];
  readonly #server: Server;
  readonly #handle: Handler;

  /** 1 worker: a kernel's own sandbox. More: one that serves many. */
  constructor(count: number, limits = LIMITS) {
    const environment = { HOME: this.folder, PATH: "/usr/bin:/bin", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };
    const homes = count > 1 ? new Homes([this.folder]) : null;
    this.workers = new Workers({
      limits,
      environment,
      late: () => {},
      count,
      homes,
      landlock: 0,
      failed: () => {},
    });
    const witness =
      ({ execution, code }: ExecuteRequest) =>
      (event: { readonly type: string }) =>
        void (event.type === "end" && this.ended.push({ execution, code, ...(event as EndEvent) }));
    this.#server = new Server(this.workers, "s3cret", { version: "1", bun: "1" }, noEvents, witness);
    this.#handle = this.#server.handler();
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  get paths(): Iterable<string> {
    return this.#server.paths;
  }

  ask(path: string, init: RequestInit = {}, headers: Record<string, string> = {}): Promise<Response> {
    const all = { authorization: "Bearer s3cret", ...headers };
    return this.#handle(new Request(`http://sandbox${path}`, { ...init, headers: all }));
  }

  post(path: string, fields: object, init: RequestInit = {}): Promise<Response> {
    return this.ask(path, { method: "POST", body: JSON.stringify(fields), ...init });
  }

  async run(code: string, fields: object = {}): Promise<Summary> {
    const answer = await this.post("/execute", { code, ...fields });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Summary;
  }

  async open(): Promise<string> {
    const answer = await this.post("/sessions", {});
    expect(answer.status).toBe(201);
    return ((await answer.json()) as { readonly session: string }).session;
  }

  close(session: string): Promise<Response> {
    return this.ask(`/sessions/${session}`, { method: "DELETE" });
  }
}

/** The status and the code of a typed error. */
export async function refusal(answer: Response | Promise<Response>): Promise<readonly [number, string]> {
  const response = await answer;
  const { error } = (await response.json()) as {
    readonly error: { readonly code: string; readonly message: string };
  };
  expect(error.message.length).toBeGreaterThan(0);
  return [response.status, error.code];
}
