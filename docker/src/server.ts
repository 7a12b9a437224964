/**
 * Request → Response; no socket is opened here. The routes are the wire between the kernel and the sandbox, and the
 * contract of a person with curl.
 *
 * Law: whatever comes in is answered with a typed status, and the next request is served.
 */
import { timingSafeEqual } from "node:crypto";
import { Busy, type Repl } from "./repl.ts";
import type { Limits } from "./supervisor/ending.ts";
import { Files } from "./supervisor/files.ts";
import { allow, type Body, body, HttpError } from "./supervisor/http.ts";
import { usageOfOthers } from "./supervisor/linux.ts";
import { Metrics } from "./supervisor/metrics.ts";
import { readSelfCheck } from "./supervisor/selfcheck.ts";
import { Transcript } from "./supervisor/transcript.ts";
import { type Event, type ExecuteRequest, PROTOCOL, type Question, WRITE_MODES } from "./wire.ts";

const NDJSON = "application/x-ndjson";

export type Identity = { readonly version: string; readonly bun: string };

export type Handler = (request: Request) => Promise<Response>;

type Route = {
  readonly methods: readonly string[];
  /** Nobody has to know the secret. */
  readonly isOpen: boolean;
  readonly answer: (request: Request) => Response | Promise<Response>;
};
const closed = (methods: readonly string[], answer: Route["answer"]): Route => ({
  methods,
  isOpen: false,
  answer,
});
const open = (answer: Route["answer"]): Route => ({ methods: ["GET"], isOpen: true, answer });
/** JSON for JSON; `read` makes of the request's body what the answer needs. */
const posted = <Asked>(read: (fields: Body) => Asked, answer: (asked: Asked) => unknown): Route =>
  closed(["POST"], async (request) => Response.json(await answer(read(await body(request)))));
/** JSON for a request whose body says nothing. */
const told = (answer: () => unknown): Route => closed(["POST"], async () => Response.json(await answer()));

export class Server {
  readonly #started = performance.now();
  readonly #measured = new Metrics();
  readonly #routes: ReadonlyMap<string, Route> = new Map([
    ["/health", open(() => this.#health())],
    ["/metrics", open(() => this.#metrics())],
    ["/events", closed(["GET"], (request) => this.events(request))],
    ["/self_check", closed(["GET"], () => Response.json(readSelfCheck()))],
    [
      "/execute",
      closed(["POST"], async (request) => this.#execute(request, executeRequest(await body(request)))),
    ],
    ["/interrupt", told(() => ({ interrupted: this.repl.interrupt() }))],
    ["/is_complete", posted(isComplete, (question) => this.repl.ask(question))],
    ["/complete", posted(complete, (question) => this.repl.ask(question))],
    ["/inspect", posted(inspect, (question) => this.repl.ask(question))],
    ["/variables", told(() => this.repl.ask({ about: "variables" }))],
    ["/limits", posted(limits, (asked) => this.#limit(asked))],
    ["/reset", told(() => this.#reset())],
    ["/input", posted(inputOf, ({ id, value }) => ({ accepted: this.repl.input(id, value) }))],
    ["/files", closed(["GET"], (request) => Response.json(this.files.list(parameter(request, "path", ""))))],
    ["/file", closed(["GET", "PUT"], (request) => this.#file(request, parameter(request, "path", "")))],
  ]);

  constructor(
    readonly repl: Repl,
    /** Empty: whoever reaches the port may execute. */
    readonly secret: string,
    readonly identity: Identity,
    /** The stream that ties the sandbox's life to the kernel's. */
    readonly events: Handler,
    readonly files = new Files("/sandbox/code"),
  ) {}

  /** All routes; `only` narrows them to some paths, for a port that serves nothing else. */
  handler(only?: readonly string[]): Handler {
    return async (request) => {
      try {
        const { pathname } = new URL(request.url);
        if (only !== undefined && !only.includes(pathname)) throw notFound(pathname);
        return await this.#route(request, pathname);
      } catch (error) {
        if (error instanceof HttpError) return error.response();
        if (error instanceof Busy) return new HttpError(409, "busy", error.message).response();
        return new HttpError(500, "internal", String(error)).response();
      }
    };
  }

  async #route(request: Request, path: string): Promise<Response> {
    const route = this.#routes.get(path);
    if (route === undefined) throw notFound(path);
    allow(request, ...route.methods);
    if (!route.isOpen) this.#authorize(request);
    return route.answer(request);
  }

  #run(execution: ExecuteRequest, emit: (event: Event) => void): Promise<void> {
    return this.repl.execute(execution, (event) => {
      if (event.type === "end") this.#measured.record(event);
      emit(event);
    });
  }

  #authorize(request: Request): void {
    if (this.secret === "") return;
    const given = Buffer.from(request.headers.get("authorization") ?? "");
    const wanted = Buffer.from(`Bearer ${this.secret}`);
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
    throw new HttpError(401, "unauthorized", "send the sandbox's secret as `Authorization: Bearer …`", {
      "www-authenticate": "Bearer",
    });
  }

  #health(): Response {
    const { repl } = this;
    const status = repl.ready ? 200 : 503;
    return Response.json(
      {
        status: repl.ready ? "ok" : "starting",
        busy: repl.busy,
        protocol: PROTOCOL,
        version: this.identity.version,
        bun: this.identity.bun,
        uptime_ms: Math.round(performance.now() - this.#started),
        restarts: repl.restarts,
        limits: this.#limits(),
      },
      { status },
    );
  }

  #limits() {
    const { maxExecutionMs, maxMemoryBytes, maxOutputBytes } = this.repl.limits;
    return {
      max_execution_ms: maxExecutionMs,
      max_memory_bytes: maxMemoryBytes,
      max_output_bytes: maxOutputBytes,
    };
  }

  async #metrics(): Promise<Response> {
    const { repl } = this;
    const measured = await this.#measured.read({
      ...this.identity,
      running: repl.busy ? 1 : 0,
      restarts: repl.restarts,
      memoryBytes: usageOfOthers().memoryBytes,
      memoryLimitBytes: repl.limits.maxMemoryBytes,
    });
    return new Response(measured.text, { headers: { "content-type": measured.contentType } });
  }

  #limit(limits: Limits) {
    this.repl.limits = limits;
    return this.#limits();
  }

  #reset() {
    this.repl.reset();
    return { reset: true };
  }

  async #file(request: Request, path: string): Promise<Response> {
    if (request.method === "GET")
      return new Response(this.files.read(path), { headers: { "content-type": "application/octet-stream" } });
    const asked = parameter(request, "mode", "create");
    const mode = WRITE_MODES.find((known) => known === asked);
    if (mode === undefined)
      throw new HttpError(400, "bad_request", `"mode" must be one of ${WRITE_MODES.join(", ")}`);
    return Response.json(await this.files.write(path, mode, request.body ?? emptyBody()));
  }

  async #execute(request: Request, execution: ExecuteRequest): Promise<Response> {
    if (!request.headers.get("accept")?.includes(NDJSON)) {
      // One answer cannot ask back.
      const alone = { ...execution, allow_stdin: false };
      const transcript = new Transcript();
      const stop = () => this.repl.interrupt();
      request.signal.addEventListener("abort", stop);
      await this.#run(alone, (event) => transcript.add(event));
      request.signal.removeEventListener("abort", stop);
      return Response.json(transcript.summary());
    }
    let controller!: ReadableStreamDefaultController<string>;
    let ended = false;
    let gone = false;
    const stream = new ReadableStream<string>({
      start: (given) => void (controller = given),
      cancel: () => {
        gone = true;
        if (!ended) this.repl.interrupt();
      },
    });
    const emit = (event: Event): void => {
      ended ||= event.type === "end";
      if (gone) return;
      controller.enqueue(`${JSON.stringify(event)}\n`);
      if (ended) controller.close();
    };
    void this.#run(execution, emit);
    return new Response(stream, { headers: { "content-type": NDJSON } });
  }
}

const notFound = (path: string) => new HttpError(404, "not_found", `there is nothing at ${path}`);

const parameter = (request: Request, name: string, fallback: string): string =>
  new URL(request.url).searchParams.get(name) ?? fallback;

const emptyBody = () => new Blob().stream();

function executeRequest(fields: Body): ExecuteRequest {
  return {
    code: text(fields, "code"),
    session: optionalText(fields, "session"),
    execution: optionalText(fields, "execution") ?? "",
    count: wholeNumber(fields, "count", 1),
    color: fields["color"] === true,
    timeout_ms: wholeNumber(fields, "timeout_ms", 0),
    store_history: fields["store_history"] === true,
    allow_stdin: fields["allow_stdin"] === true,
  };
}

const limits = (fields: Body): Limits => ({
  maxExecutionMs: wholeNumber(fields, "max_execution_ms", 0),
  maxMemoryBytes: wholeNumber(fields, "max_memory_bytes", 0, Number.MAX_SAFE_INTEGER),
  maxOutputBytes: wholeNumber(fields, "max_output_bytes", 0),
});

const inputOf = (fields: Body) => ({
  id: wholeNumber(fields, "id", -1),
  value: optionalText(fields, "value"),
});

const isComplete = (fields: Body): Question => ({ about: "is_complete", code: text(fields, "code") });
const complete = (fields: Body): Question => ({ about: "complete", ...place(fields) });
const inspect = (fields: Body): Question => ({
  about: "inspect",
  ...place(fields),
  detail: fields["detail"] === true,
});
const place = (fields: Body) => {
  const code = text(fields, "code");
  return { code, cursor: wholeNumber(fields, "cursor", code.length) };
};

function text(fields: Body, name: string): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  throw new HttpError(400, "bad_request", `"${name}" must be a string, not ${describe(value)}`);
}

function optionalText(fields: Body, name: string): string | null {
  return fields[name] == null ? null : text(fields, name);
}

function wholeNumber(fields: Body, name: string, fallback: number, most = 2 ** 31 - 1): number {
  const value = fields[name] ?? fallback;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw new HttpError(400, "bad_request", `"${name}" must be a whole number, not ${describe(value)}`);
}

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  return value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
