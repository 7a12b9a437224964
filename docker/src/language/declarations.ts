/** Pure: the names that a cell declares at its top, and how it declares them. */
import { parse } from "@babel/parser";
import type { Node, Statement } from "@babel/types";
import { boundNames, span } from "../cell/names.ts";

/** A name that a cell declared. */
export type Declared = {
  readonly kind: "let" | "const" | "var" | "function" | "class" | "enum" | "namespace" | "import";
  /** The declaration as the user wrote it. */
  readonly source: string;
  /** The text of its JSDoc comment, without the stars. */
  readonly doc: string;
  /** Where: `Cell [3]`. */
  readonly cell: string;
};
export type DeclaredNames = ReadonlyMap<string, Declared>;
type Written = Omit<Declared, "kind">;

const KINDS: Partial<Record<Node["type"], Declared["kind"]>> = {
  FunctionDeclaration: "function",
  ClassDeclaration: "class",
  TSEnumDeclaration: "enum",
  TSModuleDeclaration: "namespace",
};

/** What the cell declares, by name; nothing where it is no TypeScript. */
export function declarations(code: string, cell: string): Map<string, Declared> {
  const found = new Map<string, Declared>();
  const overloads = new Map<string, Written>();
  for (const statement of statementsOf(code)) {
    const node =
      "declaration" in statement && statement.declaration != null ? statement.declaration : statement;
    const written = { source: textOf(code, statement), doc: docOf(statement), cell };
    if (node.type === "ImportDeclaration") {
      for (const { local } of node.specifiers) found.set(local.name, { ...written, kind: "import" });
      continue;
    }
    if ("declare" in node && node.declare === true) continue;
    if (node.type === "VariableDeclaration") {
      if (node.kind.includes("using")) continue;
      const kind = node.kind as "let" | "const" | "var";
      const isAlone = node.declarations.length === 1;
      for (const [index, declarator] of node.declarations.entries()) {
        const source = isAlone ? written.source : `${kind} ${textOf(code, declarator)}`;
        const doc = index === 0 ? written.doc : docOf(declarator);
        for (const { name } of boundNames(declarator.id)) found.set(name, { kind, source, doc, cell });
      }
    } else if ("id" in node && node.id?.type === "Identifier") {
      const { name } = node.id;
      const kind = KINDS[node.type];
      const whole = joined(overloads.get(name), written);
      if (kind !== undefined) found.set(name, { ...whole, kind });
      else if (node.type === "TSDeclareFunction") overloads.set(name, whole);
    }
  }
  return found;
}

function statementsOf(code: string): readonly Statement[] {
  for (const plugins of [["typescript", "jsx"] as const, ["typescript"] as const])
    try {
      return parse(code, { sourceType: "module", errorRecovery: true, plugins: [...plugins] }).program.body;
    } catch {
      continue;
    }
  return [];
}

const textOf = (code: string, node: Node): string => code.slice(...span(node));

function docOf({ leadingComments }: Node): string {
  const comment = (leadingComments ?? []).findLast(({ value }) => value.startsWith("*"));
  return (comment?.value ?? "").replaceAll(/^[ \t]*\*+ ?/gm, "").trim();
}

/** A function's overloads stand before its body, and with the first of them its comment. */
const joined = (first: Written | undefined, then: Written): Written =>
  first === undefined
    ? then
    : { ...then, source: `${first.source}\n${then.source}`, doc: first.doc || then.doc };
