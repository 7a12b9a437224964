/** The values of earlier cells: `_` and `__` for the last two, `_3` and `Out[3]` for that of cell 3, `In[3]` its text. */
const { defineProperty } = Object;
const Out: Record<string, unknown> = {};
const In: Record<string, string> = {};
const latest: Record<"_" | "__", unknown> = { _: undefined, __: undefined };

export const resultGlobals = { Out, In, ...latest };

export function keepSource(count: number, source: string): void {
  In[count] = source;
}

export function keepValue(count: number, value: unknown): void {
  Out[count] = value;
  publish(`_${count}`, value);
  shift("__", latest._);
  shift("_", value);
}

/** Names that a cell has taken for itself stay its own. */
function shift(name: "_" | "__", value: unknown): void {
  if (Reflect.get(globalThis, name) === latest[name]) publish(name, value);
  latest[name] = value;
}

function publish(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
