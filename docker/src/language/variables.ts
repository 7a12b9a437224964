/**
 * The variables of the session, as `%vars` lists them.
 *
 * Law: no code of the user's runs.
 */
import { estimateShallowMemoryUsageOf } from "bun:jsc";
import { append, indexOf, list, mapForEach, released, slice } from "../primordials.ts";
import type { Variable } from "../wire.ts";
import type { DeclaredNames } from "./declarations.ts";
import { isReadable, ownProperty, read } from "./live.ts";
import { typeOf, valueText } from "./valuetext.ts";

const MAX_VARIABLES = 1_000;
const MAX_NAME = 200;
const MAX_TEXT = 80;

/** In the order in which they were first declared. */
export function variables(scope: object, names: DeclaredNames): readonly Variable[] {
  const found = list<Variable>();
  mapForEach(names, (declared, name) => {
    const property = ownProperty(scope, name);
    if (property === undefined || found.length === MAX_VARIABLES || name.length > MAX_NAME) return;
    const known = read(property);
    const value = known?.value;
    append(found, {
      name,
      declared: declared.kind,
      kind: known === null ? "accessor" : slice(typeOf(value), 0, MAX_NAME),
      bytes: known === null ? null : bytesOf(value),
      text: known === null ? "" : short(valueText(value)),
    });
  });
  return released(found);
}

/** Of the value itself, without what it refers to. */
function bytesOf(value: unknown): number | null {
  if (typeof value === "string") return value.length;
  if (!isReadable(value)) return typeof value === "number" || typeof value === "boolean" ? 8 : null;
  return estimateShallowMemoryUsageOf(value);
}

/** One line. */
function short(text: string): string {
  const end = indexOf(text, "\n");
  const line = end < 0 ? text : `${slice(text, 0, end)} …`;
  return line.length <= MAX_TEXT ? line : `${slice(line, 0, MAX_TEXT - 2)} …`;
}
