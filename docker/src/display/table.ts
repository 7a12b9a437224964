/** Rows → a table: HTML to look at, a data resource for tools, and text. */
import { bigintless, type Shown, shownAs } from "./mime.ts";
import {
  create,
  escapeHTML,
  firstEntries,
  floor,
  get,
  getOwnPropertyDescriptor,
  inspectTable,
  isArray,
  isDate,
  isFinite,
  isMap,
  isSafeInteger,
  isoDate,
  keys,
  mapSize,
  min,
  replaceAll,
} from "../primordials.ts";
import { clip, inspectLine, more } from "./text.ts";

const MAX_ROWS = 1000;
const MAX_COLUMNS = 100;
/** Characters of one cell, and of one cell of the table as text. */
const MAX_CELL = 1000;
const MAX_TEXT_CELL = 60;
const MAX_TEXT_ROWS = 100;
/** About as many characters in all; rows beyond them are only counted. An output may have 4 Mi. */
const MAX_SIZE = 1_500_000;
/** What a cell takes beside its text. */
const CELL = 30;

type Row = { readonly key: unknown; readonly value: unknown };
type Kind = "integer" | "number" | "boolean" | "string" | "datetime" | "any";
/** A cell as it is read, and as JSON; no kind where there is nothing in it. */
type Cell = { readonly text: string; readonly data: unknown; readonly kind: Kind | null };
type Table = {
  readonly names: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly hiddenColumns: number;
  readonly hiddenRows: number;
};

/**
 * `total` counts the rows where `rows` has only the first of them.
 * @throws {TypeError} for what has no rows, and whatever the rows' own getters throw.
 */
export function tableOf(rows: unknown, options: Jupyter.TableOptions = {}, total?: number): Shown {
  if (!isArray(rows) && !isMap(rows))
    throw new TypeError(
      `a table needs an array of rows or a Map, not ${inspectLine(rows, 100)}; for example display.table([{ a: 1 }])`,
    );
  const taken = takeRows(rows, readLimit(options.limit));
  const all = total ?? (isMap(rows) ? mapSize(rows) : rows.length);
  const table = readTable(taken, options.columns ?? namesOf(taken, isMap(rows)), all);
  return shownAs({
    "text/html": html(table),
    "application/vnd.dataresource+json": dataResource(table),
    "text/plain": text(table),
  });
}

function readLimit(limit: number | undefined): number {
  if (limit === undefined) return MAX_ROWS;
  if (typeof limit === "number" && limit >= 0) return floor(limit);
  throw new TypeError(`a table's limit is a number of rows, not ${inspectLine(limit, 100)}`);
}

function takeRows(rows: readonly unknown[] | Map<unknown, unknown>, limit: number): Row[] {
  const taken: Row[] = [];
  if (isMap(rows)) {
    const entries = firstEntries(rows, limit);
    for (let index = 0; index < entries.length; index++)
      taken[index] = { key: entries[index]?.[0], value: entries[index]?.[1] };
  } else {
    const count = min(rows.length, limit);
    for (let index = 0; index < count; index++) taken[index] = { key: index, value: rows[index] };
  }
  return taken;
}

/** The columns of all rows, in the order in which they come up. What has none of its own makes one named "value". */
function namesOf(rows: readonly Row[], withKey: boolean): string[] {
  const names: string[] = withKey ? ["key"] : [];
  const known = create(null) as Record<string, boolean>;
  for (let at = 0; at < rows.length; at++) {
    const value = rows[at]?.value;
    const own = isRecord(value) ? keys(value) : ["value"];
    for (let index = 0; index < own.length; index++) {
      const name = own[index] ?? "";
      if (known[name] === true) continue;
      known[name] = true;
      names[names.length] = name;
    }
  }
  return names;
}

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !isDate(value);

function readTable(taken: readonly Row[], columns: readonly string[], all: number): Table {
  const names: string[] = [];
  for (let index = 0; index < columns.length && index < MAX_COLUMNS; index++)
    names[index] = `${columns[index]}`;
  const rows: Cell[][] = [];
  let size = 0;
  while (rows.length < taken.length && size < MAX_SIZE) {
    const cells: Cell[] = [];
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? "";
      const cell = cellOf(valueAt(taken[rows.length], name));
      cells[index] = cell;
      size += CELL + name.length + 2 * cell.text.length;
    }
    rows[rows.length] = cells;
  }
  return { names, rows, hiddenColumns: columns.length - names.length, hiddenRows: all - rows.length };
}

function valueAt(row: Row | undefined, name: string): unknown {
  if (row === undefined) return undefined;
  if (isRecord(row.value)) {
    const isOwn = getOwnPropertyDescriptor(row.value, name) !== undefined;
    return name === "key" && !isOwn && typeof row.key !== "number" ? row.key : get(row.value, name);
  }
  return name === "value" ? row.value : name === "key" ? row.key : undefined;
}

function cellOf(value: unknown): Cell {
  if (value === undefined || value === null) return { text: "", data: null, kind: null };
  if (typeof value === "string") {
    const short = clip(value, MAX_CELL);
    return { text: short, data: short, kind: "string" };
  }
  if (typeof value === "boolean") return { text: `${value}`, data: value, kind: "boolean" };
  if (typeof value === "number") {
    const data = isFinite(value) ? value : null;
    return { text: `${value}`, data, kind: isSafeInteger(value) ? "integer" : "number" };
  }
  if (typeof value === "bigint") {
    const digits = clip(`${value}`, MAX_CELL);
    const data = bigintless(value);
    return { text: digits, data: typeof data === "string" ? digits : data, kind: "integer" };
  }
  const date = isDate(value) ? isoDate(value) : null;
  if (date !== null) return { text: date, data: date, kind: "datetime" };
  const inside = inspectLine(value, MAX_CELL);
  return { text: inside, data: inside, kind: "any" };
}

function html({ names, rows, hiddenColumns, hiddenRows }: Table): string {
  let head = "<th></th>";
  for (let index = 0; index < names.length; index++) head += `<th>${escapeHTML(names[index] ?? "")}</th>`;
  if (hiddenColumns > 0) head += `<th>${more(hiddenColumns, "columns")}</th>`;
  let body = "";
  for (let at = 0; at < rows.length; at++) {
    const cells = rows[at] ?? [];
    body += `<tr><th>${at}</th>`;
    for (let index = 0; index < cells.length; index++)
      body += `<td>${escapeHTML(cells[index]?.text ?? "")}</td>`;
    body += "</tr>\n";
  }
  if (hiddenRows > 0) body += `<tr><td colspan="${names.length + 1}">${more(hiddenRows, "rows")}</td></tr>\n`;
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}</tbody>\n</table>`;
}

/** https://specs.frictionlessdata.io/tabular-data-resource/ */
function dataResource({ names, rows }: Table): object {
  const fields: object[] = [];
  for (let index = 0; index < names.length; index++)
    fields[index] = { name: names[index], type: kindOf(rows, index) };
  const data: object[] = [];
  for (let at = 0; at < rows.length; at++) {
    const record = (data[at] = create(null) as Record<string, unknown>);
    for (let index = 0; index < names.length; index++) record[names[index] ?? ""] = rows[at]?.[index]?.data;
  }
  return { schema: { fields }, data };
}

function kindOf(rows: readonly (readonly Cell[])[], column: number): Kind {
  let kind: Kind | null = null;
  for (let at = 0; at < rows.length; at++) {
    const next = rows[at]?.[column]?.kind ?? null;
    if (next === null || next === kind) continue;
    if (kind === null) kind = next;
    else if ((kind === "integer" || kind === "number") && (next === "integer" || next === "number"))
      kind = "number";
    else return "any";
  }
  return kind ?? "any";
}

function text({ names, rows, hiddenColumns, hiddenRows }: Table): string {
  const lines: object[] = [];
  for (let at = 0; at < rows.length && at < MAX_TEXT_ROWS; at++) {
    const line = (lines[at] = create(null) as Record<string, unknown>);
    for (let index = 0; index < names.length; index++) {
      const cell = rows[at]?.[index];
      const isNumber = typeof cell?.data === "number";
      line[names[index] ?? ""] = isNumber
        ? cell.data
        : clip(replaceAll(cell?.text ?? "", "\n", " "), MAX_TEXT_CELL);
    }
  }
  let drawn = inspectTable(lines, names as string[], { colors: false });
  const rest = rows.length - lines.length + hiddenRows;
  if (rest > 0) drawn += `${more(rest, "rows")}\n`;
  if (hiddenColumns > 0) drawn += `${more(hiddenColumns, "columns")}\n`;
  return drawn;
}
