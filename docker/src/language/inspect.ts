/**
 * What is known of the name at a cursor: its value in the live session, and how a cell declared it.
 *
 * Law: no code of the user's runs, and whatever the text is, the outcome is a bundle.
 */
import { indexOf, isProxy, mapGet, slice, sourceOf, startsWith } from "../primordials.ts";
import type { Inspection } from "../wire.ts";
import type { Declared, DeclaredNames } from "./declarations.ts";
import { evaluate } from "./evaluate.ts";
import { type Descriptor, ownProperty, property, read } from "./live.ts";
import { isNative, signatureOf } from "./signature.ts";
import { calleeOf, isMember, match, NAME_REST, NOTHING, offsetIn, type Scan, scan } from "./tokens.ts";
import { typeOf, valueText } from "./valuetext.ts";

export { type Declared, declarations } from "./declarations.ts";

const MAX_SOURCE = 20_000;

export function inspect(
  code: string,
  cursor: number,
  detail: boolean,
  scope: object,
  names: DeclaredNames,
  color: boolean,
): Inspection {
  try {
    const before = scan(code, match(NAME_REST, code, offsetIn(code, cursor)));
    const subject = before.inside === "comment" ? null : subjectAt(before, scope, names);
    if (subject === null) return { data: {} };
    const facts = factsOf(subject, detail);
    return { data: { "text/plain": plain(facts, color), "text/markdown": markdown(facts) } };
  } catch {
    return { data: {} };
  }
}

type Subject = {
  readonly title: string;
  readonly found: Descriptor | undefined;
  readonly declared: Declared | undefined;
};

/** The name at the cursor, or else what is called around it. */
function subjectAt(before: Scan, scope: object, names: DeclaredNames): Subject | null {
  const { tokens, open, inside } = before;
  if (inside === "code") {
    const last = tokens.length - (isMember(tokens, tokens.length) ? 2 : 1);
    const { text, open: opener } = tokens[last] ?? NOTHING;
    const subject = subjectOf(before, text === ")" ? calleeOf(tokens, opener) : last, scope, names);
    if (subject !== null) return subject;
  }
  for (let i = open.length - 1; i >= 0; i--) {
    const opener = open[i] ?? -1;
    const isCall = tokens[opener]?.text === "(";
    const subject = isCall ? subjectOf(before, calleeOf(tokens, opener), scope, names) : null;
    if (subject !== null) return subject;
  }
  return null;
}

function subjectOf(from: Scan, last: number, scope: object, names: DeclaredNames): Subject | null {
  const { code, tokens } = from;
  const { kind, text, end } = tokens[last] ?? NOTHING;
  const title = (first: number) => slice(code, tokens[first]?.start ?? 0, end);
  if (kind === "name" && isMember(tokens, last)) {
    const object = evaluate(from, last - 2, scope);
    const found = object === null ? undefined : property(object.value, text);
    return object === null || found === undefined
      ? null
      : { title: title(object.first), found, declared: undefined };
  }
  const declared = kind === "name" ? mapGet(names, text) : undefined;
  const global = kind === "name" ? property(scope, text) : undefined;
  if (global !== undefined) return { title: text, found: global, declared };
  const value = kind === "name" || text === "]" ? evaluate(from, last, scope) : null;
  if (value !== null) return { title: title(value.first), found: { value: value.value }, declared };
  return declared === undefined ? null : { title: text, found: undefined, declared };
}

/** What is to be said, each "" where there is nothing to say. */
type Facts = {
  readonly title: string;
  readonly signature: string;
  readonly type: string;
  /** What a native function tells in place of its signature. */
  readonly arity: string;
  readonly place: string;
  readonly doc: string;
  readonly value: string;
  readonly source: string;
};

function factsOf({ title, found, declared }: Subject, detail: boolean): Facts {
  const known = read(found);
  const value = known?.value;
  const code = typeof value === "function" ? value : null;
  const parameters = code === null ? "" : signatureOf(code, declared);
  const untyped = found === undefined ? (declared?.kind ?? "") : "accessor, which is not run";
  const type = known === null ? untyped : typeOf(value);
  const text = code === null || isProxy(code) ? "" : sourceOf(code);
  const source = declared?.source ?? (isNative(text) ? "" : text);
  return {
    title,
    signature: parameters === "" ? "" : `${startsWith(type, "class") ? "new " : ""}${title}${parameters}`,
    type,
    arity: code !== null && parameters === "" && isNative(text) ? arityOf(code) : "",
    place: declared === undefined ? "" : `${declared.kind}, ${declared.cell}`,
    doc: declared?.doc ?? "",
    value: known === null || code !== null || isProxy(value) ? "" : valueText(value),
    source: detail ? slice(source, 0, MAX_SOURCE) : "",
  };
}

function arityOf(native: object): string {
  const length = ownProperty(native, "length")?.value;
  if (typeof length !== "number") return "";
  return `, takes ${length} ${length === 1 ? "argument" : "arguments"}`;
}

function plain({ signature, type, arity, place, doc, value, source }: Facts, color: boolean): string {
  let text = "";
  const line = (label: string, told: string): void => {
    if (told === "") return;
    const gap = indexOf(told, "\n") < 0 ? slice("          ", label.length) : "\n";
    text += `${text === "" ? "" : "\n"}${color ? `\u001b[31m${label}:\u001b[0m` : `${label}:`}${gap}${told}`;
  };
  line("Signature", signature);
  line("Type", `${type}${arity}`);
  line("Declared", place);
  line("Doc", doc);
  line("Value", value);
  line("Source", source);
  return text;
}

function markdown({ title, signature, type, arity, place, doc, value, source }: Facts): string {
  let text = fenced(signature === "" ? title : signature, "ts");
  text += `\n\n\`${type}\`${arity}${place === "" ? "" : ` (${place})`}`;
  if (doc !== "") text += `\n\n${doc}`;
  if (value !== "") text += `\n\n${fenced(value, "")}`;
  if (source !== "") text += `\n\n${fenced(source, "ts")}`;
  return text;
}

function fenced(text: string, language: string): string {
  let fence = "```";
  while (indexOf(text, fence) >= 0) fence += "`";
  return `${fence}${language}\n${text}\n${fence}`;
}
