/**
 * One execution as the answer to its request: a JSON object at its end, or a line for each event as it happens.
 *
 * Law: whoever hangs up ends the execution.
 */
import type { Repl } from "../repl.ts";
import type { Event } from "../wire.ts";
import { Answer, type Piece } from "./answer.ts";
import { Transcript } from "./transcript.ts";

export const NDJSON = "application/x-ndjson";
const JSON_TYPE = "application/json;charset=utf-8";

/** Starts the execution; resolves once it has its worker. */
export type Begin = (
  emit: (event: Event) => void,
) => Promise<{ readonly repl: Repl; readonly ended: Promise<void> }>;

export async function inOneAnswer(begin: Begin, gone: AbortSignal, hurry: () => void): Promise<Response> {
  const transcript = new Transcript();
  const { repl, ended } = await begin((event) => transcript.add(event));
  const stop = () => repl.interrupt();
  gone.addEventListener("abort", stop);
  if (gone.aborted) stop();
  await ended;
  gone.removeEventListener("abort", stop);
  const answer = new Answer(hurry);
  answer.add(...transcript.pieces());
  answer.end(transcript.bytes);
  return new Response(answer.body, { headers: { "content-type": JSON_TYPE } });
}

export async function asItHappens(begin: Begin, hurry: () => void): Promise<Response> {
  let repl: Repl | null = null;
  const answer = new Answer(hurry, () => repl?.interrupt());
  const execution = await begin((event) => {
    answer.add(line(event));
    if (event.type === "end") answer.end(event.output_bytes - event.dropped_bytes);
  });
  ({ repl } = execution);
  return new Response(answer.body, { headers: { "content-type": NDJSON } });
}

/** Text can grow sixfold in JSON, so it waits as it is; a tree of values takes more than its JSON. */
function line(event: Event): Piece {
  if (event.type === "stream") return () => `${JSON.stringify(event)}\n`;
  const text = `${JSON.stringify(event)}\n`;
  return () => text;
}
