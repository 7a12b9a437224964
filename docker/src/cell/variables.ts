/** Pure: declarations of variables → assignments. */
import type { Identifier, Node, Statement, VariableDeclaration } from "@babel/types";
import type { Edits } from "./edits.ts";
import { boundNames, isErased, span } from "./names.ts";

/** The names of a declaration, in order. */
export const variablesOf = (node: VariableDeclaration): Identifier[] =>
  node.declarations.flatMap(({ id }) => boundNames(id));

/** Makes a declaration an assignment between two texts. */
export function assign(edits: Edits, node: VariableDeclaration, open: string, close: string): void {
  const [start, end] = span(node);
  for (const { id, init } of node.declarations) {
    eraseType(edits, id);
    // A `var` without a value keeps the one it has.
    if (init == null && node.kind !== "var") edits.after(span(id)[1], " = undefined");
  }
  edits.replace(start, span(node.declarations[0] ?? node)[0], open);
  edits.replace(span(node.declarations.at(-1) ?? node)[1], end, close);
}

/** Makes a `var` of a nested statement one or several assignments, as its place allows. */
export function assignNested(edits: Edits, { node, place }: NestedVar): void {
  if (place === "list") return assign(edits, node, ";(", ");");
  if (place === "branch") return assign(edits, node, "{;(", ");}");
  if (place === "for") return assign(edits, node, "(", ")");
  const id = node.declarations[0]?.id ?? node;
  // The grammar forbids `for (async of`, since `for (async of => {};;)` begins like it.
  const isAsync = id.type === "Identifier" && id.name === "async";
  edits.replace(span(node)[0], span(id)[0], isAsync ? "(" : "");
  eraseType(edits, id);
  if (isAsync) edits.after(span(node)[1], ")");
}

function eraseType(edits: Edits, pattern: Node): void {
  const annotation = "typeAnnotation" in pattern ? pattern.typeAnnotation : null;
  if (annotation == null) return;
  if (pattern.type === "Identifier") edits.replace(span(pattern)[0], span(annotation)[1], pattern.name);
  else edits.replace(...span(annotation), "");
}

/** Where a `var` stands, which decides what it may become. */
export type NestedVar = {
  readonly node: VariableDeclaration;
  readonly place: "list" | "branch" | "for" | "each";
};

/** The `var` declarations inside a statement that belong to the function around it. */
export function nestedVars(statement: Statement): NestedVar[] {
  const found: NestedVar[] = [];
  const open: [node: Statement, place: NestedVar["place"]][] = [[statement, "list"]];
  const enter = (place: NestedVar["place"], ...nodes: (Node | null | undefined)[]) => {
    for (const node of nodes) if (node != null) open.push([node as Statement, place]);
  };
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node, place] = next;
    switch (node.type) {
      case "VariableDeclaration":
        if (node.kind === "var" && !isErased(node)) found.push({ node, place });
        break;
      case "BlockStatement":
        enter("list", ...node.body);
        break;
      case "IfStatement":
        enter("branch", node.consequent, node.alternate);
        break;
      case "ForStatement":
        enter("for", node.init);
        enter("branch", node.body);
        break;
      case "ForInStatement":
      case "ForOfStatement":
        enter("each", node.left);
        enter("branch", node.body);
        break;
      case "WhileStatement":
      case "DoWhileStatement":
      case "LabeledStatement":
        enter("branch", node.body);
        break;
      case "SwitchStatement":
        for (const { consequent } of node.cases) enter("list", ...consequent);
        break;
      case "TryStatement":
        enter("list", node.block, node.handler?.body, node.finalizer);
        break;
      default:
    }
  }
  return found;
}
