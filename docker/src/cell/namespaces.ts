/**
 * Pure: namespaces and enums → expressions that fill an object.
 *
 * Bun knows namespaces at the top of a module only, where they would run before the cell does. So a namespace becomes a
 * function, called on the spot; what it exports is put on the object that it gets. Enums stay Bun's, each in a
 * function of its own.
 */
import type { Identifier, Node, Statement, TSEnumDeclaration, TSModuleDeclaration } from "@babel/types";
import type { Edits } from "./edits.ts";
import { findKeyword } from "./grammar.ts";
import { boundNames, isErased, span, usedNames } from "./names.ts";

export class Namespaces {
  /** What the parts of a merged declaration, named by its path, have exported; later parts see it by bare name. */
  readonly #exported = new Map<string, Set<string>>();

  constructor(
    readonly edits: Edits,
    /** A name that the cell does not use, for the object that a namespace fills. */
    readonly object: string,
  ) {}

  /** Makes an enum an assignment, or an addition to the object that is there already. */
  enum(node: TSEnumDeclaration, isFirst: boolean): void {
    const [start, end] = span(node);
    const { name } = node.id;
    const { object } = this;
    const seen = this.#seen(name, node);
    const open = isFirst
      ? `${name} = (() => {`
      : `(({${seen}}) => (${object}) => {enum ${name} {} ${name} = ${object};`;
    this.edits.before(start, `;${open}`);
    this.edits.after(end, isFirst ? `return ${name};})();` : `})(${name})(${name});`, start);
    for (const { id } of node.body.members) this.#export(name, id.type === "Identifier" ? id.name : id.value);
  }

  /** Makes a namespace a call; `target` declares its object where that is not there already. */
  namespace(node: TSModuleDeclaration, target: string, scope = ""): void {
    const [start, end] = span(node);
    const [bodyStart] = span(node.body);
    const calls = pathOf(node).map((name, index, path) => {
      const whole = `${scope}${path.slice(0, index + 1).join(".")}`;
      const inner = path[index + 1];
      const seen = this.#seen(whole, node);
      if (inner !== undefined) this.#export(whole, inner);
      return {
        open:
          (index === 0 ? `;${target}` : `const ${name} = ${this.object}.${name} ??= {};`) +
          `(${seen === "" ? "" : `({${seen}}) => `}(${this.object}) => {`,
        close: `})${seen === "" ? "" : `(${name})`}(${name});`,
        whole,
      };
    });
    const first = this.#body(node.body.body, calls.at(-1)?.whole ?? "");
    this.edits.replace(start, bodyStart + 1, calls.map(({ open }) => open).join("") + first);
    const closed = calls.map(({ close }) => close).toReversed();
    this.edits.replace(end - 1, end, `\n${closed.join("")}`, start);
  }

  /** Makes a namespace's statements those of a function; returns what that must begin with. */
  #body(body: readonly Statement[], whole: string): string {
    const declared = new Set(body.flatMap((statement) => mergingName(inner(statement))));
    let first = "";
    for (const statement of body) {
      const [start, end] = span(statement);
      const node = inner(statement);
      const isExported = node !== statement;
      if (isErased(statement)) {
        this.edits.replace(start, end, ";");
        continue;
      }
      if (isExported) {
        const at = findKeyword(this.edits.source, "export", keywordsOf(node, start));
        this.edits.replace(at, at + "export".length, "");
      }
      switch (node.type) {
        case "VariableDeclaration":
          if (isExported)
            for (const { id } of node.declarations)
              this.#publish(end, whole, boundNames(id), node.kind === "const");
          break;
        case "FunctionDeclaration":
          if (!isExported || node.id == null) break;
          this.#export(whole, node.id.name);
          first += `${this.object}.${node.id.name} = ${node.id.name};`;
          break;
        case "ClassDeclaration":
        case "TSEnumDeclaration":
          if (isExported && node.id != null) this.#publish(end, whole, [node.id], true);
          break;
        case "TSImportEqualsDeclaration":
          this.edits.replace(span(node)[0], span(node.id)[0], "const ");
          if (isExported) this.#publish(end, whole, [node.id], true);
          break;
        case "TSModuleDeclaration": {
          const [name = ""] = pathOf(node);
          // At the beginning, where code above it sees what an earlier part has put there.
          if (!declared.has(name))
            first += `const ${name} = ${isExported ? `${this.object}.${name} ??= ` : ""}{};`;
          this.namespace(node, "", `${whole}.`);
          if (isExported) this.#export(whole, name);
          declared.add(name);
          break;
        }
        default:
      }
    }
    return first;
  }

  /** Puts names on the namespace's object behind their declaration; what can change is read there when it is asked for. */
  #publish(end: number, whole: string, names: readonly Identifier[], isConstant: boolean): void {
    const { object } = this;
    const texts = names.map(({ name }) => {
      this.#export(whole, name);
      if (isConstant) return `${object}.${name} = ${name};`;
      const access = `get: () => ${name}, set: (${object}) => (${name} = ${object})`;
      return `Object.defineProperty(${object}, "${name}", {${access}, enumerable: true, configurable: true});`;
    });
    this.edits.after(end, `;${texts.join("")}`);
  }

  #export(whole: string, name: string): void {
    const names = this.#exported.get(whole) ?? new Set();
    this.#exported.set(whole, names.add(name));
  }

  /** What a part uses of that which earlier parts have exported, as the inside of an object pattern. */
  #seen(whole: string, node: Node): string {
    const exported = this.#exported.get(whole);
    if (exported === undefined) return "";
    const { values } = usedNames([node]);
    return [...exported].filter((name) => values.has(name)).join(", ");
  }
}

/** The names of `A.B.C`, from the outside in. */
export function pathOf({ id }: Pick<TSModuleDeclaration, "id">): string[] {
  const names: string[] = [];
  let left: Node = id;
  for (; left.type === "TSQualifiedName"; left = left.left) names.unshift(left.right.name);
  return left.type === "Identifier" ? [left.name, ...names] : names;
}

/** The offset where a declaration's keywords begin, which is behind the decorators that it begins with. */
export function keywordsOf(node: Node, start: number): number {
  const decorators = ("decorators" in node ? node.decorators : null) ?? [];
  const last = decorators.at(-1);
  return last !== undefined && decorators[0]?.start === start ? span(last)[1] : start;
}

/** What a statement declares, exported or not. */
const inner = (statement: Statement): Statement =>
  statement.type === "ExportNamedDeclaration" ? (statement.declaration ?? statement) : statement;

/** The name of a declaration that a namespace may be merged with. */
const mergingName = (node: Statement): string[] =>
  (node.type === "FunctionDeclaration" ||
    node.type === "ClassDeclaration" ||
    node.type === "TSEnumDeclaration") &&
  node.id != null
    ? [node.id.name]
    : [];
