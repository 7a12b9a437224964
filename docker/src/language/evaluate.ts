/**
 * The live value that an expression names.
 *
 * Law: nothing runs. What would have to run to be known is not known.
 */
import { indexOf, isPromise, peek, promiseStatus, slice } from "../primordials.ts";
import { property, read } from "./live.ts";
import { calleeOf, classOf, ends, isMember, NOTHING, type Scan } from "./tokens.ts";

/** A value, and the first of the tokens that name it. */
export type Named = { readonly value: unknown; readonly first: number };

const ARRAY = Array.prototype;
const REGEXP = RegExp.prototype;

/** The value of the expression that ends with the token `last`; null when it is not known. */
export function evaluate(from: Scan, last: number, scope: object): Named | null {
  const { tokens } = from;
  const { kind, text, open } = tokens[last] ?? NOTHING;
  const first = open < 0 ? last : open;
  if (kind === "name") return named(from, last, scope);
  if (text === "!") return evaluate(from, last - 1, scope);
  if (text === ")" && open >= 0) return parenthesized(from, last, scope);
  const follows = ends(tokens, first - 1);
  if (text === "]" && open >= 0) {
    if (!follows && tokens[first - 1]?.text !== "?.") return { value: ARRAY, first };
    const key = keyOf(from, last, scope);
    return key === null ? null : member(evaluate(from, follows ? first - 1 : first - 2, scope), key);
  }
  if (follows) return null;
  if (kind === "number") return { value: text[text.length - 1] === "n" ? 0n : 0, first };
  if (kind === "string" || kind === "template") return { value: "", first };
  return kind === "regex" ? { value: REGEXP, first } : null;
}

function member(of: Named | null, key: string): Named | null {
  const known = of === null ? null : read(property(of.value, key));
  return known === null || of === null ? null : { value: known.value, first: of.first };
}

function named(from: Scan, last: number, scope: object): Named | null {
  const { tokens } = from;
  const name = tokens[last]?.text ?? "";
  if (isMember(tokens, last)) return member(evaluate(from, last - 2, scope), name);
  if (name === "true" || name === "false") return { value: true, first: last };
  if (name === "this") return self(from, last, scope);
  return tokens[last - 1]?.text === "#" ? null : member({ value: scope, first: last }, name);
}

/** Within a class an instance of it, as far as the prototype tells; elsewhere the global object. */
function self({ tokens, open }: Scan, last: number, scope: object): Named | null {
  for (let i = open.length - 1; i >= 0; i--) {
    const start = classOf(tokens, open[i] ?? -1);
    if (start >= 0)
      return instance(member({ value: scope, first: last }, tokens[start + 1]?.text ?? ""), last);
  }
  return { value: scope, first: last };
}

/** What `new` makes of the class, as far as the prototype tells. */
function instance(of: Named | null, first: number): Named | null {
  const made = typeof of?.value === "function" ? member(of, "prototype") : null;
  return made === null ? null : { value: made.value, first };
}

/** A group, a call or an instantiation; of these a call would have to run. */
function parenthesized(from: Scan, last: number, scope: object): Named | null {
  const { tokens } = from;
  const opener = tokens[last]?.open ?? -1;
  const callee = calleeOf(tokens, opener);
  if (callee >= 0) {
    const called = evaluate(from, callee, scope);
    const before = (called?.first ?? 0) - 1;
    return tokens[before]?.text === "new" ? instance(called, before) : null;
  }
  const inner = evaluate(from, last - 1, scope);
  if (inner === null) return null;
  if (inner.first === opener + 1) return { value: inner.value, first: opener };
  if (inner.first !== opener + 2) return null;
  const word = tokens[opener + 1]?.text;
  if (word === "new") return instance(inner, opener);
  if (word !== "await") return null;
  if (!isPromise(inner.value)) return { value: inner.value, first: opener };
  return promiseStatus(inner.value) === "fulfilled" ? { value: peek(inner.value), first: opener } : null;
}

/** The key between square brackets: a literal, or a name whose value is one. */
function keyOf(from: Scan, last: number, scope: object): string | null {
  const { tokens } = from;
  const { kind, text } = tokens[last - 1] ?? NOTHING;
  const isOnly = tokens[last]?.open === last - 2;
  if (isOnly && kind === "number") return text;
  if (isOnly && kind === "string" && indexOf(text, "\\") < 0) return slice(text, 1, -1);
  const inner = evaluate(from, last - 1, scope);
  if (inner === null || kind !== "name" || inner.first - 1 !== tokens[last]?.open) return null;
  return typeof inner.value === "string" || typeof inner.value === "number" ? `${inner.value}` : null;
}
