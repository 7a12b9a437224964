/** Pure: an import or re-export → the static imports of a cell's module, and the names that it gives. */
import type { ExportNamedDeclaration, Identifier, ImportDeclaration, Node } from "@babel/types";
import { span } from "./names.ts";

export type Imported = {
  /** Statements for the top of the module. */
  readonly imports: readonly string[];
  readonly names: readonly ImportedName[];
};
export type ImportedName = {
  readonly local: Identifier;
  readonly value: string;
  /** What tells whether there is a value at all. */
  readonly condition: string | null;
  readonly at: number;
};

/**
 * Reads an import.
 * @param own begins the names of the module's own bindings.
 * @param isOnlyType tells of a name that it may be a type, which its module knows nothing of when it runs.
 */
export function readImport(
  source: string,
  node: ImportDeclaration,
  own: string,
  isOnlyType: (name: string) => boolean,
): Imported {
  const from = `from ${specifierOf(source, node, node.source)};`;
  const imports: string[] = [];
  const named: string[] = [];
  const names: ImportedName[] = [];
  if (node.importKind === "type") return { imports, names };
  if (node.specifiers.length === 0) return { imports: [runImport(source, node, node.source)], names };
  for (const specifier of node.specifiers) {
    const { local } = specifier;
    const [at] = span(specifier);
    const alias = `${own}_import_${local.name}`;
    if (specifier.type === "ImportNamespaceSpecifier") {
      imports.push(`import ${node.phase ?? ""} * as ${alias} ${from}`);
      names.push({ local, value: alias, condition: null, at });
      continue;
    }
    if (specifier.type === "ImportSpecifier" && specifier.importKind === "type") continue;
    const imported =
      specifier.type === "ImportSpecifier" ? source.slice(...span(specifier.imported)) : "default";
    if (isOnlyType(local.name)) {
      const key = /^["']/.test(imported) ? imported : `"${imported}"`;
      imports.push(`import * as ${alias} ${from}`);
      names.push({ local, value: `${alias}[${key}]`, condition: `${key} in ${alias}`, at });
    } else {
      named.push(`${imported} as ${alias}`);
      names.push({ local, value: alias, condition: null, at });
    }
  }
  if (named.length > 0) imports.push(`import {${named.join(", ")}} ${from}`);
  return { imports, names };
}

/** What is left of a re-export: its module is run, and gives the cell no name. */
export function readReexport(source: string, node: ExportNamedDeclaration): string[] {
  const areTypes = node.specifiers.every(
    (specifier) => specifier.type === "ExportSpecifier" && specifier.exportKind === "type",
  );
  if (node.source == null || (areTypes && node.specifiers.length > 0)) return [];
  return [runImport(source, node, node.source)];
}

export const runImport = (source: string, node: Node, from: Node): string =>
  `import ${specifierOf(source, node, from)};`;

/** The module's name, with attributes. */
const specifierOf = (source: string, node: Node, from: Node): string =>
  source.slice(span(from)[0], span(node)[1]).replace(/;$/, "");
