/**
 * A value → the MIME bundle that a notebook shows, and the `display` family that cells call.
 *
 * Law: whatever the value is, however hostile its getters, the outcome is a bundle or an error of the cell.
 */
import type { DisplayEvent, ClearEvent, MimeBundle } from "./wire.ts";

/** The contract that libraries for Deno's kernel already keep: a method that returns a MIME bundle. */
const DISPLAY = Symbol.for("Jupyter.display");

/** Longest text/plain that is worth sending, in UTF-16 units. */
const MAX_TEXT = 1 << 20;

const { inspect } = Bun;

export type DisplayOptions = {
  /** The value already is a MIME bundle. */
  readonly raw?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Names the output, so that a later call with `update` can replace it. */
  readonly display_id?: string;
  readonly update?: boolean;
};

/** @throws whatever the value's own `Symbol.for("Jupyter.display")` throws, and TypeError when it returns no bundle. */
export async function toBundle(value: unknown, color: boolean): Promise<MimeBundle> {
  const describe = typeof value === "object" && value !== null ? Reflect.get(value, DISPLAY) : undefined;
  if (typeof describe === "function") {
    const bundle: unknown = await Reflect.apply(describe, value, []);
    assertBundle(bundle);
    return bundle;
  }
  return { "text/plain": inspectValue(value, color) };
}

export function inspectValue(value: unknown, color: boolean): string {
  const text = inspect(value, { colors: color });
  return text.length <= MAX_TEXT
    ? text
    : `${text.slice(0, MAX_TEXT)}\n… ${text.length - MAX_TEXT} more characters`;
}

function assertBundle(bundle: unknown): asserts bundle is MimeBundle {
  const keys = typeof bundle === "object" && bundle !== null ? Object.keys(bundle) : [];
  if (keys.length > 0 && keys.every((key) => key.includes("/"))) return;
  throw new TypeError('a display value needs MIME types as keys, for example {"text/html": "<b>hi</b>"}');
}

const shown = (bundle: MimeBundle) => ({ [DISPLAY]: () => bundle });

/** Joins a template's parts as they stand; nothing is escaped, since the sandbox's output is its own. */
const template =
  (mime: string) =>
  (strings: TemplateStringsArray, ...values: readonly unknown[]) =>
    shown({ [mime]: String.raw({ raw: strings }, ...values) });

/** The globals that a cell finds. `emit` must not be reachable from the values it is given. */
export function displayGlobals(emit: (event: DisplayEvent | ClearEvent) => void, color: () => boolean) {
  return {
    /** Shows a value below the cell, now; await it to be sure that an asynchronous bundle is out. */
    async display(value: unknown, options: DisplayOptions = {}): Promise<void> {
      if (options.raw) assertBundle(value);
      emit({
        type: "display",
        data: options.raw ? (value as MimeBundle) : await toBundle(value, color()),
        metadata: options.metadata ?? {},
        display_id: options.display_id ?? null,
        update: options.update ?? false,
      });
    },
    /** Removes the cell's outputs; with `wait`, only when the next one arrives. */
    clearOutput({ wait = false }: { readonly wait?: boolean } = {}): void {
      emit({ type: "clear", wait });
    },
    html: template("text/html"),
    md: template("text/markdown"),
    svg: template("image/svg+xml"),
  };
}
