/**
 * The contract of a person with curl: what a container serves that was started by hand (OpenAPI 3.1.0). It is data; a
 * kernel's own sandbox has `/events` and `/limits` in place of sessions, for its kernel alone.
 */
import { OF_SESSIONS } from "./openapi/links.ts";
import {
  BAD_REQUEST,
  SHARED_REFUSALS,
  NO_SESSION,
  BUSY,
  TOO_MANY,
  FILE_REFUSALS,
} from "./openapi/refusals.ts";
import {
  type Schema,
  ref,
  json,
  described,
  refused,
  object,
  posted,
  text,
  whole,
  flag,
  array,
  session,
  nameOrNull,
  cursor,
  code,
  HEALTH,
  STATUS,
  schemas,
} from "./openapi/schemas.ts";

const operation = (operationId: string, summary: string, body: Schema, answer: Schema, refusals: object) => ({
  post: {
    operationId,
    summary,
    requestBody: posted(body),
    responses: { "200": described("Done.", answer), ...SHARED_REFUSALS, ...refusals },
  },
});
/** Whom a request means that is about what runs. */
const MEANT = {
  session: nameOrNull("Only that session's."),
  execution: nameOrNull("Only the execution of that name; all without a session where neither is given."),
};
const asked = (operationId: string, summary: string, fields: Schema, answer: Schema) =>
  operation(operationId, summary, object({ session, ...fields }, ["session", "code"]), answer, {
    ...NO_SESSION,
    ...BUSY,
  });
const read = (operationId: string, summary: string, responses: object, rest: object = {}) => ({
  get: { operationId, summary, responses, ...rest },
});
const query = (wanted: string, description: string, rest: Schema = {}, required = false) => ({
  name: wanted,
  in: "query",
  required,
  description,
  schema: { type: "string", ...rest },
});
const OF_SESSION = query("session", "Name of the session whose folder is meant.", {}, true);
/** No name is empty, `.` or `..`. */
const NAME = String.raw`(?!\.{1,2}(?:/|$))[^/\u0000]{1,255}`;
const NAMES = `${NAME}(?:/${NAME})*`;
const PATH = query(
  "path",
  "Names below the session's folder, with / between them.",
  { minLength: 1, pattern: `^${NAMES}$` },
  true,
);
const FOLDER = query("path", "Names as of a file; empty for the session's folder itself.", {
  pattern: `^(?:${NAMES})?$`,
});
const UNREADY = (schema: Schema) => ({
  "200": described("Ready.", schema),
  "503": described("The first worker is on its way up.", schema),
});

export const openapi = {
  openapi: "3.1.0",
  info: {
    title: "bun-sandbox",
    version: "3",
    description: "Runs TypeScript of strangers. 9998 serves every path, 9999 those of health and metrics.",
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "http://127.0.0.1:9998" }],
  security: [{ secret: [] }, {}],
  paths: {
    "/execute": {
      post: {
        operationId: "execute",
        summary: "Run code. With Accept: application/x-ndjson each event is a line, as it happens.",
        requestBody: posted(
          object(
            {
              code,
              session: nameOrNull("Executions of a session share variables; without one, nothing is shared."),
              execution: nameOrNull("Name for logs and for /interrupt; made up where none is given."),
              count: whole("The number that tracebacks show.", { default: 1, maximum: 2 ** 31 - 1 }),
              file: {
                type: "string",
                default: "",
                description: "What tracebacks call the code, in place of Cell [1].",
              },
              color: flag("ANSI colours in values and tracebacks."),
              timeout_ms: whole("Below the container's limit; 0 for that alone.", { maximum: 2 ** 31 - 1 }),
              store_history: flag("Keeps the value as _ and Out[count]."),
              allow_stdin: flag("Somebody answers prompt(); only a stream of events can ask."),
            },
            ["code"],
          ),
        ),
        responses: {
          "200": {
            description: "It has run, whatever became of it.",
            content: { ...json(ref("Execution")), "application/x-ndjson": { schema: { type: "string" } } },
          },
          ...SHARED_REFUSALS,
          ...NO_SESSION,
          ...BUSY,
          ...TOO_MANY,
        },
      },
    },
    "/sessions": {
      post: {
        operationId: "openSession",
        summary: "Open a session: a worker of its own, until it is closed or has been idle for 10 minutes.",
        requestBody: posted({ type: "object" }),
        responses: {
          "201": { ...described("Open.", object({ session })), links: OF_SESSIONS },
          ...SHARED_REFUSALS,
          ...TOO_MANY,
        },
      },
    },
    "/sessions/{session}": {
      delete: {
        operationId: "closeSession",
        summary: "Close a session; what it runs ends, and its files go.",
        parameters: [{ name: "session", in: "path", required: true, schema: { type: "string" } }],
        responses: {
          "204": { description: "Closed." },
          "400": BAD_REQUEST,
          "401": SHARED_REFUSALS["401"],
          "403": SHARED_REFUSALS["403"],
          ...NO_SESSION,
        },
      },
    },
    "/interrupt": operation(
      "interrupt",
      "End what runs, politely first.",
      object(MEANT, []),
      object({ interrupted: { type: "boolean" } }),
      NO_SESSION,
    ),
    "/input": operation(
      "input",
      "Answer an input event.",
      object(
        {
          ...MEANT,
          id: whole("Of the event.", { maximum: 2 ** 31 - 1 }),
          value: { type: ["string", "null"] },
        },
        ["id"],
      ),
      object({ accepted: { type: "boolean" } }),
      NO_SESSION,
    ),
    "/is_complete": asked(
      "isComplete",
      "Whether code is whole.",
      { code },
      object({ status: { enum: ["complete", "incomplete", "invalid"] }, indent: text("Of the next line.") }),
    ),
    "/complete": asked(
      "complete",
      "What may stand at a cursor.",
      { code, cursor },
      object({
        start: cursor,
        end: cursor,
        matches: array(
          object({
            text: text("Replaces start to end."),
            kind: text("Of what."),
            signature: text("Of a function."),
          }),
        ),
      }),
    ),
    "/inspect": asked(
      "inspect",
      "What is known of the name at a cursor.",
      { code, cursor, detail: flag("The source too.") },
      object({ data: ref("MimeBundle") }),
    ),
    "/variables": operation(
      "variables",
      "The session's variables.",
      object({ session }),
      object({
        variables: array(
          object({
            name: text("Its name."),
            declared: text("How."),
            kind: text("Of value."),
            bytes: { type: ["integer", "null"] },
            text: text("The value, short."),
          }),
        ),
      }),
      { ...NO_SESSION, ...BUSY },
    ),
    "/reset": operation(
      "reset",
      "Forget all variables; files stay.",
      object({ session }),
      object({ reset: { const: true } }),
      { ...NO_SESSION, ...BUSY },
    ),
    "/files": read(
      "listFiles",
      "List a folder.",
      { "200": described("Its names.", ref("Listing")), ...FILE_REFUSALS },
      { parameters: [OF_SESSION, FOLDER] },
    ),
    "/file": {
      ...read(
        "readFile",
        "Read a file.",
        {
          "200": { description: "Its bytes.", content: { "application/octet-stream": {} } },
          ...FILE_REFUSALS,
        },
        { parameters: [OF_SESSION, PATH] },
      ),
      put: {
        operationId: "writeFile",
        summary: "Make a file of the body, as a whole or not at all.",
        parameters: [
          OF_SESSION,
          PATH,
          query("mode", "What becomes of a file that is there.", {
            enum: ["create", "replace", "append"],
            default: "create",
          }),
        ],
        requestBody: { content: { "application/octet-stream": {} } },
        responses: {
          "200": described("Written.", object({ bytes: whole("Written."), existed: { type: "boolean" } })),
          ...FILE_REFUSALS,
          "409": refused("There is a file of that name."),
          "413": refused("Larger than the folder."),
          "507": refused("No room; nothing was written."),
        },
      },
    },
    "/self_check": read("selfCheck", "What really holds inside.", {
      "200": described("As PID 1 finds it.", { type: "object" }),
      "401": SHARED_REFUSALS["401"],
      "403": SHARED_REFUSALS["403"],
    }),
    "/health": read("health", "State and limits.", UNREADY(HEALTH), { security: [] }),
    "/health/live": read(
      "live",
      "The supervisor answers.",
      { "200": described("It does.", STATUS) },
      { security: [] },
    ),
    "/health/ready": read("ready", "A worker waits for code, or will soon.", UNREADY(STATUS), {
      security: [],
    }),
    "/metrics": read(
      "metrics",
      "The text format of Prometheus.",
      { "200": { description: "All series.", content: { "text/plain": { schema: { type: "string" } } } } },
      { security: [] },
    ),
    "/openapi.json": read(
      "openapi",
      "This document.",
      { "200": described("It.", { type: "object" }) },
      { security: [] },
    ),
  },
  components: {
    securitySchemes: {
      secret: { type: "http", scheme: "bearer", description: "Where the container was given one." },
    },
    schemas,
  },
};
