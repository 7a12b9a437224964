/** What bodies of requests and answers are made of (JSON Schema, as OpenAPI 3.1.0 takes it). */
export type Schema = Readonly<Record<string, unknown>>;

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const json = (schema: Schema) => ({ "application/json": { schema } });
export const described = (description: string, schema: Schema) => ({ description, content: json(schema) });
export const refused = (description: string) => described(description, ref("Refusal"));
export const object = (properties: Schema, required = Object.keys(properties)): Schema => ({
  type: "object",
  properties,
  required,
});
export const posted = (schema: Schema) => ({ required: true, content: json(schema) });
export const text = (description: string, rest: Schema = {}): Schema => ({
  type: "string",
  description,
  ...rest,
});
export const orNull = (schema: Schema): Schema => ({ oneOf: [schema, { type: "null" }] });
export const whole = (description: string, rest: Schema = {}): Schema => ({
  type: "integer",
  minimum: 0,
  description,
  ...rest,
});
export const flag = (description: string): Schema => ({ type: "boolean", description, default: false });
export const array = (items: Schema): Schema => ({ type: "array", items });

export const name = (description: string): Schema => ({ type: "string", maxLength: 200, description });
export const session = name("Name of a session, from POST /sessions.");
export const nameOrNull = (description: string): Schema => ({
  type: ["string", "null"],
  maxLength: 200,
  description,
});
export const cursor = whole("Offset in UTF-16 units.", { maximum: 2 ** 31 - 1 });
export const code = text("TypeScript or TSX.");

export const HEALTH = object({
  status: { enum: ["ok", "starting"] },
  busy: { type: "boolean", description: "Every worker runs something." },
  protocol: whole("Of the wire to a kernel."),
  version: text("Of this image."),
  bun: text("Version of Bun."),
  uptime_ms: whole("Since the start."),
  workers: whole("Workers that there are."),
  running: whole("Executions that run."),
  waiting: whole("Executions that wait for a worker."),
  sessions: whole("Sessions that are open."),
  restarts: whole("Workers that have ended, each with its stateless execution."),
  rejected: whole("Executions turned away because too many waited."),
  landlock: whole(
    "Version that keeps executions apart: files and memory from 1 on, signals from 6 on; 0 for none.",
  ),
  limits: object({
    max_execution_ms: whole("0 for no limit."),
    max_memory_bytes: whole("0 for the container's alone."),
    max_output_bytes: whole("0 for no output at all."),
  }),
});
export const STATUS = object({ status: { enum: ["ok", "starting"] } });

/** Those that have a name. */
export const schemas = {
  Refusal: object({ error: object({ code: text("For programs."), message: text("For people.") }) }),
  MimeBundle: { type: "object", additionalProperties: true, description: "MIME type → data." },
  Execution: object({
    stdout: text("What it printed."),
    stderr: text("What it printed as errors."),
    result: orNull(ref("MimeBundle")),
    displays: array(ref("MimeBundle")),
    error: orNull(
      object({ name: text("Its kind."), message: text("What happened."), traceback: text("Where.") }),
    ),
    outcome: { enum: ["ok", "error", "interrupted", "timeout", "memory", "crashed"] },
    state: { enum: ["kept", "lost"], description: "Of the session's variables." },
    message: text("Why it ended, where not by itself."),
    exit_code: { type: ["integer", "null"] },
    wall_ms: whole("From its begin to its end."),
    cpu_ms: whole("Of processor time."),
    peak_memory_bytes: whole("Largest of the samples each 50 ms."),
    output_bytes: whole("Printed and shown."),
    dropped_bytes: whole("Left out of that."),
  }),
  Listing: object({
    entries: array(
      object({
        name: text("Of the file."),
        kind: { enum: ["file", "folder", "link", "other"] },
        bytes: whole("Its size."),
        modified_ms: { type: "number" },
      }),
    ),
    left_out: whole("Names that are not told."),
    total_bytes: whole("Of the folder's file system."),
    free_bytes: whole("Of them."),
    total_files: whole("Of the file system."),
    free_files: whole("Of them."),
  }),
};
