/**
 * PID 1 of a sandbox: reads the settings, closes itself to user code, starts the worker, serves. The only file with
 * side effects on import, next to `worker.ts`.
 *
 * Law: nothing of user code runs before this process is out of its reach.
 */
import { chmodSync } from "node:fs";
import { Lifeline } from "./supervisor/lifeline.ts";
import { hide } from "./hidden.ts";
import { Repl } from "./repl.ts";
import { type Handler, Server } from "./server.ts";
import { readSettings } from "./supervisor/settings.ts";

const settings = readSettings(process.env);
hide();
process.on("SIGTERM", () => process.exit(0));
process.on("SIGINT", () => process.exit(0));

const lifeline = new Lifeline(() => process.exit(0));
if (settings.lifeline) lifeline.expect();
const repl = new Repl(settings.limits, settings.workerEnvironment, (event) => lifeline.send(event));
const server = new Server(repl, settings.secret, settings.identity, lifeline.attach);

/**
 * Without an idle timeout, since a cell may take as long as it likes between two bytes. Each route says how much of a
 * body it reads; what nobody reads is not kept.
 */
const options = { idleTimeout: 0, maxRequestBodySize: Number.MAX_SAFE_INTEGER } as const;

if (settings.socket === null) {
  Bun.serve({ ...options, port: settings.port, fetch: server.handler() });
  Bun.serve({ ...options, port: settings.healthPort, fetch: server.handler(["/health", "/metrics"]) });
} else {
  // The types of Bun leave the timeout out for sockets; without it a silent cell is cut off after some seconds.
  const all = { ...options, unix: settings.socket, fetch: server.handler() };
  const typed: { unix: string; fetch: Handler } = all;
  Bun.serve(typed);
  // The folder around it is private to the kernel's user; the socket itself only has to let that user in.
  chmodSync(settings.socket, 0o666);
}
