/** Pure: the events of one execution → the one JSON object that a person with curl gets. */
import type { EndEvent, Event, MimeBundle } from "../wire.ts";
import type { Piece } from "./answer.ts";

export type Summary = Omit<EndEvent, "type"> & {
  readonly stdout: string;
  readonly stderr: string;
  readonly result: MimeBundle | null;
  readonly displays: readonly MimeBundle[];
  readonly error: { readonly name: string; readonly message: string; readonly traceback: string } | null;
};

export class Transcript {
  #stdout: string[] = [];
  #stderr: string[] = [];
  /** As JSON: a tree of values takes more. */
  #displays: string[] = [];
  #result = "null";
  #error: Summary["error"] = null;
  #end: EndEvent | null = null;

  add(event: Event): void {
    switch (event.type) {
      case "stream":
        (event.name === "stdout" ? this.#stdout : this.#stderr).push(event.text);
        break;
      case "display":
        this.#displays.push(JSON.stringify(event.data));
        break;
      case "clear":
        this.#stdout = [];
        this.#stderr = [];
        this.#displays = [];
        break;
      case "result":
        this.#result = JSON.stringify(event.data);
        break;
      case "error":
        this.#error = { name: event.ename, message: event.evalue, traceback: event.traceback.join("\n") };
        break;
      case "input":
        break;
      case "end":
        this.#end = event;
        break;
    }
  }

  /** A `Summary` as JSON, of which no two pieces need to be made at once. @throws when the execution has not ended. */
  pieces(): readonly Piece[] {
    const { type: _, ...end } = this.#ended;
    const stopped = end.message === "" ? null : { name: end.outcome, message: end.message, traceback: "" };
    const rest = JSON.stringify({ error: this.#error ?? stopped, ...end });
    return [
      () => '{"stdout":"',
      ...this.#stdout.map(quoted),
      () => '","stderr":"',
      ...this.#stderr.map(quoted),
      () => `","result":${this.#result},"displays":[`,
      ...this.#displays.map((display, at) => () => (at === 0 ? display : `,${display}`)),
      () => `],${rest.slice(1)}`,
    ];
  }

  /** What was printed and shown. */
  get bytes(): number {
    return this.#ended.output_bytes - this.#ended.dropped_bytes;
  }

  get #ended(): EndEvent {
    if (this.#end === null) throw new Error("the execution has not ended");
    return this.#end;
  }
}

/** What a piece of text is between the quotes of JSON; half a character is spelled out, and meets its other half there. */
const quoted =
  (text: string): Piece =>
  () =>
    JSON.stringify(text).slice(1, -1);
