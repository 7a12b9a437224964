/**
 * PID 1 of a sandbox: reads the settings, closes itself to user code, starts the worker, serves. The only file with
 * side effects on import, next to `apart.ts` and `worker.ts`.
 *
 * Law: nothing of user code runs before this process is out of its reach.
 */
import { chmodSync } from "node:fs";
import { Lifeline } from "./supervisor/lifeline.ts";
import { hide } from "./hidden.ts";
import { Homes } from "./supervisor/homes.ts";
import { target } from "./supervisor/http.ts";
import { logExecutions, logFailure } from "./supervisor/log.ts";
import { NDJSON } from "./supervisor/replies.ts";
import { workersFor } from "./supervisor/place.ts";
import { landlockVersion, readLimits } from "./supervisor/selfcheck.ts";
import { readSettings, type Settings } from "./supervisor/settings.ts";
import { type Handler, Server } from "./server.ts";
import { Workers } from "./workers.ts";

const OF_HEALTH = ["/health", "/health/live", "/health/ready", "/metrics"];
const IDLE_S = 10;
/** A cell may take as long as it likes between two bytes. */
const WITHOUT_HURRY: ReadonlySet<string> = new Set(["/execute", "/events"]);

// Elsewhere the processes and the folders that it clears away are the machine's.
if (process.pid !== 1) throw new Error("this is the first process of a sandbox, and runs nowhere else");
const settings = settingsOrEnd();
hide();
process.on("SIGTERM", () => process.exit(0));
process.on("SIGINT", () => process.exit(0));

const lifeline = new Lifeline(() => process.exit(0));
if (settings.lifeline) lifeline.expect();
const workers = new Workers({
  limits: settings.limits,
  environment: settings.workerEnvironment,
  late: (event) => lifeline.send(event),
  failed: logFailure,
  ...(settings.lifeline
    ? { count: 1, homes: null, landlock: 0 }
    : {
        count: workersFor(readLimits()),
        // The folder for code belongs to root where a container was started without an owner for it.
        homes: new Homes(["/sandbox/code", "/dev/shm", "/tmp"], settings.closed),
        landlock: landlockVersion(),
      }),
});
const witness = workers.isShared ? logExecutions(settings.isAudit) : undefined;
const server = new Server(workers, settings.secret, settings.identity, lifeline.attach, witness);

/** Each route says how much of a body it reads; what nobody reads is not kept. */
const maxRequestBodySize = Number.MAX_SAFE_INTEGER;

if (settings.socket === null) {
  serve(settings.port, server.handler());
  serve(settings.healthPort, server.handler(OF_HEALTH));
} else {
  // The types of Bun leave the timeout out for sockets; without it a silent cell is cut off after some seconds.
  const handle = server.handler();
  const all = {
    maxRequestBodySize,
    idleTimeout: 0,
    unix: settings.socket,
    fetch: (request: Request) => handle(request),
  };
  const typed: { unix: string; fetch: (request: Request) => Promise<Response> } = all;
  Bun.serve(typed);
  // The folder around it is private to the kernel's user; the socket itself only has to let that user in.
  chmodSync(settings.socket, 0o666);
}

/** A setting that is wrong is one sentence in the log, and not a stack. */
function settingsOrEnd(): Settings {
  try {
    return readSettings(process.env);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

/** A connection that says nothing is closed soon. */
function serve(port: number, handle: Handler): void {
  Bun.serve({
    port,
    maxRequestBodySize,
    idleTimeout: IDLE_S,
    fetch: async (request, connection) => {
      if (WITHOUT_HURRY.has(target(request).pathname)) connection.timeout(request, 0);
      // From the end of an execution on, called again with each piece that is read.
      const hurry = () => connection.timeout(request, IDLE_S);
      const answer = await handle(request, { address: connection.requestIP(request)?.address, hurry });
      // What nobody takes is not kept.
      if (answer.headers.get("content-type") !== NDJSON) hurry();
      return answer;
    },
  });
}
