/**
 * Request → Response; no socket is opened here. The routes are the wire between the kernel and the sandbox, and the
 * contract of a person with curl (openapi.ts).
 *
 * Law: whatever comes in is answered with a typed status, and the next request is served.
 */
import { timingSafeEqual } from "node:crypto";
import { openapi } from "./openapi.ts";
import { Busy } from "./repl.ts";
import type { Limits } from "./supervisor/ending.ts";
import {
  address,
  complete,
  executeRequest,
  inputOf,
  inspect,
  isComplete,
  limits,
  parameter,
  session,
  variables,
  writeMode,
} from "./supervisor/fields.ts";
import { allow, type Body, body, HttpError, target } from "./supervisor/http.ts";
import { isFromInside } from "./supervisor/inside.ts";
import { usageOfOthers } from "./supervisor/linux.ts";
import { Metrics } from "./supervisor/metrics.ts";
import { asItHappens, inOneAnswer, NDJSON } from "./supervisor/replies.ts";
import { readSelfCheck } from "./supervisor/selfcheck.ts";
import { type Event, type ExecuteRequest, PROTOCOL, type Question } from "./wire.ts";
import type { Workers } from "./workers.ts";

export type Identity = { readonly version: string; readonly bun: string };

/** Who asks, by way of a port. */
export type Client = {
  readonly address: string | undefined;
  /** From now on the connection is closed once nothing has moved for a while. */
  readonly hurry: () => void;
};
export type Handler = (request: Request, client?: Client) => Promise<Response>;

/** Told of each execution's events, with its request and how long it has waited for its worker. */
export type Witness = (request: ExecuteRequest) => (event: Event) => void;

type Route = {
  readonly methods: readonly string[];
  /** Nobody has to know the secret. */
  readonly isOpen: boolean;
  readonly answer: (request: Request, client?: Client) => Response | Promise<Response>;
};
const closed = (methods: readonly string[], answer: Route["answer"]): Route => ({
  methods,
  isOpen: false,
  answer,
});
const open = (answer: Route["answer"]): Route => ({ methods: ["GET"], isOpen: true, answer });
/** JSON for JSON; `answer` reads of the request's body what it needs. */
const posted = (answer: (fields: Body) => unknown, status = 200): Route =>
  closed(["POST"], async (request) => Response.json(await answer(await body(request)), { status }));

export class Server {
  readonly #started = performance.now();
  readonly #measured = new Metrics();
  readonly #routes: ReadonlyMap<string, Route>;

  constructor(
    readonly workers: Workers,
    /** Empty: whoever reaches the port may execute. */
    readonly secret: string,
    readonly identity: Identity,
    /** The stream that ties a sandbox's life to its kernel's. */
    readonly events: Handler,
    readonly witness: Witness = () => () => {},
  ) {
    this.#routes = new Map([...this.#forAll(), ...(workers.isShared ? this.#forMany() : this.#forOne())]);
  }

  get paths(): Iterable<string> {
    return this.#routes.keys();
  }

  /** All routes; `only` narrows them to some paths, for a port that serves nothing else. */
  handler(only?: readonly string[]): Handler {
    return async (request, client) => {
      try {
        const { pathname } = target(request);
        if (only !== undefined && !only.includes(pathname)) throw notFound(pathname);
        return await this.#route(request, pathname, client);
      } catch (error) {
        if (error instanceof HttpError) return error.response();
        if (error instanceof Busy) return new HttpError(409, "busy", error.message).response();
        return new HttpError(500, "internal", String(error)).response();
      }
    };
  }

  #forAll(): [string, Route][] {
    const { workers } = this;
    const asked = (read: (fields: Body) => Question) =>
      posted((fields) => workers.one(session(fields)).ask(read(fields)));
    return [
      ["/openapi.json", open(() => Response.json(openapi))],
      ["/health", open(() => this.#health())],
      ["/health/live", open(() => Response.json({ status: "ok" }))],
      ["/health/ready", open(() => this.#ready())],
      ["/metrics", open(() => this.#metrics())],
      ["/self_check", closed(["GET"], () => Response.json(readSelfCheck()))],
      [
        "/execute",
        closed(["POST"], async (request, client) =>
          this.#execute(request, executeRequest(await body(request)), client),
        ),
      ],
      ["/interrupt", posted((fields) => this.#interrupt(fields))],
      ["/input", posted((fields) => this.#input(fields))],
      ["/is_complete", asked(isComplete)],
      ["/complete", asked(complete)],
      ["/inspect", asked(inspect)],
      ["/variables", asked(variables)],
      ["/reset", posted((fields) => this.#reset(fields))],
      ["/files", closed(["GET"], (request) => this.#list(request))],
      ["/file", closed(["GET", "PUT"], (request) => this.#file(request))],
    ];
  }

  /** Of a sandbox that is a kernel's own. */
  #forOne(): [string, Route][] {
    return [
      ["/events", closed(["GET"], (request) => this.events(request))],
      ["/limits", posted((fields) => this.#limit(limits(fields)))],
    ];
  }

  /** Of a sandbox that serves many. */
  #forMany(): [string, Route][] {
    return [
      ["/sessions", posted(() => ({ session: this.workers.open() }), 201)],
      ["/sessions/{session}", closed(["DELETE"], (request) => this.#close(request))],
    ];
  }

  async #route(request: Request, path: string, client?: Client): Promise<Response> {
    const route = this.#routes.get(path.replace(/^\/sessions\/[^/]+$/, "/sessions/{session}"));
    if (route === undefined) throw notFound(path);
    allow(request, ...route.methods);
    if (!route.isOpen) this.#authorize(request, client);
    return route.answer(request, client);
  }

  #authorize(request: Request, client?: Client): void {
    if (this.secret === "") {
      const page = request.headers.get("origin");
      if (page !== null)
        throw new HttpError(
          403,
          "forbidden",
          `a page of ${page.slice(0, 200)} asks; without a secret nothing is run for web pages`,
        );
      if (client?.address === undefined || !isFromInside(client.address)) return;
      throw new HttpError(
        403,
        "forbidden",
        "without a secret nothing is run for the sandbox itself; give it one",
      );
    }
    const given = Buffer.from(request.headers.get("authorization") ?? "");
    const wanted = Buffer.from(`Bearer ${this.secret}`);
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
    throw new HttpError(401, "unauthorized", "send the sandbox's secret as `Authorization: Bearer …`", {
      "www-authenticate": "Bearer",
    });
  }

  #execute(request: Request, execution: ExecuteRequest, client?: Client): Promise<Response> {
    const isStream = request.headers.get("accept")?.includes(NDJSON) === true;
    // One answer cannot ask back.
    const asked = isStream ? execution : { ...execution, allow_stdin: false };
    const begin = (emit: (event: Event) => void) => {
      const see = this.witness(asked);
      const told = (event: Event): void => {
        if (event.type === "end") this.#measured.record(event);
        see(event);
        emit(event);
      };
      return this.workers.execute(asked, told, request.signal);
    };
    const hurry = client?.hurry ?? (() => {});
    return isStream ? asItHappens(begin, hurry) : inOneAnswer(begin, request.signal, hurry);
  }

  #interrupt(fields: Body) {
    const interrupted = this.workers.those(address(fields)).filter((repl) => repl.interrupt());
    return { interrupted: interrupted.length > 0 };
  }

  #input(fields: Body) {
    const { id, value, ...meant } = inputOf(fields);
    return { accepted: this.workers.those(meant).some((repl) => repl.input(id, value)) };
  }

  #reset(fields: Body) {
    this.workers.one(session(fields)).reset();
    return { reset: true };
  }

  #close(request: Request): Response {
    this.workers.close(target(request).pathname.slice("/sessions/".length));
    return new Response(null, { status: 204 });
  }

  #list(request: Request): Response {
    return Response.json(this.#files(request).list(parameter(request, "path") ?? ""));
  }

  async #file(request: Request): Promise<Response> {
    const files = this.#files(request);
    const path = parameter(request, "path") ?? "";
    if (request.method === "GET")
      return new Response(files.read(path), { headers: { "content-type": "application/octet-stream" } });
    return Response.json(await files.write(path, writeMode(request), request.body ?? new Blob().stream()));
  }

  #files(request: Request) {
    return this.workers.files(parameter(request, "session"));
  }

  #ready(): Response {
    const { isReady } = this.workers;
    return Response.json({ status: isReady ? "ok" : "starting" }, { status: isReady ? 200 : 503 });
  }

  #health(): Response {
    const { workers } = this;
    const { isReady, state } = workers;
    return Response.json(
      {
        status: isReady ? "ok" : "starting",
        busy: state.running === state.workers,
        protocol: PROTOCOL,
        version: this.identity.version,
        bun: this.identity.bun,
        uptime_ms: Math.round(performance.now() - this.#started),
        ...state,
        ...(workers.isShared ? { landlock: workers.options.landlock } : {}),
        limits: this.#limits(),
      },
      { status: isReady ? 200 : 503 },
    );
  }

  #limits() {
    const { maxExecutionMs, maxMemoryBytes, maxOutputBytes } = this.workers.limits;
    return {
      max_execution_ms: maxExecutionMs,
      max_memory_bytes: maxMemoryBytes,
      max_output_bytes: maxOutputBytes,
    };
  }

  #limit(asked: Limits) {
    this.workers.limits = asked;
    return this.#limits();
  }

  async #metrics(): Promise<Response> {
    const { workers } = this;
    const measured = await this.#measured.read({
      ...this.identity,
      ...workers.state,
      memoryBytes: usageOfOthers().memoryBytes,
      memoryLimitBytes: workers.limits.maxMemoryBytes,
    });
    return new Response(measured.text, { headers: { "content-type": measured.contentType } });
  }
}

const notFound = (path: string) =>
  new HttpError(404, "not_found", `there is nothing at ${path.slice(0, 200)}`);
