/** The end of an execution that went well. */
import type { EndEvent } from "./wire.ts";

export const END: EndEvent = {
  type: "end",
  outcome: "ok",
  state: "kept",
  message: "",
  exit_code: null,
  wall_ms: 1,
  cpu_ms: 1,
  peak_memory_bytes: 1,
  output_bytes: 0,
  dropped_bytes: 0,
};
