/**
 * One execution as the answer to its request: a JSON object at its end, or a line for each event as it happens.
 *
 * Law: whoever hangs up ends the execution.
 */
import type { Repl } from "../repl.ts";
import type { Event } from "../wire.ts";
import { Transcript } from "./transcript.ts";

export const NDJSON = "application/x-ndjson";

/** Starts the execution; resolves once it has its worker. */
export type Begin = (
  emit: (event: Event) => void,
) => Promise<{ readonly repl: Repl; readonly ended: Promise<void> }>;

export async function inOneAnswer(begin: Begin, gone: AbortSignal): Promise<Response> {
  const transcript = new Transcript();
  const { repl, ended } = await begin((event) => transcript.add(event));
  const stop = () => repl.interrupt();
  gone.addEventListener("abort", stop);
  if (gone.aborted) stop();
  await ended;
  gone.removeEventListener("abort", stop);
  return Response.json(transcript.summary());
}

export async function asItHappens(begin: Begin): Promise<Response> {
  let controller!: ReadableStreamDefaultController<string>;
  let hasEnded = false;
  let isGone = false;
  let repl: Repl | null = null;
  const stream = new ReadableStream<string>({
    start: (given) => void (controller = given),
    cancel: () => {
      isGone = true;
      if (!hasEnded) repl?.interrupt();
    },
  });
  const execution = await begin((event) => {
    hasEnded ||= event.type === "end";
    if (isGone) return;
    controller.enqueue(`${JSON.stringify(event)}\n`);
    if (hasEnded) controller.close();
  });
  ({ repl } = execution);
  return new Response(stream, { headers: { "content-type": NDJSON } });
}
