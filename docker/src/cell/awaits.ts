/**
 * Pure: each await of a cell, of its functions too → a call that gets the awaited value.
 *
 * The call does not return when the cell has been interrupted, so that a loop around an await ends with its cell.
 */
import type { Node } from "@babel/types";
import type { Edits } from "./edits.ts";
import { descendants, span } from "./names.ts";

export function callAwaits(edits: Edits, nodes: readonly Node[], call: string): void {
  if (!edits.source.includes("await")) return;
  for (const node of descendants(nodes))
    if (node.type === "AwaitExpression") edits.wrap(...span(node), `${call}(`, ")");
    else if (node.type === "ForOfStatement" && node.await) callTurns(edits, node.body, call);
}

/** A `for await` waits before each turn. */
function callTurns(edits: Edits, body: Node, call: string): void {
  const [start, end] = span(body);
  if (body.type === "BlockStatement") return edits.after(start + 1, `${call}();`);
  // A `var` has become something in braces.
  if (body.type === "VariableDeclaration") return;
  edits.before(start, `{${call}();`);
  edits.after(end, "}");
}
