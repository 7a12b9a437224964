/** What a cell finds beside Bun's own globals. Ambient, and of no use but to be read: by editors, and by completion. */

declare namespace Jupyter {
  /** A value that shows itself as something richer than text: its method `$display` returns a MIME bundle. */
  type Displayable = object;

  interface DisplayOptions {
    /** The value is a MIME bundle: text for text types, base64 or bytes for binary ones, any JSON for `…+json`. */
    readonly raw?: boolean;
    /** By MIME type, what a front end needs beside the data. */
    readonly metadata?: Readonly<Record<string, unknown>>;
    /** Names the output, so that a later call with `update` can replace it. */
    readonly display_id?: string;
    /** Replaces the outputs with this `display_id`. */
    readonly update?: boolean;
  }

  /** An output that is shown, and may be replaced. */
  interface DisplayHandle {
    readonly display_id: string;
    /** Shows another value in its place. */
    readonly update: (
      value: unknown,
      options?: Pick<DisplayOptions, "raw" | "metadata">,
    ) => Promise<DisplayHandle>;
  }

  interface Display {
    /**
     * Shows a value below the cell, now.
     * @example
     * const bar = await display("0 %");
     * await bar.update("100 %");
     */
    (value: unknown, options?: DisplayOptions): Promise<DisplayHandle>;
    /**
     * Shows rows as a table.
     * @example display.table([{ name: "bao", price: 3 }], { columns: ["price", "name"], limit: 100 })
     */
    readonly table: (rows: TableRows, options?: TableOptions) => Promise<DisplayHandle>;
  }

  type TableRows = readonly unknown[] | ReadonlyMap<unknown, unknown>;

  interface TableOptions {
    /** Which columns, in which order. */
    readonly columns?: readonly string[];
    /** Most rows to show: 1000 unless told. */
    readonly limit?: number;
  }

  interface ImageOptions {
    /** Shown size in CSS pixels. */
    readonly width?: number;
    readonly height?: number;
    /** What is said where the image cannot be seen. */
    readonly alt?: string;
  }

  /** A template tag that is a plain function too. Nothing is escaped. */
  type Tag = (text: TemplateStringsArray | string, ...values: readonly unknown[]) => Displayable;
  type ImageSource = string | URL | Uint8Array | ArrayBufferLike | Blob;

  interface Api {
    readonly display: Display;
    readonly clearOutput: typeof clearOutput;
    readonly html: Tag;
    readonly md: Tag;
    readonly svg: Tag;
    readonly latex: Tag;
    readonly image: typeof image;
    /** As `display.table`, but the table is a value, to be shown as a cell's last expression or by `display`. */
    readonly table: (rows: TableRows, options?: TableOptions) => Displayable;
    /** `Symbol.for("Jupyter.display")`: a method of this name returns the MIME bundle of its object, now or later. */
    readonly $display: symbol;
  }
}

/** All that a cell can show with, also where a variable has taken one of the names. */
declare const Jupyter: Jupyter.Api;
declare const display: Jupyter.Display;

/** Removes the cell's outputs; with `wait`, only when the next one arrives. */
declare function clearOutput(options?: { readonly wait?: boolean }): void;

/** HTML: html`<b>${name}</b>`, or html("<b>…</b>"). Nothing is escaped; see `Bun.escapeHTML`. */
declare const html: Jupyter.Tag;
/** Markdown: md`# ${title}` */
declare const md: Jupyter.Tag;
/** SVG: svg`<svg …>…</svg>` */
declare const svg: Jupyter.Tag;
/** LaTeX between `$` or `$$`; backslashes stand for themselves: latex`$\frac{1}{2}$` */
declare const latex: Jupyter.Tag;

/**
 * An image: a path, or the bytes of a PNG, JPEG, GIF, WebP or SVG.
 * @example image("plot.png", { width: 320, alt: "growth by week" })
 */
declare function image(source: Jupyter.ImageSource, options?: Jupyter.ImageOptions): Jupyter.Displayable;

/** Asks for a line of text, and waits; null where there is no answer. */
declare function prompt(message?: string, fallback?: string): string | null;
/** Asks a question, and waits; true for "y" and "yes". */
declare function confirm(message?: string): boolean;
/** Shows a message, and waits until it is confirmed. */
declare function alert(message?: string): void;
/** Asks for a line of text while timers and servers go on; with `password`, what is typed is not shown. */
declare function input(text?: string, options?: { readonly password?: boolean }): Promise<string>;

/** The value of the last cell that had one. */
declare const _: unknown;
/** The value of the cell before that; of any earlier one it is `_3`, where 3 is the number beside that cell. */
// oxlint-disable-next-line no-underscore-dangle
declare const __: unknown;
/** The values of earlier cells by their numbers: `Out[3]`, which is `_3` too. */
declare const Out: Readonly<Record<number, unknown>>;
/** The texts of earlier cells. */
declare const In: Readonly<Record<number, string>>;
