import { beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { denoAlias, displayGlobals, isFromDisplay, show } from "../display.ts";
import { readReport } from "../supervisor/report.ts";
import type { ClearEvent, DisplayEvent } from "../wire.ts";

const DISPLAY = Symbol.for("Jupyter.display");
const events: (DisplayEvent | ClearEvent)[] = [];
const globals = displayGlobals(
  (event) => {
    readReport(JSON.stringify({ type: "output", id: 1, event }));
    events.push(event);
  },
  () => false,
);
/** What `globals.d.ts` promises is what a cell gets. */
const jupyter: typeof Jupyter = globals.Jupyter;
const { clearOutput, display, image } = globals;
const last = () => events.at(-1) as DisplayEvent;
beforeEach(() => void events.splice(0));

describe("display", () => {
  test("shows at once what can be shown at once, and the rest when it is there", async () => {
    const slow = display({ [DISPLAY]: async () => ({ "text/plain": "slow" }) });
    void display("quick");
    expect(events.map((event) => "data" in event && event.data["text/plain"])).toEqual(['"quick"']);
    await slow;
    expect(last().data).toEqual({ "text/plain": "slow" });
  });

  test("gives a handle that replaces what it has shown", async () => {
    const handle = await display(1);
    const id = last().display_id;
    expect(handle.display_id).toBe(id ?? "");
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await handle.update({ "text/html": "2" }, { raw: true })).toMatchObject({ display_id: id });
    expect(last()).toEqual({
      type: "display",
      data: { "text/html": "2" },
      metadata: {},
      display_id: id,
      update: true,
    });
  });

  test.each([
    [
      { display_id: "bar", update: true },
      { display_id: "bar", update: true },
    ],
    [{ display_id: "bar" }, { display_id: "bar", update: false }],
    [{ update: true }, { update: false }],
    [{ display_id: 5 as never, update: true }, { update: false }],
    [{ metadata: { "text/plain": { a: 1n } } }, { metadata: { "text/plain": { a: 1 } } }],
  ])("takes its options: %#", async (options, event) => {
    await display(1, options);
    expect(last()).toMatchObject(event);
  });

  test("is known by what it returns, which is nothing to show once more", async () => {
    const shown = display(1);
    expect([shown, await shown, Promise.resolve(1), 1, null].map(isFromDisplay)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  test.each<[name: string, bundle: unknown, message: string]>([
    ["null", null, "needs MIME types as keys"],
    ["a text", "text/html", "needs MIME types as keys"],
    ["a list", ["text/html"], "needs MIME types as keys"],
    ["no type", {}, "needs MIME types as keys"],
    ["nothing of a type", { "text/html": undefined }, "needs MIME types as keys"],
    ["a wrong name", { "text/html": "", html: "" }, "needs MIME types as keys"],
    ["a name with parameters", { "text/html; charset=utf-8": "" }, "needs MIME types as keys"],
    ["a prototype", JSON.parse('{"__proto__": ""}'), "needs MIME types as keys"],
    ["a long name", { [`text/${"x".repeat(130)}`]: "" }, "needs MIME types as keys"],
    ["a number for HTML", { "text/html": 5 }, '"text/html" needs text, not number'],
    ["a number for an image", { "image/png": 5 }, '"image/png" needs base64 or bytes, not number'],
    ["a function for JSON", { "application/json": () => 1 }, "needs what JSON can hold, not function"],
    ["toJSON of nothing", { "application/json": { toJSON: () => undefined } }, "needs what JSON can hold"],
    [
      "many types",
      Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`a/${n}`, ""])),
      "it may have 64",
    ],
    [
      "many brackets",
      { "text/html": "[".repeat(200_000) },
      "brackets and an output may have 190,000; show less of it",
    ],
    ["a deep tree", { "application/json": nested(300) }, "nested deeper than 200 levels"],
  ])("refuses %s", async (_, bundle, message) => {
    expect(display(bundle, { raw: true })).rejects.toThrow(message);
    expect(show({ [DISPLAY]: () => bundle }, false)).rejects.toThrow(message);
    expect(events).toEqual([]);
  });

  test("never gives what the supervisor would refuse, which is the worker's end", async () => {
    const many = "[".repeat(2e5);
    const chart = {
      $schema: "https://vega.github.io/schema/vega/v5.json",
      data: Array.from({ length: 2e5 }, () => ({})),
    };
    expect(() => globals.html(many)).toThrow("brackets and an output may have");
    for (const value of [
      many,
      chart,
      { outerHTML: many },
      { toDataURL: () => `data:image/png;base64,${many}` },
    ])
      await display(value);
    expect(events.map((event) => "data" in event && Object.keys(event.data))).toEqual(
      Array.from({ length: 4 }, () => ["text/plain"]),
    );
  });

  test.each<[name: string, metadata: unknown, message: string]>([
    ["a list", [1], "metadata is an object"],
    ["a disguise", { toJSON: () => 5 }, "metadata is an object"],
    ["what is too long", { a: "x".repeat(1 << 17) }, "metadata is longer than"],
  ])("refuses metadata of %s", async (_, metadata, message) => {
    expect(display(1, { metadata: metadata as Record<string, unknown> })).rejects.toThrow(message);
  });

  test("lets errors of the value's own contract through", async () => {
    const error = new RangeError("mine");
    const thrower = () => {
      throw error;
    };
    for (const value of [{ [DISPLAY]: thrower }, { [DISPLAY]: async () => thrower() }])
      expect(display(value)).rejects.toBe(error);
  });
});

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)];
}

test("clearOutput clears, later where it is told to wait", () => {
  clearOutput();
  clearOutput({ wait: true });
  expect(events).toEqual([
    { type: "clear", wait: false },
    { type: "clear", wait: true },
  ]);
});

describe("image", () => {
  const folder = mkdtempSync(join(tmpdir(), "image-"));
  const path = join(folder, "dot.png");
  const png = Buffer.from("iVBORw0KGgo=", "base64");
  writeFileSync(path, png);
  writeFileSync(join(folder, "notes.txt"), "notes");
  const plain = "[image/png, 8 bytes]";

  test.each<[name: string, source: Parameters<typeof image>[0]]>([
    ["a path", path],
    ["a file's URL", Bun.pathToFileURL(path)],
    ["bytes", new Uint8Array(png)],
    ["an ArrayBuffer", new Uint8Array(png).buffer],
    ["a Blob", new Blob([png])],
    ["a file", Bun.file(path)],
    ["a data URL", "data:image/png;base64,iVBORw0KGgo="],
  ])("of %s", async (_, source) => {
    expect(await show(image(source), false)).toEqual({
      data: { "image/png": "iVBORw0KGgo=", "text/plain": plain },
      metadata: {},
    });
    const sized = await show(image(source, { width: 3, alt: "a dot" }), false);
    expect(sized).toEqual({
      data: { "image/png": "iVBORw0KGgo=", "text/plain": "a dot" },
      metadata: { "image/png": { width: 3, alt: "a dot" } },
    });
  });

  test.each<[name: string, source: unknown, message: string]>([
    [
      "a missing file",
      "no.png",
      'image(): "no.png" cannot be read: there is no such file; a path starts at /',
    ],
    ["a folder", folder, "is a folder or a device, not a file"],
    ["a device", "/dev/zero", "is a folder or a device, not a file"],
    ["a text", join(folder, "notes.txt"), "is no PNG, JPEG, GIF, WebP or SVG, so save it as one"],
    ["an address", "https://a.b/c.png", "is an address, not a path; fetch it first"],
    ["other bytes", new Uint8Array([1]), "it starts with Uint8Array(1) [ 1 ]"],
    ["too many bytes", new Uint8Array(4e6), "has 4,000,000 bytes and an output may have 3,080,192"],
    ["a number", 5, "takes a path or the bytes of an image, not 5"],
    ["null", null, "takes a path or the bytes of an image, not null"],
  ])("of %s is refused", (_, source, message) => {
    expect(() => image(source as string)).toThrow(message);
  });

  test("of a Blob that is none is refused when it is shown", () => {
    expect(display(image(new Blob(["x"])))).rejects.toThrow("the Blob is no PNG");
    expect(() => image(path, { width: -1 })).toThrow("width is -1; it is a number of pixels");
  });
});

describe("Jupyter", () => {
  test("carries the whole family, frozen", () => {
    expect(Object.keys(jupyter).toSorted()).toEqual(
      ["$display", "clearOutput", "display", "html", "image", "latex", "md", "svg", "table"].toSorted(),
    );
    expect(Object.isFrozen(jupyter)).toBe(true);
    expect(jupyter.$display).toBe(DISPLAY);
  });

  test("has the shape of Deno.jupyter where that is asked for", async () => {
    const deno = denoAlias(globals).jupyter;
    expect(Object.keys(deno).toSorted()).toEqual(
      ["$display", "display", "format", "html", "image", "md", "svg"].toSorted(),
    );
    expect(await deno.format(deno.md`x`)).toEqual({ "text/markdown": "x", "text/plain": "x" });
  });
});

test("a cell that breaks the language breaks itself only", () => {
  const code = `
    import { displayGlobals, show } from ${JSON.stringify(join(import.meta.dir, "../display.ts"))};
    const { stringify } = JSON;
    const events = [];
    const { display, html, image } = displayGlobals((event) => events[events.length] = event, () => true);
    const values = [
      1, "x", { a: 1 }, [1], new Map([[1, 2]]), new Set([1]), new URL("http://a.b"), new Error("x"), [new Error("y")],
      new Uint8Array([0xff, 0xd8, 0xff]), new Blob(["<svg/>"], { type: "image/svg+xml" }), "y".repeat(1e6),
      { [Symbol.for("Jupyter.display")]: async () => ({ "application/json": { a: 1 } }) },
      { $schema: "https://vega.github.io/schema/vega/v5.json" }, { outerHTML: "<b>" },
    ];
    const print = console.log;
    JSON.stringify = () => "gone"; JSON.parse = null; globalThis.Promise = null;
    for (const name of ["slice", "split", "replace", "replaceAll"]) String.prototype[name] = null;
    for (const name of ["map", "push", "join", "slice"]) Array.prototype[name] = null;
    Array.prototype[Symbol.iterator] = null;
    Map.prototype.set = Set.prototype.add = Function.prototype.call = Function.prototype.apply = null;
    RegExp.prototype.exec = RegExp.prototype[Symbol.replace] = Uint8Array.prototype.toBase64 = null;
    globalThis.Object = globalThis.Reflect = globalThis.Map = globalThis.Buffer = null;
    for (let index = 0; index < values.length; index++) await show(values[index], true);
    const handle = await display(html\`<b>\${[1, 2]}</b>\`);
    await handle.update(image("<svg/>", { width: 3 }));
    await display.table([{ a: 1, b: "x" }], { columns: ["b"] });
    print(stringify(events.length));
  `;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "--eval", code]);
  expect(stderr.toString()).toBe("");
  expect(stdout.toString()).toBe("3\n");
});
