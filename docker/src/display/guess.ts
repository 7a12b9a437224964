/**
 * What a value is to be shown as when it does not say so itself: guessed from what it looks like, in the order of
 * Deno's kernel (https://github.com/denoland/deno/blob/main/cli/js/40_jupyter.js), so that libraries written for it
 * are shown alike.
 *
 * Law: a guess is no contract. Where it leads to an error, the value is shown as text.
 */
import { imageOf, imageOfDataUrl, imageType, MAX_IMAGE_BYTES } from "./image.ts";
import { bytesOf, type Shown, shownAs, snapshot } from "./mime.ts";
import {
  Uint8Array,
  apply,
  blobBytes,
  blobSize,
  blobType,
  cloneOf,
  escapeHTML,
  exec,
  get,
  has,
  header,
  hrefOf,
  isArray,
  isBlob,
  isResponse,
  isURL,
  keys,
  bodyOf,
  headersOf,
  hasBeenRead,
} from "../primordials.ts";
import { tableOf } from "./table.ts";

const VEGA_SCHEMA = /^https?:\/\/vega\.github\.io\/schema\/(vega|vega-lite)\/v(\d{1,3})(?:\.\d+)*\.json/;
const IMAGE_TYPE = /^image\/(?:png|jpeg|gif|webp|svg\+xml)\b/i;
const LINKED = /^(?:https?|ftp|mailto):/i;
const SVG_ELEMENT = /^<svg[\s/>]/i;
const MAX_FRAME_ROWS = 1000;

/** Null where there is nothing better than the value's text; a bundle without text/plain gets that text. */
export function guess(value: object): Shown | Promise<Shown | null> | null {
  return (
    ofPlatform(value) ??
    ofCanvas(value) ??
    ofChart(value) ??
    ofDataFrame(value) ??
    ofBytes(value) ??
    ofElement(value)
  );
}

/** A property that the value says it has; a proxy that answers to every name does not say so. */
const peek = (value: object, name: string): unknown => (has(value, name) ? get(value, name) : undefined);

function ofPlatform(value: object): Shown | Promise<Shown | null> | null {
  if (isURL(value)) {
    const href = escapeHTML(hrefOf(value));
    return exec(LINKED, href) === null
      ? null
      : shownAs({ "text/html": `<a href="${href}" target="_blank" rel="noopener">${href}</a>` });
  }
  if (isBlob(value)) {
    if (exec(IMAGE_TYPE, blobType(value)) === null || blobSize(value) > MAX_IMAGE_BYTES) return null;
    return decoded(() => blobBytes(value));
  }
  if (isResponse(value)) {
    const headers = headersOf(value);
    if (hasBeenRead(value) || exec(IMAGE_TYPE, header(headers, "content-type") ?? "") === null) return null;
    if (+(header(headers, "content-length") ?? 0) > MAX_IMAGE_BYTES) return null;
    return decoded(() => bodyOf(cloneOf(value)));
  }
  return null;
}

const decoded = async (read: () => Promise<ArrayBuffer>): Promise<Shown | null> =>
  imageOf(new Uint8Array(await read()));

function ofCanvas(value: object): Shown | null {
  const draw = peek(value, "toDataURL");
  const url: unknown = typeof draw === "function" ? apply(draw, value, []) : null;
  return typeof url === "string" ? imageOfDataUrl(url) : null;
}

function ofChart(value: object): Shown | null {
  const build = peek(value, "toSpec");
  const spec: unknown = typeof build === "function" ? apply(build, value, []) : value;
  if (typeof spec !== "object" || spec === null) return null;
  const schema = peek(spec, "$schema");
  const found = typeof schema === "string" ? exec(VEGA_SCHEMA, schema) : null;
  if (found === null) return null;
  const type = `application/vnd.${found[1] === "vega" ? "vega" : "vegalite"}.v${found[2]}+json`;
  return shownAs({ [type]: snapshot(spec, type) });
}

/** Polars, whose frames are proxies that do not say which names they have. */
function ofDataFrame(value: object): Shown | null {
  const schema: unknown = get(value, "schema");
  if (typeof schema !== "object" || schema === null) return null;
  const head: unknown = get(value, "head");
  const read: unknown = get(value, "toRecords");
  if (typeof head !== "function" || typeof read !== "function") return null;
  const first: unknown = apply(head, value, [MAX_FRAME_ROWS]);
  const toRecords: unknown = typeof first === "object" && first !== null ? get(first, "toRecords") : null;
  if (typeof toRecords !== "function") return null;
  const records: unknown = apply(toRecords, first, []);
  const height: unknown = get(value, "height");
  return tableOf(records, { columns: namesOf(schema) }, typeof height === "number" ? height : undefined);
}

/** Of `{ name: type }`, or of Arrow's `{ fields: [{ name }] }`. */
function namesOf(schema: object): string[] {
  const fields = peek(schema, "fields");
  if (!isArray(fields)) return keys(schema);
  const names: string[] = [];
  for (let index = 0; index < fields.length; index++)
    names[index] = `${get(fields[index] as object, "name")}`;
  return names;
}

function ofBytes(value: object): Shown | null {
  const bytes = bytesOf(value);
  return bytes === null || imageType(bytes) === null ? null : imageOf(bytes);
}

function ofElement(value: object): Shown | null {
  const source = peek(value, "outerHTML");
  if (typeof source !== "string") return null;
  return shownAs({ [exec(SVG_ELEMENT, source) === null ? "text/html" : "image/svg+xml"]: source });
}
