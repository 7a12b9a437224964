import { describe, expect, test } from "bun:test";
import { displayGlobals, show } from "../display.ts";
import type { DisplayEvent } from "../wire.ts";

const { display, Jupyter } = displayGlobals(
  (event) => void (shown = event as DisplayEvent),
  () => false,
);
let shown: DisplayEvent;

const head = (...names: string[]) =>
  `<thead><tr><th></th>${names.map((name) => `<th>${name}</th>`).join("")}</tr></thead>`;
const row = (index: number, ...cells: string[]) =>
  `<tr><th>${index}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
const table = (...lines: string[]) =>
  `<table>\n${lines[0]}\n<tbody>\n${lines
    .slice(1)
    .map((line) => `${line}\n`)
    .join("")}</tbody>\n</table>`;
const resource = (types: Record<string, string>, ...data: object[]) => ({
  schema: { fields: Object.entries(types).map(([name, type]) => ({ name, type })) },
  data,
});

const date = new Date(0);
const iso = "1970-01-01T00:00:00.000Z";
class Pastry {
  constructor(readonly name: string) {}
  get size(): number {
    return this.name.length;
  }
}

describe("a table", () => {
  test.each<[name: string, args: Parameters<typeof Jupyter.table>, html: string, data: object]>([
    [
      "of objects",
      [
        [
          { a: 1, b: "<x>" },
          { b: "&", c: true },
        ],
      ],
      table(head("a", "b", "c"), row(0, "1", "&lt;x&gt;", ""), row(1, "", "&amp;", "true")),
      resource(
        { a: "integer", b: "string", c: "boolean" },
        { a: 1, b: "<x>", c: null },
        { a: null, b: "&", c: true },
      ),
    ],
    [
      "of arrays",
      [[[1, 2.5], [3]]],
      table(head("0", "1"), row(0, "1", "2.5"), row(1, "3", "")),
      resource({ 0: "integer", 1: "number" }, { 0: 1, 1: 2.5 }, { 0: 3, 1: null }),
    ],
    [
      "of a map",
      [
        new Map<string, unknown>([
          ["bao", { price: 3 }],
          ["anpan", { price: 2.5 }],
        ]),
      ],
      table(head("key", "price"), row(0, "bao", "3"), row(1, "anpan", "2.5")),
      resource({ key: "string", price: "number" }, { key: "bao", price: 3 }, { key: "anpan", price: 2.5 }),
    ],
    [
      "of plain values",
      [[1, "x", null]],
      table(head("value"), row(0, "1"), row(1, "x"), row(2, "")),
      resource({ value: "any" }, { value: 1 }, { value: "x" }, { value: null }),
    ],
    [
      "of what JSON has no word for",
      [[{ big: 2n ** 64n, small: 1n, nan: NaN, date, list: [1], never: undefined }]],
      table(
        head("big", "small", "nan", "date", "list", "never"),
        row(0, "18446744073709551616", "1", "NaN", iso, "[ 1 ]", ""),
      ),
      resource(
        { big: "integer", small: "integer", nan: "number", date: "datetime", list: "any", never: "any" },
        { big: "18446744073709551616", small: 1, nan: null, date: iso, list: "[ 1 ]", never: null },
      ),
    ],
    [
      "of chosen columns, getters among them",
      [[new Pastry("bao")], { columns: ["size", "name"] }],
      table(head("size", "name"), row(0, "3", "bao")),
      resource({ size: "integer", name: "string" }, { size: 3, name: "bao" }),
    ],
    [
      "with a limit",
      [[[1], [2], [3]], { limit: 1 }],
      table(head("0"), row(0, "1"), '<tr><td colspan="2">… 2 more rows</td></tr>'),
      resource({ 0: "integer" }, { 0: 1 }),
    ],
    ["of nothing", [[]], table(head()), resource({})],
  ])("%s", async (_, [rows, options], html, data) => {
    expect((await show(Jupyter.table(rows, options), false)).data).toEqual({
      "text/html": html,
      "application/vnd.dataresource+json": data,
      "text/plain": expect.stringContaining("┌"),
    });
  });

  test("shows itself by display.table", async () => {
    await display.table([{ a: 1 }]);
    expect(shown.data["text/plain"]).toBe("┌───┬───┐\n│   │ a │\n├───┼───┤\n│ 0 │ 1 │\n└───┴───┘\n");
  });

  test("has a thousand rows of a million, and says so", async () => {
    const rows = Array.from({ length: 1e6 }, (_, id) => ({ id, text: "x".repeat(200) }));
    const start = performance.now();
    const { data } = await show(Jupyter.table(rows), false);
    expect(performance.now() - start).toBeLessThan(300);
    expect(data["text/html"]).toContain('<tr><td colspan="3">… 999,000 more rows</td></tr>');
    expect(data["text/plain"]).toEndWith("… 999,900 more rows\n");
  });

  test("fits into one output, however wide its rows are", async () => {
    const long = "x".repeat(1e5);
    const rows = Array.from({ length: 1000 }, () =>
      Object.fromEntries(Array.from({ length: 1000 }, (_, column) => [`c${column}`, long])),
    );
    const { data } = await show(Jupyter.table(rows, { limit: Infinity }), false);
    expect(JSON.stringify(data).length).toBeLessThan(4e6);
    expect(data["text/html"]).toContain("<th>… 900 more columns</th>");
    expect(data["text/html"]).toMatch(/… 9\d\d more rows/);
  });

  test.each<[value: unknown, options: object, message: string]>([
    [5, {}, "a table needs an array of rows or a Map, not 5"],
    [{ a: 1 }, {}, "not { a: 1 }; for example display.table([{ a: 1 }])"],
    [[], { limit: "1" }, 'limit is a number of rows, not "1"'],
  ])("is refused to %p", (value, options, message) => {
    expect(() => Jupyter.table(value as [], options)).toThrow(message);
  });
});

test("a data frame is shown as the table of its first rows", async () => {
  const frame = (rows: readonly object[]) => ({
    schema: { id: "Int64", name: "Utf8" },
    height: 3,
    head: (count: number) => frame(rows.slice(0, count)),
    toRecords: () => rows,
  });
  expect((await show(frame([{ id: 1, name: "<a>" }]), false)).data).toEqual({
    "text/html": table(
      head("id", "name"),
      row(0, "1", "&lt;a&gt;"),
      '<tr><td colspan="3">… 2 more rows</td></tr>',
    ),
    "application/vnd.dataresource+json": resource({ id: "integer", name: "string" }, { id: 1, name: "<a>" }),
    "text/plain": expect.stringContaining("… 2 more rows"),
  });
});
