/** Pure: the events of one execution → the one JSON object that a person with curl gets. */
import type { EndEvent, Event, MimeBundle } from "../wire.ts";

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
  #displays: MimeBundle[] = [];
  #result: MimeBundle | null = null;
  #error: Summary["error"] = null;
  #end: EndEvent | null = null;

  add(event: Event): void {
    switch (event.type) {
      case "stream":
        (event.name === "stdout" ? this.#stdout : this.#stderr).push(event.text);
        break;
      case "display":
        this.#displays.push(event.data);
        break;
      case "clear":
        this.#stdout = [];
        this.#stderr = [];
        this.#displays = [];
        break;
      case "result":
        this.#result = event.data;
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

  /** @throws when the execution has not ended. */
  summary(): Summary {
    if (this.#end === null) throw new Error("the execution has not ended");
    const { type: _, ...end } = this.#end;
    const stopped = end.message === "" ? null : { name: end.outcome, message: end.message, traceback: "" };
    return {
      stdout: this.#stdout.join(""),
      stderr: this.#stderr.join(""),
      result: this.#result,
      displays: this.#displays,
      error: this.#error ?? stopped,
      ...end,
    };
  }
}
