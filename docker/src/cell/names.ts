/** Pure: which names a piece of a syntax tree declares and uses. */
import type { Identifier, Node, Statement } from "@babel/types";

/** Names that each module of Bun's has for itself: they are not properties of `globalThis`. */
export const MODULE_NAMES = ["require", "__dirname", "__filename"] as const;

export function span(node: Pick<Node, "start" | "end">): [start: number, end: number] {
  return [node.start ?? 0, node.end ?? 0];
}

/** The names that a declaration's pattern binds, in order. */
export function boundNames(pattern: Node): Identifier[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern];
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

/** True of what has a meaning for types only. */
export function isErased(node: Statement): boolean {
  if ("declare" in node && node.declare === true) return true;
  switch (node.type) {
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSDeclareFunction":
    case "TSNamespaceExportDeclaration":
      return true;
    case "TSImportEqualsDeclaration":
      return node.importKind === "type";
    case "ExportAllDeclaration":
      return node.exportKind === "type";
    case "TSModuleDeclaration":
      return node.body.body.every(isErased);
    case "ExportNamedDeclaration":
      return node.exportKind === "type" || (node.declaration != null && isErased(node.declaration));
    case "ExportDefaultDeclaration":
      return (
        node.declaration.type === "TSDeclareFunction" || node.declaration.type === "TSInterfaceDeclaration"
      );
    default:
      return false;
  }
}

export type Uses = { readonly values: ReadonlySet<string>; readonly types: ReadonlySet<string> };

/** Parts of TypeScript's own that hold values; names in all others are names of types. */
const HOLDS_VALUES =
  /^TS(?:As|Satisfies|NonNull|Instantiation)Expression$|^TSTypeAssertion$|^TS(?:Enum|Module|ImportEquals)|^TS(?:ExportAssignment|ParameterProperty|QualifiedName)$/;

/** The names that stand in places of values, and in places of types. */
export function usedNames(nodes: readonly Node[]): Uses {
  const values = new Set<string>();
  const types = new Set<string>();
  const open: [node: Node, inType: boolean][] = nodes.map((node) => [node, false]);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node, outer] = next;
    const isType = node.type.startsWith("TS") && !HOLDS_VALUES.test(node.type);
    const inType = outer || isType || ("exportKind" in node && node.exportKind === "type");
    if (node.type === "Identifier" || node.type === "JSXIdentifier") (inType ? types : values).add(node.name);
    if (node.type === "ImportDeclaration") continue;
    for (const child of childrenOf(node, nameField(node))) open.push([child, inType]);
  }
  return { values, types };
}

/** All that a syntax tree is made of. */
export function* descendants(nodes: readonly Node[]): Generator<Node> {
  const open = [...nodes];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    yield node;
    for (const child of childrenOf(node)) open.push(child);
  }
}

function childrenOf(node: Node, skippedField = ""): Node[] {
  const children: Node[] = [];
  for (const [field, value] of Object.entries(node) as [string, unknown][])
    if (field !== skippedField)
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value])
        if (isNode(child)) children.push(child);
  return children;
}

/** The field of a node that holds the name of a property, which is nobody's variable. */
function nameField(node: Node): string {
  if (node.type === "TSEnumMember") return "id";
  if (!("computed" in node) || node.computed) return "";
  return "property" in node ? "property" : "key";
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
