/**
 * Pure: the TypeScript of one cell → a module that Bun can run, and the way back from a position in it.
 *
 * The module's default export is the cell's body. Top-level declarations become assignments to globals, so that they
 * persist, may be redeclared by a later cell, and old closures see the new value. Types stay: Bun's loader erases
 * them, and maps stack traces back through its own work, so only the edits made here have to be undone.
 */
import { parse, type ParserOptions } from "@babel/parser";
import type { Expression, File, ImportDeclaration, Node, Statement } from "@babel/types";
import { MagicString } from "magic-string";

/** 1-based line and column in the cell as the user wrote it. */
export type Position = { readonly line: number; readonly column: number };

export type Cell = {
  /** The module's source, for Bun's loader named in `loader`. */
  readonly module: string;
  readonly loader: "ts" | "tsx";
  /** Names that must exist on `globalThis` before the module runs. */
  readonly names: readonly string[];
  readonly original: (generated: Position) => Position | null;
};

/** The cell is not TypeScript. */
export class CellSyntaxError extends SyntaxError {
  override readonly name = "SyntaxError";
  constructor(
    message: string,
    readonly position: Position,
    /** True when more text could make the cell whole. */
    readonly incomplete: boolean,
  ) {
    super(message);
  }
}

/** @throws {CellSyntaxError} when the source does not parse, neither with JSX nor with `<T>value` casts. */
export function prepare(source: string): Cell {
  const literal = parseObjectLiteral(source);
  if (literal !== null) return wholeExpression(source, literal);
  const { file, loader } = parseCell(source);
  const edit = new CellEdit(source);
  const { body, directives } = file.program;
  for (const [index, statement] of body.entries()) edit.statement(statement, index === body.length - 1);
  const last = body.length === 0 ? directives.at(-1) : undefined;
  if (last?.start != null && last.end != null) edit.value(last.start, last.end);
  return edit.finish(loader);
}

/** Parses as TSX, and as plain TypeScript where that fails; of two errors the later one knows more. */
function parseCell(source: string): { file: File; loader: Cell["loader"] } {
  try {
    return { file: parseWith(source, ["typescript", "jsx"]), loader: "tsx" };
  } catch (first) {
    if (!(first instanceof CellSyntaxError)) throw first;
    try {
      return { file: parseWith(source, ["typescript"]), loader: "ts" };
    } catch (second) {
      throw second instanceof CellSyntaxError && isAfter(second.position, first.position) ? second : first;
    }
  }
}

function parseWith(source: string, plugins: NonNullable<ParserOptions["plugins"]>): File {
  try {
    return parse(source, { sourceType: "module", plugins });
  } catch (error) {
    const { loc, pos, message } = error as SyntaxError & {
      loc: { line: number; column: number };
      pos: number;
    };
    const position = { line: loc.line, column: loc.column + 1 };
    const text = message.replace(/ \(\d+:\d+\)$/, "");
    const unfinished = pos >= source.trimEnd().length || /^Unterminated (comment|template)/.test(text);
    throw new CellSyntaxError(text, position, unfinished);
  }
}

const isAfter = (a: Position, b: Position): boolean =>
  a.line > b.line || (a.line === b.line && a.column > b.column);

/** `{a: 1}` is a block with a label to the grammar, and an object to everybody who types it into a cell. */
function parseObjectLiteral(source: string): Cell["loader"] | null {
  if (!source.trimStart().startsWith("{") || source.trimEnd().endsWith(";")) return null;
  try {
    return parseCell(`(${source}\n)`).loader;
  } catch {
    return null;
  }
}

function wholeExpression(source: string, loader: Cell["loader"]): Cell {
  const edit = new CellEdit(source);
  edit.value(0, source.length);
  return edit.finish(loader);
}

class CellEdit {
  readonly #text: MagicString;
  readonly #names = new Set<string>();
  readonly #imports: string[] = [];
  /** What must happen before the first statement: imported and hoisted names. */
  readonly #first: string[] = [];
  readonly #hoisted: [start: number, end: number][] = [];
  readonly #namespaces: [start: number, end: number][] = [];

  constructor(readonly source: string) {
    this.#text = new MagicString(source);
  }

  statement(node: Statement, isLast: boolean): void {
    const [start, end] = span(node);
    switch (node.type) {
      case "ImportDeclaration":
        return this.#import(node);
      case "ExportNamedDeclaration":
      case "ExportDefaultDeclaration":
        if (node.declaration == null) return void this.#text.remove(start, end);
        this.#text.remove(start, span(node.declaration)[0]);
        if (isDeclaration(node.declaration)) return this.statement(node.declaration, isLast);
        return isLast ? this.value(span(node.declaration)[0], end) : undefined;
      case "ExportAllDeclaration":
      case "TSDeclareFunction":
        return void this.#text.remove(start, end);
      case "VariableDeclaration":
        return node.declare || node.kind.includes("using") ? undefined : this.#variables(node);
      case "FunctionDeclaration": {
        const body = this.source.indexOf("function", start) + "function".length;
        this.#declare(node.id?.name);
        this.#text.appendRight(start, `;${node.id?.name} = `);
        if (node.id != null) this.#text.remove(this.source.indexOf(node.id.name, body), span(node.id)[1]);
        this.#text.appendLeft(end, ";");
        return void this.#hoisted.push([start, end]);
      }
      case "ClassDeclaration":
        if (node.declare) return;
        this.#declare(node.id?.name);
        if (node.abstract) this.#text.remove(start, this.source.indexOf("class", start));
        this.#text.appendRight(start, `;${node.id?.name} = `).appendLeft(end, ";");
        return;
      case "TSEnumDeclaration":
        if (node.declare) return;
        this.#declare(node.id.name);
        this.#text.appendRight(start, `;${node.id.name} = (() => {`);
        return void this.#text.appendLeft(end, `; return ${node.id.name}; })();`);
      case "TSModuleDeclaration": {
        if (node.declare || node.id.type !== "Identifier") return;
        const inner = `__namespace_${node.id.name}`;
        this.#declare(node.id.name);
        this.#text.overwrite(...span(node.id), inner);
        this.#namespaces.push([start, end]);
        return void this.#first.push(`${node.id.name} = ${inner};`);
      }
      case "ExpressionStatement":
        if (isLast && !this.source.slice(start, end).endsWith(";")) this.value(start, end);
        return;
      default:
    }
  }

  /** Makes the text between two offsets the cell's value; in an array, so that a promise is not awaited. */
  value(start: number, end: number): void {
    this.#text.appendRight(start, ";return [(").appendLeft(end, "\n)];");
  }

  finish(loader: Cell["loader"]): Cell {
    const head = `${this.#imports.join("")}export default async () => {${this.#first.join("")}`;
    for (const [start, end] of this.#hoisted.toReversed()) if (start > 0) this.#text.move(start, end, 0);
    const namespaces = this.#namespaces.map(([start, end]) => this.#text.slice(start, end)).join(";");
    for (const [start, end] of this.#namespaces) this.#text.remove(start, end);
    this.#text.prepend(`${namespaces}${head}\n`).append("\n}");
    let mappings: ReturnType<MagicString["generateDecodedMap"]>["mappings"] | undefined;
    return {
      module: this.#text.toString(),
      loader,
      names: [...this.#names],
      original: ({ line, column }) => {
        mappings ??= this.#text.generateDecodedMap({ hires: true }).mappings;
        const segment = mappings[line - 1]?.findLast((candidate) => candidate[0] <= column - 1);
        if (segment?.length !== 4 && segment?.length !== 5) return null;
        const [generated, , originalLine, originalColumn] = segment;
        return { line: originalLine + 1, column: originalColumn + 1 + (column - 1 - generated) };
      },
    };
  }

  #declare(name: string | undefined): void {
    if (name !== undefined) this.#names.add(name);
  }

  #variables(node: Extract<Statement, { type: "VariableDeclaration" }>): void {
    const [start, end] = span(node);
    for (const declarator of node.declarations) {
      const pattern = declarator.id;
      for (const name of boundNames(pattern)) this.#names.add(name);
      const annotation = "typeAnnotation" in pattern ? pattern.typeAnnotation : null;
      if (annotation != null) {
        const from =
          pattern.type === "Identifier" ? span(pattern)[0] + pattern.name.length : span(annotation)[0];
        this.#text.remove(from, span(annotation)[1]);
      }
      if (declarator.init == null) {
        const value = node.kind === "var" ? `${boundNames(pattern)[0]}` : "undefined";
        this.#text.appendLeft(span(declarator)[1], ` = ${value}`);
      }
    }
    const firstDeclarator = node.declarations[0];
    const lastDeclarator = node.declarations.at(-1);
    if (firstDeclarator === undefined || lastDeclarator === undefined) return;
    this.#text.overwrite(start, span(firstDeclarator)[0], ";(");
    const tail = span(lastDeclarator)[1];
    this.#text.appendLeft(tail, ");");
    if (end > tail) this.#text.remove(tail, end);
  }

  #import(node: ImportDeclaration): void {
    const [start, end] = span(node);
    this.#text.remove(start, end);
    if (node.importKind === "type") return;
    const from = this.source.slice(span(node.source)[0], end).replace(/;$/, "");
    const named: string[] = [];
    let clause = "";
    for (const specifier of node.specifiers) {
      const local = specifier.local.name;
      const alias = `__import_${local}`;
      if (specifier.type === "ImportNamespaceSpecifier") clause = `* as ${alias}`;
      else if (specifier.type === "ImportDefaultSpecifier") named.push(`default as ${alias}`);
      else if (specifier.importKind === "type") continue;
      else named.push(`${this.source.slice(...span(specifier.imported))} as ${alias}`);
      this.#declare(local);
      this.#first.push(`${local} = ${alias};`);
    }
    if (clause !== "") this.#imports.push(`import ${clause} from ${from};`);
    if (named.length > 0) this.#imports.push(`import {${named.join(", ")}} from ${from};`);
    if (node.specifiers.length === 0) this.#imports.push(`import ${from};`);
  }
}

const isDeclaration = (node: Statement | Expression): node is Statement =>
  node.type.endsWith("Declaration") || node.type === "TSTypeAliasDeclaration";

function span(node: { start?: number | null; end?: number | null }): [start: number, end: number] {
  return [node.start ?? 0, node.end ?? 0];
}

/** The names that a declaration's pattern binds, in order. */
function boundNames(pattern: Node): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        boundNames("argument" in property ? property.argument : property.value),
      );
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : boundNames(element)));
    case "AssignmentPattern":
      return boundNames(pattern.left);
    case "RestElement":
      return boundNames(pattern.argument);
    default:
      return [];
  }
}
