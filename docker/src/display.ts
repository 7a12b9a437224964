/**
 * A value → the MIME bundle that a notebook shows, and the `display` family that cells call.
 *
 * Law: whatever the value is, however hostile its getters, the outcome is a bundle or an error of the cell.
 */
import { guess } from "./display/guess.ts";
import { image } from "./display/image.ts";
import { DISPLAY, readBundle, readMetadata, Rich, type Shown, shownAs, withText } from "./display/mime.ts";
import {
  apply,
  assign,
  freeze,
  get,
  has,
  isArray,
  isPromise,
  randomUUID,
  weakAdd,
  weakHas,
} from "./primordials.ts";
import { tableOf } from "./display/table.ts";
import { inspectValue, type Trace } from "./display/text.ts";
import type { ClearEvent, DisplayEvent, MimeBundle } from "./wire.ts";

export { inspectValue } from "./display/text.ts";

type DisplayOptions = Jupyter.DisplayOptions;
type DisplayHandle = Jupyter.DisplayHandle;
type TableRows = Jupyter.TableRows;
type TableOptions = Jupyter.TableOptions;

/**
 * The bundle, and its metadata. `trace` tells of errors that are values, such as the reason of a settled promise.
 * @throws whatever the value's own `Symbol.for("Jupyter.display")` throws, and TypeError when it returns no bundle.
 */
export async function show(value: unknown, color: boolean, trace?: Trace): Promise<Shown> {
  return shownOf(value, color, trace);
}

/** At once where the value allows it, so that what is shown and what is printed stay in order. */
function shownOf(value: unknown, color: boolean, trace?: Trace): Shown | Promise<Shown> {
  const text = () => inspectValue(value, color, trace);
  const plain = () => shownAs({ "text/plain": text() });
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return plain();
  const ours = Rich.shown(value);
  if (ours !== null) return ours;
  const describe = attempt(() => (has(value, DISPLAY) ? (get(value, DISPLAY) as unknown) : null));
  if (typeof describe === "function") {
    const bundle: unknown = apply(describe, value, []);
    return isThenable(bundle) ? later(bundle) : shownAs(withText(readBundle(bundle)));
  }
  if (typeof value === "function") return plain();
  const found = attempt(() => guess(value));
  if (found === null) return plain();
  return isPromise(found)
    ? orElse(found, plain)
    : shownAs(
        withText(found.data, () => attempt(text)),
        found.metadata,
      );
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" &&
  value !== null &&
  attempt(() => typeof get(value, "then") === "function") === true;

const later = async (bundle: PromiseLike<unknown>): Promise<Shown> =>
  shownAs(withText(readBundle(await bundle)));

async function orElse(found: Promise<Shown | null>, plain: () => Shown): Promise<Shown> {
  try {
    return (await found) ?? plain();
  } catch {
    return plain();
  }
}

function attempt<Value>(look: () => Value): Value | null {
  try {
    return look();
  } catch {
    return null;
  }
}

/** What `display` has returned: its work is done or under way, and it is nothing to show once more. */
const returned = new WeakSet<object>();
const remember = <Value extends object>(value: Value): Value => {
  weakAdd(returned, value);
  return value;
};

/** As the value of a cell such a value is awaited, so that the output belongs to the cell, and not shown. */
export const isFromDisplay = (value: unknown): value is object =>
  typeof value === "object" && value !== null && weakHas(returned, value);

/** A template tag, which is a plain function too. Nothing is escaped, since the sandbox's output is its own. */
const tag =
  (type: string, raw = false) =>
  (text: TemplateStringsArray | string, ...values: readonly unknown[]): Rich => {
    let source = "";
    if (typeof text !== "object" || !isArray(text.raw)) source = piece(text, type);
    else
      for (let index = 0; index < text.length; index++) {
        source += `${raw ? text.raw[index] : text[index]}`;
        if (index < values.length) source += piece(values[index], type);
      }
    const shown = shownAs(withText({ [type]: source }));
    return new Rich(() => shown);
  };

/** What a value adds to a template: the source of what another one made, the elements of a list one after the other. */
function piece(value: unknown, type: string): string {
  if (value === undefined) return "";
  if (isArray(value)) {
    let text = "";
    for (let index = 0; index < value.length; index++) text += piece(value[index], type);
    return text;
  }
  const shown = typeof value === "object" && value !== null ? Rich.shown(value) : null;
  const source = shown !== null && !isPromise(shown) ? shown.data[type] : undefined;
  return typeof source === "string" ? source : `${value as string}`;
}

const table = (rows: TableRows, options?: TableOptions): Rich => {
  const shown = tableOf(rows, options);
  return new Rich(() => shown);
};

/** The globals that a cell finds. `emit` must not be reachable from the values it is given. */
export function displayGlobals(
  emit: (event: DisplayEvent | ClearEvent) => void,
  color: () => boolean,
  trace?: Trace,
) {
  /** Shows a value below the cell, now; await it to be sure that an asynchronous bundle is out. */
  const display = (value: unknown, options?: DisplayOptions): Promise<DisplayHandle> =>
    remember(send(value, options ?? {}));

  async function send(value: unknown, options: DisplayOptions): Promise<DisplayHandle> {
    const { raw, metadata, display_id, update } = options;
    const extra = metadata === undefined ? {} : readMetadata(metadata);
    const found = raw === true ? shownAs(readBundle(value)) : shownOf(value, color(), trace);
    const shown = isPromise(found) ? await found : found;
    const id = typeof display_id === "string" ? display_id : randomUUID();
    emit({
      type: "display",
      data: shown.data,
      metadata: { ...shown.metadata, ...extra },
      display_id: id,
      update: update === true && typeof display_id === "string",
    });
    return handleOf(id);
  }

  const handleOf = (display_id: string): DisplayHandle =>
    remember(
      freeze({
        display_id,
        update: (value: unknown, options?: Pick<DisplayOptions, "raw" | "metadata">) =>
          display(value, { ...options, display_id, update: true }),
      }),
    );

  const api = {
    display: freeze(
      assign(display, { table: (rows: TableRows, options?: TableOptions) => display(table(rows, options)) }),
    ),
    /** Removes the cell's outputs; with `wait`, only when the next one arrives. */
    clearOutput: (options?: { readonly wait?: boolean }): void =>
      emit({ type: "clear", wait: options?.wait === true }),
    html: tag("text/html"),
    md: tag("text/markdown"),
    svg: tag("image/svg+xml"),
    latex: tag("text/latex", true),
    image,
  };
  return { ...api, Jupyter: freeze({ ...api, table, $display: DISPLAY }) };
}

const format = async (value: unknown): Promise<MimeBundle> => (await show(value, false)).data;

/** What libraries written for Deno's kernel look for, to be installed as `globalThis.Deno` where that is wanted. */
export function denoAlias({ Jupyter }: ReturnType<typeof displayGlobals>) {
  const { display, html, md, svg, image: picture, $display } = Jupyter;
  return { jupyter: freeze({ display, html, md, svg, image: picture, $display, format }) };
}
