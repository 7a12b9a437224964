/** Pure: what a name at the end of some tokens is, and what they declare before it. */
import { mapGet, setHas } from "../primordials.ts";
import { classOf, ends, FAR, isMember, NOTHING, type Scan, type Token } from "./tokens.ts";

const words = (text: string): ReadonlySet<unknown> => new Set(text.split(" "));
/**
 * What stands before a name that comes into being, and what it becomes; types become nothing. JupyterLab has colours for
 * the kinds function, class, instance, module and keyword, and takes every other one as it is called.
 */
const DECLARING: ReadonlyMap<string, string> = new Map([
  ["const", "instance"],
  ["let", "instance"],
  ["var", "instance"],
  ["using", "instance"],
  ["function", "function"],
  ["class", "class"],
  ["enum", "class"],
  ["namespace", "module"],
  ["import", "module"],
  ["interface", ""],
  ["type", ""],
  ["infer", ""],
]);
const VARIABLES = words("const let var using");
const MODIFIERS = words(
  "; } * static async get set readonly public private protected abstract override accessor declare",
);
/** Words and signs before a block. */
const BEFORE_BLOCKS = words("=> ; { } do else try finally static >");

/** The kind of what such a word declares; "" for a type, and for every other word. */
export const kindDeclared = (word: string): string => mapGet(DECLARING, word) ?? "";

/** The names among the first tokens that come into being there. */
export function eachLocal(
  tokens: readonly Token[],
  count: number,
  take: (name: string, kind: string) => void,
): void {
  for (let i = 1; i < count; i++) {
    const { kind, text } = tokens[i] ?? NOTHING;
    const become = kind === "name" && !isMember(tokens, i - 1) ? kindDeclared(tokens[i - 1]?.text ?? "") : "";
    if (become !== "") take(text, become);
  }
}

/**
 * What a name behind the token `previous` is: a new name is nobody's to complete, a key may be short for a variable, and
 * an import names what another module has.
 */
export function placeOf(
  { tokens, open }: Scan,
  previous: number,
): "expression" | "key" | "declaration" | "import" {
  const { text: word, kind } = tokens[previous] ?? NOTHING;
  const before = tokens[previous - 1]?.text;
  if (kind === "name" && mapGet(DECLARING, word) !== undefined && !isMember(tokens, previous))
    return "declaration";
  if (word === "*" && before === "function") return "declaration";
  if (word === "as" && (before === "*" || before === "default")) return "declaration";
  const bracket = open[open.length - 1] ?? -1;
  const opener = tokens[bracket]?.text;
  const isListed = previous === bracket || word === ",";
  if (opener === "(" && isListed && isParameters(tokens, bracket)) return "declaration";
  if (opener === "{" && isClause(tokens, bracket)) return "import";
  if ((opener === "{" || opener === "[") && setHas(VARIABLES, tokens[bracket - 1]?.text))
    return isListed || word === ":" || word === "..." ? "declaration" : "expression";
  if (opener === "{" && classOf(tokens, bracket) >= 0)
    return isListed || setHas(MODIFIERS, word) ? "declaration" : "expression";
  if (opener === "{" && isListed && isObject(tokens, bracket)) return "key";
  return word === "," && isDeclarator(tokens, previous) ? "declaration" : "expression";
}

/** The bracket opens the parameters of a `function`, or of a `catch`. */
function isParameters(tokens: readonly Token[], bracket: number): boolean {
  for (let i = bracket - 1; i >= bracket - 3; i--) {
    const { text, kind } = tokens[i] ?? NOTHING;
    if (text === "function" || (text === "catch" && i === bracket - 1)) return !isMember(tokens, i);
    if (kind !== "name" && text !== "*") return false;
  }
  return false;
}

/** The bracket opens what an `import` names. */
function isClause(tokens: readonly Token[], bracket: number): boolean {
  for (let i = bracket - 1; i >= bracket - 4; i--) {
    const { text, kind } = tokens[i] ?? NOTHING;
    if (text === "import") return true;
    if (kind !== "name" && text !== ",") return false;
  }
  return false;
}

/** The bracket opens an object, not a block. */
function isObject(tokens: readonly Token[], bracket: number): boolean {
  const before = tokens[bracket - 1];
  return before !== undefined && !ends(tokens, bracket - 1) && !setHas(BEFORE_BLOCKS, before.text);
}

/** The comma stands between the variables of one declaration. */
function isDeclarator(tokens: readonly Token[], comma: number): boolean {
  for (let i = comma - 1; i >= 0 && comma - i < FAR; i--) {
    const { text, open } = tokens[i] ?? NOTHING;
    if (open >= 0) i = open;
    else if (text === ";" || text === "(" || text === "[" || text === "{" || text === "${") return false;
    else if (setHas(VARIABLES, text) && !isMember(tokens, i)) return true;
  }
  return false;
}
