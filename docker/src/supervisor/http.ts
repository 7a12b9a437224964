/** What every route needs: a refusal with its status, and a body that is read no further than it may be. */

/** Largest body of JSON; a cell is text that a person typed. */
const MAX_JSON_BYTES = 1 << 20;
/** How long it may take to come; whoever sends a byte now and then does not keep a place for ever. */
const MAX_JSON_MS = 10_000;
/** Of all bodies that are on their way: many clients that send all but the end would take the memory of the sandbox. */
const MAX_HELD_BYTES = 16 << 20;
/** A body of this size is read all the same. */
const SMALL_BYTES = 1 << 16;
let heldBytes = 0;

/** An answer that is not what was asked for. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }

  response(): Response {
    const { status, code, message, headers } = this;
    return Response.json({ error: { code, message } }, { status, headers });
  }
}

/** @throws {HttpError} for any verb but these. */
export function allow(request: Request, ...methods: readonly string[]): void {
  if (methods.includes(request.method)) return;
  const wanted = methods.join(", ");
  throw new HttpError(405, "method_not_allowed", `use ${wanted}, not ${request.method}`, { allow: wanted });
}

/** What a request asks for, whatever it says of hosts: HTTP/1.0 names none, and others name what is none. */
export function target(request: Request): URL {
  const path = request.url.replace(/^[a-z]+:\/\/[^/]*/i, "").slice(1);
  return URL.parse(`http://sandbox/${path}`) ?? new URL("http://sandbox");
}

export type Body = Readonly<Record<string, unknown>>;

/**
 * The JSON object that a request brings.
 * @throws {HttpError} for anything else, and for more of it than is read.
 */
export async function body(request: Request): Promise<Body> {
  const bytes = await all(request.body ?? new Blob().stream());
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new HttpError(400, "bad_request", "the body is not JSON in UTF-8");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new HttpError(400, "bad_request", 'the body is not a JSON object; send {"code": "…"}');
  return value as Body;
}

async function all(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = stream.getReader();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new HttpError(408, "too_slow", `the body took longer than ${MAX_JSON_MS / 1000} s to come`),
      ),
    MAX_JSON_MS,
  );
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) return Buffer.concat(chunks);
      size += value.byteLength;
      heldBytes += value.byteLength;
      if (size > MAX_JSON_BYTES)
        throw new HttpError(413, "too_large", `the body has more than ${MAX_JSON_BYTES} bytes`);
      if (heldBytes > MAX_HELD_BYTES && size > SMALL_BYTES)
        throw new HttpError(429, "too_many", "too many large bodies are on their way; ask again later", {
          "retry-after": "1",
        });
      chunks.push(value);
    }
  } finally {
    clearTimeout(timer);
    heldBytes -= size;
    void reader.cancel().catch(() => {});
  }
}
