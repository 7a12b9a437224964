/**
 * Pure: the TypeScript of one cell → a module that Bun can run, and the way back from a position in it.
 *
 * The module's default export is the cell's body. Top-level declarations become assignments to globals, so that they
 * persist, may be redeclared by a later cell, and old closures see the new value. Types stay: Bun's loader erases
 * them, and maps stack traces back through its own work, so only the edits made here have to be undone.
 */
import type {
  ClassDeclaration,
  FunctionDeclaration,
  Identifier,
  ImportDeclaration,
  Node,
  Statement,
} from "@babel/types";
import { callAwaits } from "./cell/awaits.ts";
import { Edits, type Own, type Position, positionAt } from "./cell/edits.ts";
import { CellSyntaxError, findKeyword, type Reading, read, skipGap } from "./cell/grammar.ts";
import { readImport, readReexport, runImport } from "./cell/imports.ts";
import { descendants, isErased, MODULE_NAMES, span, usedNames, type Uses } from "./cell/names.ts";
import { keywordsOf, Namespaces, pathOf } from "./cell/namespaces.ts";
import { callTags } from "./cell/templates.ts";
import { assign, assignNested, nestedVars, variablesOf } from "./cell/variables.ts";
import type { Completeness } from "./wire.ts";

export { CellSyntaxError, type Position };

export type Cell = {
  /**
   * The module's source, for Bun's loader named in `loader`. Its default export runs the cell with an object's
   * what `modules.ts` names Bindings.
   */
  readonly module: string;
  readonly loader: "ts" | "tsx";
  /** Names that must be writable properties of `globalThis` before the module runs. */
  readonly names: readonly string[];
  /** Never throws; null for what is not the user's own. */
  readonly original: (generated: Position) => Position | null;
};

/** @throws {CellSyntaxError} when the source cannot be run. */
export function prepare(source: string): Cell {
  try {
    return new CellEdit(source, read(source)).cell();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CellSyntaxError("The code is too deeply nested.", { line: 1, column: 1 }, false);
  }
}

/** What a front end should do with a cell when its author ends a line. */
export function completeness(code: string): Completeness {
  try {
    prepare(code);
    return { status: "complete", indent: "" };
  } catch (error) {
    if (!(error instanceof CellSyntaxError) || !error.incomplete) return { status: "invalid", indent: "" };
    // White space would become a part of the text.
    if (error.message.startsWith("Unterminated template")) return { status: "incomplete", indent: "" };
    const line = code.trimEnd().split(/\r?\n/).at(-1) ?? "";
    const indent = /^\s*/.exec(line)?.[0] ?? "";
    return { status: "incomplete", indent: OPENS.test(line) ? `${indent}  ` : indent };
  }
}
const OPENS = /(?:[{([]|=>|^\s*case\b.*:|^\s*default\s*:)\s*(?:\/\/.*|\/\*.*\*\/)?$/;

/** Names that cannot be given to anything else: they are properties of `globalThis` for good, or it itself. */
const TAKEN = /^(?:undefined|NaN|Infinity|globalThis|Bun)$/;

/** The properties of `import.meta` that tell the same as the names of CommonJS. */
const META = { require: "require", __dirname: "dirname", __filename: "filename" } as const;

type Named = Pick<Identifier, "name"> & { readonly start?: number | null };

class CellEdit {
  readonly #edits: Edits;
  readonly #names = new Set<string>();
  /** What no name of the cell begins with; ours do. */
  readonly #own: string;
  readonly #namespaces: Namespaces;
  readonly #imports: Own[] = [];
  /** What must happen before the first statement. */
  readonly #first: Own[] = [];
  #uses: Uses | undefined;

  constructor(
    readonly source: string,
    readonly reading: Reading,
  ) {
    let own = "__cell";
    while (source.includes(own)) own += "_";
    this.#own = own;
    this.#edits = new Edits(source);
    this.#namespaces = new Namespaces(this.#edits, `${own}_namespace`);
  }

  cell(): Cell {
    const { program, loader, isExpression } = this.reading;
    const { body, directives, interpreter } = program;
    if (interpreter != null) this.#edits.replace(...span(interpreter), "");
    if (isExpression) this.#wholeCell(span(body[0] ?? program)[1]);
    else for (const [index, statement] of body.entries()) this.#statement(statement, body[index + 1]);
    callAwaits(this.#edits, body, `${this.#own}.resumed`);
    this.#replaceMeta();
    const directive = body.length === 0 ? directives.at(-1) : undefined;
    if (directive !== undefined) this.#value(...span(directive));
    const own = MODULE_NAMES.filter((name) => new RegExp(`\\b${name}\\b`).test(this.source)).map(
      (name) =>
        `let ${name} = "${name}" in globalThis ? globalThis.${name} : ${this.#own}.meta.${META[name]};`,
    );
    const templates = callTags(this.#edits, body, this.#own);
    const head = `${templates}export default async (${this.#own}) => {${own.join("")}`;
    const { text, original } = this.#edits.finish(
      [...this.#imports, { text: head, at: null }, ...this.#first],
      "\n}",
    );
    return { module: text, loader, names: [...this.#names], original };
  }

  /** What Bun would say of the module is not where the cell seems to be. */
  #replaceMeta(): void {
    if (!this.source.includes("import")) return;
    for (const node of descendants(this.reading.program.body))
      if (node.type === "MetaProperty" && node.meta.name === "import")
        this.#edits.replace(...span(node), `${this.#own}.meta`);
  }

  #statement(node: Statement, next: Statement | undefined): void {
    const [start, end] = span(node);
    this.#expectImplementation(node, next);
    if (isErased(node)) return this.#edits.replace(start, end, ";");
    switch (node.type) {
      case "ImportDeclaration":
        return this.#import(node);
      case "ExportAllDeclaration":
        return this.#runOnly(node, [runImport(this.source, node, node.source)]);
      case "ExportNamedDeclaration":
        if (node.declaration != null) return this.#exported(node, "export", node.declaration);
        return this.#runOnly(node, readReexport(this.source, node));
      case "ExportDefaultDeclaration":
        if (isNamed(node.declaration)) return this.#exported(node, "default", node.declaration);
        return this.#exportedValue(node, node.declaration, "default", next === undefined);
      case "TSExportAssignment":
        return this.#exportedValue(node, node.expression, "=", next === undefined);
      case "ExpressionStatement":
        return next === undefined ? this.#value(start, end) : undefined;
      default:
        return this.#declaration(node);
    }
  }

  #declaration(node: Statement): void {
    const [start, end] = span(node);
    switch (node.type) {
      case "VariableDeclaration":
        if (node.kind.includes("using")) return;
        assign(this.#edits, node, ";(", `);${this.#declare(variablesOf(node), node.kind === "const")}`);
        return;
      case "FunctionDeclaration":
        if (node.id == null) return;
        this.#edits.before(start, `;${node.id.name} = `);
        this.#edits.replace(...span(node.id), "");
        this.#edits.after(end, `;${this.#declare([node.id])}`);
        return this.#edits.hoist(start, end, ";");
      case "ClassDeclaration":
        if (node.id == null) return;
        this.#edits.before(start, `;${node.id.name} = `);
        this.#makeConcrete(node);
        return this.#edits.after(end, `;${this.#declare([node.id])}`);
      case "TSImportEqualsDeclaration":
        if (this.#isOnlyType(node.id.name)) return this.#edits.replace(start, end, ";");
        this.#edits.replace(start, span(node.id)[0], ";(");
        return this.#edits.replace(span(node.moduleReference)[1], end, `);${this.#declare([node.id], true)}`);
      case "TSEnumDeclaration": {
        const isFirst = !this.#names.has(node.id.name);
        this.#namespaces.enum(node, isFirst);
        return isFirst ? this.#edits.after(end, this.#declare([node.id], true)) : undefined;
      }
      case "TSModuleDeclaration": {
        const [name = ""] = pathOf(node);
        const isFirst = !this.#names.has(name);
        this.#namespaces.namespace(node, isFirst ? `${name} = {};` : "");
        return isFirst ? this.#edits.after(end, this.#declare([{ name, start }], true)) : undefined;
      }
      default:
        for (const nested of nestedVars(node)) {
          this.#declare(variablesOf(nested.node));
          assignNested(this.#edits, nested);
        }
    }
  }

  /**
   * Makes names properties of `globalThis`.
   * @returns what has to run when they have their values.
   */
  #declare(names: readonly Named[], isConstant = false): string {
    let then = "";
    for (const { name, start } of names) {
      if (TAKEN.test(name))
        this.#refuse(`Declaration name conflicts with built-in global identifier '${name}'.`, start ?? 0);
      if ((MODULE_NAMES as readonly string[]).includes(name)) then += `globalThis.${name} = ${name};`;
      this.#names.add(name);
    }
    if (isConstant && names.length > 0)
      then += `${this.#own}.constant(${names.map(({ name }) => JSON.stringify(name)).join(", ")});`;
    return then;
  }

  #refuse(message: string, at: number, incomplete = false): never {
    throw new CellSyntaxError(message, positionAt(this.source, at), incomplete);
  }

  /** A class expression cannot be abstract. */
  #makeConcrete(node: ClassDeclaration): void {
    if (node.abstract !== true) return;
    const at = findKeyword(this.source, "abstract", keywordsOf(node, span(node)[0]));
    this.#edits.replace(at, at + "abstract".length, "");
  }

  #exported(statement: Statement, lastKeyword: "export" | "default", declaration: Statement): void {
    const at = findKeyword(this.source, "export", keywordsOf(declaration, span(statement)[0]));
    this.#edits.replace(at, findKeyword(this.source, lastKeyword, at) + lastKeyword.length, "");
    this.#declaration(declaration);
  }

  /** What has no name is the value of the cell, if anything is. */
  #exportedValue(statement: Statement, value: Node, keyword: "default" | "=", isLast: boolean): void {
    const [start, end] = span(statement);
    const at = findKeyword(this.source, "export", keywordsOf(value, start));
    const isHidden = this.source[end - 1] === ";";
    const isShown = isLast && !isHidden;
    this.#edits.before(start, isShown ? `;${this.#own}.value((` : ";(");
    this.#edits.replace(at, findKeyword(this.source, keyword, at) + keyword.length, "");
    if (value.type === "ClassDeclaration") this.#makeConcrete(value);
    this.#edits.replace(isHidden ? end - 1 : end, end, isShown ? "));" : ");");
  }

  /** Makes the text between two offsets the cell's value; it is passed on, since a promise that is returned is awaited. */
  #value(start: number, end: number): void {
    if (this.source[end - 1] === ";") return;
    this.#edits.before(start, `;${this.#own}.value((`);
    this.#edits.after(end, "));");
  }

  /** An expression that must not be taken for a block. */
  #wholeCell(end: number): void {
    const start = skipGap(this.source, 0);
    this.#value(start, end);
    if (this.source[end - 1] !== ";") return;
    this.#edits.before(start, ";(");
    this.#edits.replace(end - 1, end, ");");
  }

  #expectImplementation(statement: Statement, next: Statement | undefined): void {
    const [node, follower] = [declarationOf(statement), declarationOf(next)];
    if (node?.type !== "TSDeclareFunction" || node.declare === true) return;
    if (follower?.type === "TSDeclareFunction" || follower?.type === "FunctionDeclaration")
      if (follower.id?.name === node.id?.name) return;
    const message = "Function implementation is missing or not immediately following the declaration.";
    this.#refuse(message, span(node)[1], next === undefined);
  }

  #runOnly(node: Statement, imports: readonly string[]): void {
    const [start, end] = span(node);
    this.#imports.push(...imports.map((text) => ({ text, at: start })));
    this.#edits.replace(start, end, ";");
  }

  #import(node: ImportDeclaration): void {
    const { imports, names } = readImport(this.source, node, this.#own, (name) => this.#isOnlyType(name));
    this.#runOnly(node, imports);
    for (const { local, value, condition, at } of names) {
      const text = `${local.name} = ${value};${this.#declare([local], true)}`;
      this.#first.push({ text: condition === null ? text : `if (${condition}) {${text}}`, at });
    }
  }

  /** True of a name that the cell mentions, but only where types stand. */
  #isOnlyType(name: string): boolean {
    const { values, types } = (this.#uses ??= usedNames(this.reading.program.body));
    return types.has(name) && !values.has(name);
  }
}

/** What a statement declares, exported or not. */
function declarationOf(statement: Statement | undefined): Node | null | undefined {
  return statement?.type === "ExportNamedDeclaration" || statement?.type === "ExportDefaultDeclaration"
    ? statement.declaration
    : statement;
}

const isNamed = (node: Node): node is FunctionDeclaration | ClassDeclaration =>
  (node.type === "FunctionDeclaration" || node.type === "ClassDeclaration") && node.id != null;
