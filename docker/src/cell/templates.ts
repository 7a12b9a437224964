/**
 * Pure: tagged templates whose text is not ASCII → calls.
 *
 * Bun's loader writes such letters as escapes, which changes nothing but the raw text: its `String.raw` of `é` is
 * `\u00E9`. A call with a template object that holds the raw text as data is the same to the tag.
 */
import type { Node, TaggedTemplateExpression } from "@babel/types";
import type { Edits } from "./edits.ts";
import { descendants, span } from "./names.ts";

const NOT_ASCII = /[\u0080-\uffff]/;

/**
 * Makes the calls.
 * @param own begins the names of the module's own bindings.
 * @returns declarations for the top of the module, since the object of one place stays the same.
 */
export function callTags(edits: Edits, nodes: readonly Node[], own: string): string {
  if (!NOT_ASCII.test(edits.source) || !edits.source.includes("`")) return "";
  const objects: string[] = [];
  for (const node of descendants(nodes))
    if (node.type === "TaggedTemplateExpression" && NOT_ASCII.test(edits.source.slice(...span(node.quasi)))) {
      const name = `${own}_template${objects.length}`;
      objects.push(`const ${name} = ${templateObject(node)};`);
      const { quasis } = node.quasi;
      for (const [index, quasi] of quasis.entries()) {
        const isLast = index === quasis.length - 1;
        const [start, end] = span(quasi);
        const text = `${index === 0 ? `(${name}` : ")"}${isLast ? ")" : ", ("}`;
        edits.replace(start - 1, end + (isLast ? 1 : 2), text);
      }
    }
  return objects.join("");
}

function templateObject({ quasi: { quasis } }: TaggedTemplateExpression): string {
  const cooked = quasis.map(({ value }) =>
    value.cooked == null ? "undefined" : JSON.stringify(value.cooked),
  );
  const raw = quasis.map(({ value }) => JSON.stringify(value.raw));
  return `Object.freeze(Object.defineProperty([${cooked.join(", ")}], "raw", {value: Object.freeze([${raw.join(", ")}])}))`;
}
