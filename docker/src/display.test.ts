import { describe, expect, test } from "bun:test";
import { displayGlobals, show } from "./display.ts";

const DISPLAY = Symbol.for("Jupyter.display");
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** Under another name, since Prettier rewrites what stands in html``. */
const {
  html: page,
  md,
  svg,
  latex,
} = displayGlobals(
  () => {},
  () => false,
);

const base64 = (text: string): Buffer => Buffer.from(text, "base64");
const PNG = base64(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
);
const JPEG = base64("/9j/4AAQ");
const GIF = base64("R0lGODlhAQABAAAAACw=");
const WEBP = base64("UklGRhoAAABXRUJQVlA4TA==");
const SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>';

const vega = (schema: string) => ({ $schema: `https://vega.github.io/schema/${schema}.json`, mark: "bar" });
const text = (plain: string) => ({ "text/plain": plain });
const failing = (): never => {
  throw new Error("mine");
};

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
  get length(): number {
    return Math.hypot(this.x, this.y);
  }
}
class Shown {
  [DISPLAY]() {
    return { "text/html": "<b>hi</b>", "text/plain": "hi" };
  }
}
class Heir extends Shown {}
const tagged = Object.assign(() => 1, { [DISPLAY]: () => ({ "text/plain": "a function" }) });
const circle: Record<string, unknown> = { a: 1 };
circle["self"] = circle;
describe("values are shown", () => {
  test.each<[name: string, value: unknown, bundle: Record<string, unknown>]>([
    ["undefined", undefined, text("undefined")],
    ["null", null, text("null")],
    ["true", true, text("true")],
    ["a number", 42, text("42")],
    ["minus zero", -0, text("-0")],
    ["a bigint", 10n, text("10n")],
    ["a string", 'he said "no"\n', text('"he said \\"no\\"\\n"')],
    ["a symbol", Symbol("s"), text("Symbol(s)")],
    ["a function", failing, text("[Function: failing]")],
    ["a class", Point, text("[class Point]")],
    ["a heir's class", Heir, text("[class Heir extends Shown]")],
    ["an object", { a: { b: [1, "x"] } }, text('{\n  a: {\n    b: [ 1, "x" ],\n  },\n}')],
    ["an object of a class", new Point(3, 4), text("Point {\n  x: 3,\n  y: 4,\n  length: [Getter],\n}")],
    ["an object without a prototype", Object.create(null), text("[Object: null prototype] {}")],
    ["an array", [1, [], "x"], text('[ 1, [], "x" ]')],
    ["a typed array", new Uint16Array(2), text("Uint16Array(2) [ 0, 0 ]")],
    ["bytes", new Uint8Array([1, 2]), text("Uint8Array(2) [ 1, 2 ]")],
    ["an ArrayBuffer", new ArrayBuffer(1), text("ArrayBuffer(1) [ 0 ]")],
    ["a map", new Map([["a", 1]]), text('Map(1) {\n  "a": 1,\n}')],
    ["a set", new Set([1]), text("Set(1) {\n  1,\n}")],
    ["a date", new Date(0), text("1970-01-01T00:00:00.000Z")],
    ["a pattern", /x/g, text("/x/g")],
    ["a promise", Promise.resolve(1), text("Promise { <resolved> }")],
    ["a circle", circle, text("{\n  a: 1,\n  self: [Circular],\n}")],
    [
      "a response",
      new Response("hi", { status: 404 }),
      text(expect.stringContaining("status: 404") as never),
    ],
    [
      "a URL",
      new URL("http://a.b/?q=<1>"),
      {
        "text/html":
          '<a href="http://a.b/?q=%3C1%3E" target="_blank" rel="noopener">http://a.b/?q=%3C1%3E</a>',
        "text/plain": expect.stringContaining("href: 'http://a.b/?q=%3C1%3E'"),
      },
    ],
    ["a URL that runs code", new URL("javascript:1"), text(Bun.inspect(new URL("javascript:1")))],
    ["its own bundle", new Shown(), { "text/html": "<b>hi</b>", "text/plain": "hi" }],
    ["an inherited bundle", new Heir(), { "text/html": "<b>hi</b>", "text/plain": "hi" }],
    [
      "a bundle later",
      { [DISPLAY]: async () => ({ "text/html": "x" }) },
      { "text/html": "x", "text/plain": "x" },
    ],
    ["a function's bundle", tagged, text("a function")],
    [
      "a bundle's bytes",
      { [DISPLAY]: () => ({ "image/png": PNG }) },
      {
        "image/png": PNG.toBase64(),
        "text/plain": "[image/png]",
      },
    ],
    [
      "a bundle's JSON",
      { [DISPLAY]: () => ({ "application/json": { a: 1n, b: undefined } }) },
      {
        "application/json": { a: 1 },
        "text/plain": "[application/json]",
      },
    ],
    ["the older name, which is none", { $display: () => 1 }, text("{\n  $display: [Function: $display],\n}")],
    ["html``", page`<b>${"x"}</b>`, { "text/html": "<b>x</b>", "text/plain": "<b>x</b>" }],
    ["html()", page("<b>"), { "text/html": "<b>", "text/plain": "<b>" }],
    [
      "html`` of lists",
      page`<i>${[1, 2].map((n) => page`<b>${n}</b>`)}${undefined}</i>`,
      {
        "text/html": "<i><b>1</b><b>2</b></i>",
        "text/plain": "<i><b>1</b><b>2</b></i>",
      },
    ],
    ["md``", md`# ${1}\n`, { "text/markdown": "# 1\n", "text/plain": "# 1\n" }],
    ["latex``", latex`$\frac{1}{${2}}$`, { "text/latex": "$\\frac{1}{2}$", "text/plain": "$\\frac{1}{2}$" }],
    ["latex()", latex("$x$"), { "text/latex": "$x$", "text/plain": "$x$" }],
    ["svg``", svg`<svg/>`, { "image/svg+xml": "<svg/>", "text/plain": "<svg/>" }],
    ["PNG bytes", PNG, { "image/png": PNG.toBase64(), "text/plain": "[image/png, 70 bytes]" }],
    ["JPEG bytes", new Uint8Array(JPEG), { "image/jpeg": "/9j/4AAQ", "text/plain": "[image/jpeg, 6 bytes]" }],
    [
      "GIF bytes",
      new Uint8Array(GIF).buffer,
      {
        "image/gif": "R0lGODlhAQABAAAAACw=",
        "text/plain": "[image/gif, 14 bytes]",
      },
    ],
    ["WebP bytes", WEBP, { "image/webp": WEBP.toBase64(), "text/plain": "[image/webp, 16 bytes]" }],
    [
      "an image's Blob",
      new Blob([GIF], { type: "image/gif" }),
      {
        "image/gif": GIF.toBase64(),
        "text/plain": "[image/gif, 14 bytes]",
      },
    ],
    [
      "an SVG's Blob",
      new Blob([SVG], { type: "image/svg+xml" }),
      {
        "image/svg+xml": SVG,
        "text/plain": "[image/svg+xml, 41 bytes]",
      },
    ],
    [
      "another Blob",
      new Blob(["x"], { type: "text/html" }),
      text('Blob (1 bytes) {\n  type: "text/html;charset=utf-8"\n}'),
    ],
    [
      "a Blob that lies",
      new Blob(["x"], { type: "image/png" }),
      text('Blob (1 bytes) {\n  type: "image/png"\n}'),
    ],
    ["a file that is not there", Bun.file("/no.png"), text('FileRef ("/no.png") {\n  type: "image/png"\n}')],
    [
      "an image's response",
      new Response(PNG, { headers: { "content-type": "image/png" } }),
      {
        "image/png": PNG.toBase64(),
        "text/plain": "[image/png, 70 bytes]",
      },
    ],
    [
      "Vega-Lite",
      vega("vega-lite/v5"),
      {
        "application/vnd.vegalite.v5+json": vega("vega-lite/v5"),
        "text/plain": expect.stringContaining('mark: "bar"'),
      },
    ],
    [
      "Vega-Lite 4.1",
      vega("vega-lite/v4.1.0"),
      {
        "application/vnd.vegalite.v4+json": vega("vega-lite/v4.1.0"),
        "text/plain": expect.anything(),
      },
    ],
    [
      "Vega 6",
      vega("vega/v6"),
      {
        "application/vnd.vega.v6+json": vega("vega/v6"),
        "text/plain": expect.anything(),
      },
    ],
    [
      "another schema",
      { $schema: "https://a.b/vega/v5.json" },
      text('{\n  $schema: "https://a.b/vega/v5.json",\n}'),
    ],
    [
      "toSpec()",
      { toSpec: () => vega("vega-lite/v5") },
      {
        "application/vnd.vegalite.v5+json": vega("vega-lite/v5"),
        "text/plain": "{\n  toSpec: [Function: toSpec],\n}",
      },
    ],
    ["toSpec() of something else", { toSpec: () => 1 }, text("{\n  toSpec: [Function: toSpec],\n}")],
    [
      "a canvas",
      { toDataURL: () => `data:image/png;base64,${PNG.toBase64()}` },
      {
        "image/png": PNG.toBase64(),
        "text/plain": "[image/png, 70 bytes]",
      },
    ],
    ["a canvas that cannot draw", { toDataURL: failing }, text("{\n  toDataURL: [Function: failing],\n}")],
    [
      "an element",
      { outerHTML: "<p>x</p>" },
      {
        "text/html": "<p>x</p>",
        "text/plain": '{\n  outerHTML: "<p>x</p>",\n}',
      },
    ],
    [
      "an element whose text cannot be had",
      { outerHTML: "<p>x</p>", [INSPECT]: failing },
      { "text/html": "<p>x</p>", "text/plain": "<p>x</p>" },
    ],
    [
      "an SVG element",
      { outerHTML: "<svg></svg>" },
      {
        "image/svg+xml": "<svg></svg>",
        "text/plain": '{\n  outerHTML: "<svg></svg>",\n}',
      },
    ],
    ["its own text", { [INSPECT]: () => "mine" }, text("mine")],
    [
      "a getter that throws",
      {
        get a() {
          return failing();
        },
      },
      text("{\n  a: [Getter],\n}"),
    ],
    [
      "a guess whose getter throws",
      {
        get outerHTML() {
          return failing();
        },
      },
      text("{\n  outerHTML: [Getter],\n}"),
    ],
    [
      "a contract whose getter throws",
      {
        get [DISPLAY]() {
          return failing();
        },
      },
      text("{\n  [Symbol(Jupyter.display)]: [Getter],\n}"),
    ],
    [
      "a proxy that answers to every name",
      new Proxy({ a: 1 }, { get: () => failing }),
      text("{\n  a: 1,\n}"),
    ],
    [
      "a proxy that throws",
      new Proxy({ a: 1 }, { get: failing, has: failing, ownKeys: failing, getPrototypeOf: failing }),
      text("{\n  a: 1,\n}"),
    ],
  ])("%s", async (_, value, bundle) => {
    expect((await show(value, false)).data).toEqual(bundle);
  });
});
