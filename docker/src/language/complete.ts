/**
 * What may stand at a cursor, from the values of the live session.
 *
 * Law: no code of the user's runs, and whatever the text is, the outcome is a list. No completion is better than a wrong
 * one: where a name comes into being, in texts, comments and patterns, there is none.
 */
import {
  exec,
  isArray,
  isModuleNamespaceObject,
  mapForEach,
  slice,
  stringify,
  toStringTag,
} from "../primordials.ts";
import type { Completion, Completions } from "../wire.ts";
import type { Declared, DeclaredNames } from "./declarations.ts";
import { evaluate } from "./evaluate.ts";
import { holdersOf, isReadable, ownNames, ownProperty, property, read } from "./live.ts";
import { Matches, plain } from "./matches.ts";
import { addModules, builtIn } from "./modulenames.ts";
import { eachLocal, kindDeclared, placeOf } from "./place.ts";
import { signatureOf } from "./signature.ts";
import { ends, isName, match, NOTHING, offsetIn, scan, type Scan } from "./tokens.ts";
import { isClass } from "./valuetext.ts";

/** A longer name is data. */
const MAX_NAME = 200;
const ROOT = Object.prototype;
const INDEX = /\d+/uy;
const MAGIC = /[ \t]*%/uy;
const CLAUSE_END = /[^;'"`(){}]*\}\s*from\s*(["'])([^"'\n]*)\1/uy;
const KEYWORDS: readonly string[] = (
  "abstract as async await break case catch class const continue debugger declare default delete do else enum export " +
  "extends false finally for from function if implements import in instanceof interface keyof let namespace new null of " +
  "private protected public readonly return satisfies static super switch this throw true try type typeof using var " +
  "void while yield"
).split(" ");
const keyword = plain("keyword");

export function complete(code: string, cursor: number, scope: object, names: DeclaredNames): Completions {
  const end = offsetIn(code, cursor);
  try {
    return completionsAt(scan(code, end), end, scope, names);
  } catch {
    return { start: end, end, matches: [] };
  }
}

function completionsAt(before: Scan, end: number, scope: object, names: DeclaredNames): Completions {
  const { code, tokens, inside, from } = before;
  const none = { start: end, end, matches: [] };
  if (isMagic(code, end)) return none;
  if (inside === "string") {
    const found = new Matches(slice(code, from + 1, end));
    addInText(found, before, scope);
    return { start: from + 1, end, matches: found.best() };
  }
  if (inside !== "code") return none;
  const last = tokens.length - 1;
  const word = tokens[last];
  const isWord = word?.kind === "name" && word.end === end;
  const found = new Matches(isWord ? word.text : "");
  const previous = isWord ? last - 1 : last;
  const { kind, text, end: adjacent } = tokens[previous] ?? NOTHING;
  const start = isWord ? word.start : end;
  if (text === "#" || (kind === "number" && adjacent === start)) return none;
  if (text === "." || text === "?.") {
    const object = evaluate(before, previous - 1, scope);
    if (object !== null) addMembers(found, object.value);
  } else addNames(found, before, previous, scope, names);
  return { start, end, matches: found.best() };
}

/** The line is the kernel's, not TypeScript. */
function isMagic(code: string, end: number): boolean {
  let start = end;
  while (start > 0 && code[start - 1] !== "\n") start--;
  return match(MAGIC, code, start) >= 0;
}

/** The names of the object and of its prototypes; with a quote such as stand between brackets, or else after a dot. */
function addMembers(found: Matches, of: unknown, kind = "property", quote = ""): void {
  const holders = holdersOf(of);
  for (let i = 0; i < holders.length; i++) {
    const holder = holders[i] as object;
    addOwn(found, holder, kind, quote, holder === ROOT && i > 0);
  }
}

function addOwn(found: Matches, holder: object, kind: string, quote = "", isLate = false): void {
  const keys = ownNames(holder);
  const isIndexed = isArray(holder);
  const detail = (key: string) => detailOf(read(ownProperty(holder, key))?.value, kind);
  for (let i = 0; i < keys.length && !found.isFull; i++) {
    const key = keys[i] ?? "";
    if (key.length > MAX_NAME || found.rank(key) < 0) continue;
    if (quote === "" ? !isName(key) : isIndexed && match(INDEX, key, 0) === key.length) continue;
    found.add(key, detail, quote === "" ? key : quoted(key, quote), isLate);
  }
}

/** The key as it stands between quotes of this kind. */
function quoted(key: string, quote: string): string {
  const inner = slice(stringify(key), 1, -1);
  if (quote === '"') return inner;
  let text = "";
  for (let i = 0; i < inner.length; i++) {
    const escaped = inner[i] === "\\" ? (inner[++i] ?? "") : "";
    text += escaped === '"' ? '"' : escaped !== "" ? `\\${escaped}` : inner[i] === "'" ? "\\'" : inner[i];
  }
  return text;
}

function detailOf(value: unknown, otherwise: string, declared?: Declared): Omit<Completion, "text"> {
  if (typeof value === "function")
    return { kind: isClass(value) ? "class" : "function", signature: signatureOf(value, declared) };
  if (isModuleNamespaceObject(value)) return { kind: "module", signature: "" };
  // Math, JSON and their like say so of themselves.
  const isNamespace =
    otherwise === "instance" && isReadable(value) && ownProperty(value, toStringTag) !== undefined;
  return { kind: isNamespace ? "module" : otherwise, signature: "" };
}

function addNames(found: Matches, before: Scan, previous: number, scope: object, names: DeclaredNames): void {
  const place = placeOf(before, previous);
  if (place === "declaration") return;
  if (place === "import") return addExports(found, before);
  mapForEach(names, (declared, name) => {
    const detail = () => detailOf(read(property(scope, name))?.value, kindDeclared(declared.kind), declared);
    found.add(name, detail);
  });
  // What this cell declares before the cursor, and has not run yet.
  eachLocal(before.tokens, previous + 1, (name, kind) => found.add(name, plain(kind)));
  if (place === "key") return;
  addMembers(found, scope, "instance");
  for (let i = 0; i < KEYWORDS.length; i++) found.add(KEYWORDS[i] ?? "", keyword);
}

/** What the module of an import has to offer, where that is known without loading it. */
function addExports(found: Matches, { code, tokens }: Scan): void {
  CLAUSE_END.lastIndex = (tokens[tokens.length - 1] ?? NOTHING).end;
  const module = builtIn(exec(CLAUSE_END, code)?.[2] ?? "");
  if (module !== null) addOwn(found, module, "property");
}

/** In a text: the name of a module, or of a property. */
function addInText(found: Matches, before: Scan, scope: object): void {
  const { code, tokens, from } = before;
  const last = tokens.length - 1;
  const word = tokens[last]?.text;
  const caller = tokens[last - 1]?.text;
  if (word === "from" || word === "import") addModules(found);
  else if (word === "(" && (caller === "import" || caller === "require")) addModules(found);
  else if (word === "[") {
    const object = evaluate(before, caller === "?." ? last - 2 : last - 1, scope);
    if (object !== null && (caller === "?." || ends(tokens, last - 1)))
      addMembers(found, object.value, "property", code[from]);
  }
}
