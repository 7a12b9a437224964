/**
 * What may stand at a cursor, from the values of the live session.
 *
 * Law: no code of the user's runs, and whatever the text is, the outcome is a list. No completion is better than a wrong
 * one: where a name comes into being, in texts, comments and patterns, there is none.
 */
import { Dirent, readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import {
  FAR,
  MAX_DEPTH,
  NAME,
  NOTHING,
  ROOT,
  type Scan,
  type Token,
  append,
  classOf,
  ends,
  evaluate,
  exec,
  getPrototypeOf,
  indexOf,
  isArray,
  isIn,
  isMember,
  isModuleNamespaceObject,
  isReadable,
  list,
  match,
  ownNames,
  ownProperty,
  property,
  read,
  released,
  scan,
  slice,
  startsWith,
  toObject,
  unbound,
  valueAt,
} from "./expression.ts";
import { type Declared, signatureOf } from "./inspect.ts";
import type { Completion, Completions } from "../wire.ts";

type Names = ReadonlyMap<string, Declared>;

const MAX_MATCHES = 1_000;
/** A longer name is data. */
const MAX_NAME = 200;
const MAX_FOLDERS = 100;

const cwd = process.cwd.bind(process);
const getBuiltinModule = process.getBuiltinModule.bind(process);
const { Set } = globalThis;
const { stringify } = JSON;
const lower = unbound(String.prototype, "toLowerCase");
const readFolder = readdirSync;
const addTo = unbound(Set.prototype as Set<unknown>, "add");
const eachOf: (names: Names, take: (declared: Declared, name: string) => void) => void = unbound(
  Map.prototype as Map<string, Declared>,
  "forEach",
) as never;
const isFolder = unbound(Dirent.prototype, "isDirectory");
const words = (text: string): readonly string[] => text.split(" ");

const WITH_TYPES = Object.assign(Object.create(null) as object, { withFileTypes: true } as const);
const INDEX = /\d+/uy;
const TAG = Symbol.toStringTag;
const CLAUSE_END = /[^;'"`(){}]*\}\s*from\s*(["'])([^"'\n]*)\1/uy;
const KEYWORDS = words(
  "abstract as async await break case catch class const continue debugger declare default delete do else enum export " +
    "extends false finally for from function if implements import in instanceof interface keyof let namespace new null of " +
    "private protected public readonly return satisfies static super switch this throw true try type typeof using var " +
    "void while yield",
);
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
const VARIABLES: ReadonlySet<unknown> = new Set(words("const let var using"));
const MODIFIERS: ReadonlySet<unknown> = new Set(
  words("; } * static async get set readonly public private protected abstract override accessor declare"),
);
/** Words and signs before a block. */
const BEFORE_BLOCKS: ReadonlySet<unknown> = new Set(words("=> ; { } do else try finally static >"));
const MODULES = builtinModules
  .filter((name) => !name.startsWith("_"))
  .map((name) => (/^bun$|^undici$|^ws$|:/.test(name) ? name : `node:${name}`))
  .toSorted();
const BUILTIN: ReadonlySet<unknown> = new Set([...MODULES, ...builtinModules]);

export function complete(code: string, cursor: number, scope: object, names: Names): Completions {
  const end = cursor > 0 ? (cursor < code.length ? cursor | 0 : code.length) : 0;
  try {
    return completionsAt(scan(code, end), end, scope, names);
  } catch {
    return { start: end, end, matches: released([]) };
  }
}

function completionsAt(before: Scan, end: number, scope: object, names: Names): Completions {
  const { code, tokens, inside, from } = before;
  const none = { start: end, end, matches: released<Completion>([]) };
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
  while (code[start] === " " || code[start] === "\t") start++;
  return start < code.length && code[start] === "%";
}

/** What is known of a key, asked for once it is sure to be shown. */
type Detail = (key: string) => Omit<Completion, "text">;
const plain = (kind: string): Detail => {
  const detail = { kind, signature: "" };
  return () => detail;
};
type Match = { readonly key: string; readonly text: string; readonly detail: Detail };

/** Collects what matches a prefix: first what starts with it, then what does in another case, then what contains it. */
class Matches {
  readonly #lower: string;
  readonly #seen = new Set();
  /** Two lists a rank, the second for what everything has. */
  readonly #found = list<Match[]>();

  constructor(readonly prefix: string) {
    this.#lower = lower(prefix);
    for (let rank = 0; rank < 6; rank++) append(this.#found, list());
  }

  /** Nothing better can come. */
  get isFull(): boolean {
    return (this.#found[0]?.length ?? 0) >= MAX_MATCHES;
  }

  rank(key: string): number {
    if (startsWith(key, this.prefix)) return 0;
    const at = indexOf(lower(key), this.#lower);
    return at === 0 ? 1 : at > 0 ? 2 : -1;
  }

  add(key: string, detail: Detail, late = false, text = key): void {
    const rank = this.rank(key);
    const found = this.#found[2 * rank + (late ? 1 : 0)];
    if (found === undefined || found.length >= MAX_MATCHES || isIn(this.#seen, key)) return;
    addTo(this.#seen, key);
    append(found, { key, text, detail });
  }

  best(): Completion[] {
    const best = list<Completion>();
    for (let rank = 0; rank < this.#found.length; rank++) {
      const found = this.#found[rank] ?? list();
      for (let i = 0; i < found.length && best.length < MAX_MATCHES; i++) {
        const one = found[i];
        if (one !== undefined) append(best, { text: one.text, ...one.detail(one.key) });
      }
    }
    return released(best);
  }
}

/** The names of the object and of its prototypes; with a quote such as stand between brackets, or else after a dot. */
function addMembers(found: Matches, of: unknown, quote = ""): void {
  let holder: unknown = of === undefined || of === null ? null : toObject(of);
  for (let depth = 0; isReadable(holder) && depth < MAX_DEPTH; depth++) {
    addOwn(found, holder, "property", quote, holder === ROOT && depth > 0);
    holder = getPrototypeOf(holder);
  }
}

function addOwn(found: Matches, holder: object, kind: string, quote = "", isLate = false): void {
  const keys = ownNames(holder);
  const indexed = isArray(holder);
  const detail = (key: string) => detailOf(valueOf(holder, key), kind);
  for (let i = 0; i < keys.length && !found.isFull; i++) {
    const key = keys[i] ?? "";
    if (key.length > MAX_NAME || found.rank(key) < 0) continue;
    if (quote === "" ? match(NAME, key, 0) !== key.length : indexed && match(INDEX, key, 0) === key.length)
      continue;
    found.add(key, detail, isLate, quote === "" ? key : quoted(key, quote));
  }
}

const valueOf = (holder: object, key: string): unknown => read(property(holder, key))?.value;

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
  if (typeof value === "function") return { kind: kindOf(value), signature: signatureOf(value, declared) };
  if (isModuleNamespaceObject(value)) return { kind: "module", signature: "" };
  // Math, JSON and their like say so of themselves.
  const isNamespace = otherwise === "instance" && isReadable(value) && ownProperty(value, TAG) !== undefined;
  return { kind: isNamespace ? "module" : otherwise, signature: "" };
}

/** Of a class the prototype cannot be replaced. */
const kindOf = (value: object): string =>
  isReadable(value) && ownProperty(value, "prototype")?.writable === false ? "class" : "function";

function addNames(found: Matches, before: Scan, previous: number, scope: object, names: Names): void {
  const place = placeOf(before, previous);
  if (place === "declaration") return;
  if (place === "import") return addExports(found, before);
  eachOf(names, (declared, name) => {
    const detail = () => detailOf(valueOf(scope, name), kindNamed(declared.kind), declared);
    found.add(name, detail);
  });
  addLocals(found, before.tokens, previous);
  if (place === "key") return;
  let holder: object | null = scope;
  for (let depth = 0; isReadable(holder) && depth < MAX_DEPTH; depth++) {
    addOwn(found, holder, "instance", "", holder === ROOT);
    holder = getPrototypeOf(holder);
  }
  for (let i = 0; i < KEYWORDS.length; i++) found.add(KEYWORDS[i] ?? "", keyword);
}
const keyword = plain("keyword");

const kindNamed = (word: string): string => valueAt(DECLARING, word) ?? "";

/** What this cell declares before the cursor, and has not run yet. */
function addLocals(found: Matches, tokens: readonly Token[], previous: number): void {
  for (let i = 1; i <= previous; i++) {
    const { kind, text } = tokens[i] ?? NOTHING;
    const become = kind === "name" && !isMember(tokens, i - 1) ? kindNamed(tokens[i - 1]?.text ?? "") : "";
    if (become !== "") found.add(text, plain(become));
  }
}

/** What a name at the cursor is: a new name is nobody's to complete, a key may be short for a variable. */
function placeOf({ tokens, open }: Scan, previous: number): "expression" | "key" | "declaration" | "import" {
  const { text: word, kind } = tokens[previous] ?? NOTHING;
  const before = tokens[previous - 1]?.text;
  if (kind === "name" && valueAt(DECLARING, word) !== undefined && !isMember(tokens, previous))
    return "declaration";
  if (word === "*" && before === "function") return "declaration";
  if (word === "as" && (before === "*" || before === "default")) return "declaration";
  const bracket = open[open.length - 1] ?? -1;
  const opener = tokens[bracket]?.text;
  const isListed = previous === bracket || word === ",";
  if (opener === "(" && isListed && isParameters(tokens, bracket)) return "declaration";
  if (opener === "{" && isClause(tokens, bracket)) return "import";
  if ((opener === "{" || opener === "[") && isIn(VARIABLES, tokens[bracket - 1]?.text))
    return isListed || word === ":" || word === "..." ? "declaration" : "expression";
  if (opener === "{" && classOf(tokens, bracket) >= 0)
    return isListed || isIn(MODIFIERS, word) ? "declaration" : "expression";
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
  return before !== undefined && !ends(tokens, bracket - 1) && !isIn(BEFORE_BLOCKS, before.text);
}

/** The comma stands between the variables of one declaration. */
function isDeclarator(tokens: readonly Token[], comma: number): boolean {
  for (let i = comma - 1; i >= 0 && comma - i < FAR; i--) {
    const { text, open } = tokens[i] ?? NOTHING;
    if (open >= 0) i = open;
    else if (text === ";" || text === "(" || text === "[" || text === "{" || text === "${") return false;
    else if (isIn(VARIABLES, text) && !isMember(tokens, i)) return true;
  }
  return false;
}

/** What the module of an import has to offer, where that is known without loading it. */
function addExports(found: Matches, { code, tokens }: Scan): void {
  const last = tokens[tokens.length - 1] ?? NOTHING;
  CLAUSE_END.lastIndex = last.end;
  const specifier = exec(CLAUSE_END, code)?.[2] ?? "";
  if (isIn(BUILTIN, specifier)) addOwn(found, toObject(getBuiltinModule(specifier)), "property");
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
      addMembers(found, object.value, code[from] ?? "");
  }
}

function addModules(found: Matches): void {
  const { prefix } = found;
  if (startsWith(prefix, ".") || startsWith(prefix, "/")) return addFiles(found);
  let folder: string | null = cwd();
  for (let depth = 0; folder !== null && depth < MAX_FOLDERS; depth++) {
    const modules = `${folder}/node_modules`;
    eachEntry(modules, (name) => {
      if (startsWith(name, "@"))
        eachEntry(`${modules}/${name}`, (inner) => found.add(`${name}/${inner}`, named));
      else found.add(name, named);
    });
    folder = parent(folder);
  }
  for (let i = 0; i < MODULES.length; i++) found.add(MODULES[i] ?? "", named);
}
const named = plain("module");

function addFiles(found: Matches): void {
  const { prefix } = found;
  if (prefix === "." || prefix === "..") found.add(`${prefix}/`, path);
  if (prefix === ".") found.add("../", path);
  const folder = slice(prefix, 0, lastSlash(prefix) + 1);
  if (folder !== "")
    eachEntry(startsWith(folder, "/") ? folder : `${cwd()}/${folder}`, (name, isDirectory) =>
      found.add(`${folder}${name}${isDirectory ? "/" : ""}`, path),
    );
}
const path = plain("path");

/** Hidden files are nothing to import. */
function eachEntry(folder: string, take: (name: string, isDirectory: boolean) => void): void {
  try {
    const entries = readFolder(folder, WITH_TYPES);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (entry !== undefined && !startsWith(entry.name, ".")) take(entry.name, isFolder(entry));
    }
  } catch {
    return; // there is no such folder
  }
}

function parent(folder: string): string | null {
  const end = lastSlash(folder);
  return end < 0 ? null : slice(folder, 0, end);
}

function lastSlash(text: string): number {
  let at = text.length - 1;
  while (at >= 0 && text[at] !== "/") at--;
  return at;
}
