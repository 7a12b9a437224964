/** Bytes of an image → its bundle, and `image()` around that. */
import { MAX_LINE } from "../supervisor/lines.ts";
import { bytesOf, Rich, type Shown, shownAs } from "./mime.ts";
import {
  Uint8Array,
  blobBytes,
  blobSize,
  currentFolder,
  decodeText,
  exec,
  floor,
  hrefOf,
  inspect,
  isBlob,
  isFinite,
  isURL,
  keys,
  min,
  readFileSync,
  slice,
  statSync,
  toBase64,
} from "../primordials.ts";
import { clip, thousands } from "./text.ts";

type ImageOptions = Jupyter.ImageOptions;

/** What one output may hold once it is base64, with some room for the rest. */
export const MAX_IMAGE_BYTES = floor((MAX_LINE * 3) / 4) - (1 << 16);

const SVG = /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)*(?:<!doctype[^>]*>\s*)?<svg[\s/>]/i;
const DATA_URL = /^data:(image\/(?:png|jpeg|gif|webp));base64,/;
const REMOTE = /^[a-z][a-z+.-]+:\/\//i;

/** @throws {TypeError | RangeError | Error} that says what the source is instead; of a Blob, when it is shown. */
export function image(source: Jupyter.ImageSource, options: ImageOptions = {}): Rich {
  const details = readOptions(options);
  if (typeof source === "object" && source !== null && isBlob(source)) {
    assertSmall(blobSize(source), "the Blob");
    return new Rich(async () => decoded(new Uint8Array(await blobBytes(source)), "the Blob", details));
  }
  const shown = readImage(source, details);
  return new Rich(() => shown);
}

function readImage(source: Jupyter.ImageSource, details: ImageOptions): Shown {
  const bytes = bytesOf(source);
  if (bytes !== null) return decoded(bytes, "the value", details);
  if (typeof source !== "string" && !(typeof source === "object" && source !== null && isURL(source)))
    throw new TypeError(
      `image() takes a path or the bytes of an image, not ${inspect(source, { depth: 0 })}`,
    );
  const text = typeof source === "string" ? source : hrefOf(source);
  const inline =
    exec(SVG, text) === null
      ? imageOfDataUrl(text, details)
      : shownImage("image/svg+xml", text, text.length, details);
  return inline ?? decoded(readFile(text, source), nameOf(text), details);
}

function readFile(text: string, path: string | URL): Uint8Array {
  if (exec(REMOTE, text) !== null && exec(/^file:/i, text) === null)
    throw new TypeError(
      `image(): ${nameOf(text)} is an address, not a path; fetch it first: image(await (await fetch(…)).blob())`,
    );
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new TypeError(`image(): ${nameOf(text)} is a folder or a device, not a file`);
    assertSmall(stats.size, nameOf(text));
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const reason =
      code === "ENOENT" ? `there is no such file; a path starts at ${currentFolder()}` : `${code}`;
    throw new Error(`image(): ${nameOf(text)} cannot be read: ${reason}`, { cause: error });
  }
}

function decoded(bytes: Uint8Array, name: string, details: ImageOptions): Shown {
  assertSmall(bytes.length, name);
  const shown = imageOf(bytes, details);
  if (shown !== null) return shown;
  const first = new Uint8Array(min(bytes.length, 8));
  for (let index = 0; index < first.length; index++) first[index] = bytes[index] ?? 0;
  throw new TypeError(
    `image(): ${name} is no PNG, JPEG, GIF, WebP or SVG, so save it as one; it starts with ${inspect(first)}`,
  );
}

function assertSmall(size: number, name: string): void {
  if (size <= MAX_IMAGE_BYTES) return;
  throw new RangeError(
    `image(): ${name} has ${thousands(size)} bytes and an output may have ${thousands(MAX_IMAGE_BYTES)}; ` +
      "make it smaller, or save it as JPEG or WebP",
  );
}

const nameOf = (path: string): string => `"${clip(path, 200)}"`;

function readOptions({ width, height, alt }: ImageOptions): ImageOptions {
  return {
    ...(width === undefined ? {} : { width: pixels("width", width) }),
    ...(height === undefined ? {} : { height: pixels("height", height) }),
    ...(alt === undefined ? {} : { alt: `${alt}` }),
  };
}

function pixels(name: string, size: number): number {
  if (typeof size === "number" && isFinite(size) && size > 0) return size;
  throw new TypeError(`image(): ${name} is ${inspect(size)}; it is a number of pixels, for example 320`);
}

/** What the first bytes say; null for all that a notebook does not show. */
export function imageType(bytes: Uint8Array): string | null {
  if (starts(bytes, 0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return "image/png";
  if (starts(bytes, 0, [0xff, 0xd8, 0xff])) return "image/jpeg";
  if (starts(bytes, 0, [0x47, 0x49, 0x46, 0x38])) return "image/gif";
  if (starts(bytes, 0, [0x52, 0x49, 0x46, 0x46]) && starts(bytes, 8, [0x57, 0x45, 0x42, 0x50]))
    return "image/webp";
  return null;
}

function starts(bytes: Uint8Array, at: number, signature: readonly number[]): boolean {
  for (let index = 0; index < signature.length; index++)
    if (bytes[at + index] !== signature[index]) return false;
  return true;
}

/** Null where the bytes are no image, or one that is too large for an output. */
export function imageOf(bytes: Uint8Array, details: ImageOptions = {}): Shown | null {
  if (bytes.length > MAX_IMAGE_BYTES) return null;
  const type = imageType(bytes);
  if (type !== null) return shownImage(type, toBase64(bytes), bytes.length, details);
  const text = decodeText(bytes);
  return exec(SVG, text) === null ? null : shownImage("image/svg+xml", text, bytes.length, details);
}

/** What a canvas gives; null for every other address. */
export function imageOfDataUrl(url: string, details: ImageOptions = {}): Shown | null {
  const found = exec(DATA_URL, url);
  if (found === null) return null;
  const data = slice(url, found[0].length);
  const padding = slice(data, -2) === "==" ? 2 : slice(data, -1) === "=" ? 1 : 0;
  return shownImage(found[1] ?? "", data, floor((data.length * 3) / 4) - padding, details);
}

function shownImage(type: string, data: string, size: number, details: ImageOptions): Shown {
  const text = details.alt ?? `[${type}, ${thousands(size)} bytes]`;
  return shownAs({ [type]: data, "text/plain": text }, keys(details).length === 0 ? {} : { [type]: details });
}
