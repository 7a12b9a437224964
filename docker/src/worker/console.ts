/**
 * The `console` of the cells (https://console.spec.whatwg.org), over two functions that write text: Bun's own writes
 * past us, to a pipe that cannot tell which cell has written, nor what came first of stdout and stderr.
 */
import { format } from "node:util";

type Name = "stdout" | "stderr";
export type Write = (name: Name, text: string) => void;

const { inspect } = Bun;
const SPECIFIERS: Readonly<Record<string, true>> = {
  s: true,
  d: true,
  i: true,
  f: true,
  j: true,
  o: true,
  O: true,
  c: true,
};
const clock = performance.now.bind(performance);

/** What belongs to one cell: a group that it leaves open is not open in the next. */
export type Groups = { indent: string };

/** `show` turns a value that is no text into text, errors included. */
export function createConsole(
  write: Write,
  show: (value: unknown) => string,
  clear: () => void,
  groups: () => Groups,
) {
  const counts = new Map<string, number>();
  const timers = new Map<string, number>();

  const line = (name: Name, text: string): void => {
    const { indent } = groups();
    if (indent === "") write(name, `${text}\n`);
    else write(name, `${indent}${text.includes("\n") ? text.replaceAll("\n", `\n${indent}`) : text}\n`);
  };
  const join = (values: readonly unknown[]): string => {
    const first = values[0];
    if (typeof first !== "string") return words(values, 0);
    if (values.length === 1) return first;
    // The substitutions are Node's; what is left over after them is written as everywhere.
    const used = substitutions(first);
    if (used === 0) return words(values, 0);
    const text = format(first, ...values.slice(1, 1 + used));
    return values.length === 1 + used ? text : `${text} ${words(values, 1 + used)}`;
  };
  /** By index, since cells may have replaced the methods of arrays. */
  const words = (values: readonly unknown[], from: number): string => {
    let text = "";
    for (let index = from; index < values.length; index++) {
      const value = values[index];
      text += `${index === from ? "" : " "}${typeof value === "string" ? value : show(value)}`;
    }
    return text;
  };
  const to =
    (name: Name) =>
    (...values: readonly unknown[]): void =>
      line(name, join(values));
  const elapsed = (label: string): string | null => {
    const started = timers.get(label);
    if (started !== undefined) return `${label}: ${(clock() - started).toFixed(3)} ms`;
    line("stderr", `There is no timer "${label}"; start it with console.time("${label}").`);
    return null;
  };
  const group = (...labels: readonly unknown[]): void => {
    if (labels.length > 0) line("stdout", join(labels));
    groups().indent += "  ";
  };

  return {
    clear,
    log: to("stdout"),
    info: to("stdout"),
    debug: to("stdout"),
    warn: to("stderr"),
    error: to("stderr"),
    assert: (condition?: unknown, ...values: readonly unknown[]): void => {
      if (!condition)
        line("stderr", values.length === 0 ? "Assertion failed" : `Assertion failed: ${join(values)}`);
    },
    dir: (value: unknown, options: Bun.BunInspectOptions = {}): void =>
      line("stdout", inspect(value, options)),
    dirxml: to("stdout"),
    table: (rows?: unknown, columns?: string[]): void => {
      if (typeof rows !== "object" || rows === null) return line("stdout", words([rows], 0));
      line("stdout", (columns === undefined ? inspect.table(rows) : inspect.table(rows, columns)).trimEnd());
    },
    trace: (...values: readonly unknown[]): void => {
      const trace = new Error(join(values));
      trace.name = "Trace";
      line("stderr", show(trace));
    },
    count: (label = "default"): void => {
      const count = (counts.get(`${label}`) ?? 0) + 1;
      counts.set(`${label}`, count);
      line("stdout", `${label}: ${count}`);
    },
    countReset: (label = "default"): void => void counts.delete(`${label}`),
    time: (label = "default"): void => void timers.set(`${label}`, clock()),
    timeLog: (label = "default", ...values: readonly unknown[]): void => {
      const text = elapsed(`${label}`);
      if (text !== null) line("stdout", [text, ...(values.length === 0 ? [] : [join(values)])].join(" "));
    },
    timeEnd: (label = "default"): void => {
      const text = elapsed(`${label}`);
      if (text !== null) line("stdout", text);
      timers.delete(`${label}`);
    },
    group,
    groupCollapsed: group,
    groupEnd: (): void => {
      const open = groups();
      open.indent = open.indent.slice(2);
    },
    write: (...chunks: readonly string[]): number => {
      const text = chunks.join("");
      write("stdout", text);
      return Buffer.byteLength(text);
    },
  };
}

/** How many values the text asks for. */
function substitutions(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length - 1; index++)
    if (text[index] === "%" && SPECIFIERS[text[++index] ?? ""]) count++;
  return count;
}
