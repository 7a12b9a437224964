import { expect, test } from "bun:test";
import { readSettings } from "./settings.ts";

const SET_BY_THE_IMAGE = "BUN_SANDBOX_VERSION";

/** The rows of the page's table: variable → default, null where there is none. */
async function documented(): Promise<Map<string, string | null>> {
  const page = await Bun.file(new URL("../../../docs/configuration.md", import.meta.url)).text();
  const section = page.split("\n## The container's own settings\n")[1] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return new Map(
    rows.flatMap((row) => {
      const [, names = "", defaults = ""] = row.split("|");
      const values = quoted(defaults);
      return quoted(names).map((name, place) => [name, values[place] ?? null] as const);
    }),
  );
}

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]*)`/g)].map((match) => match[1] ?? "");
}

test("the page names every setting of the container, and no other", async () => {
  const asked = new Set<string>();
  readSettings(new Proxy({}, { get: (_, name) => void asked.add(String(name)) }));
  asked.delete(SET_BY_THE_IMAGE);
  expect([...(await documented()).keys()].toSorted()).toEqual([...asked].toSorted());
});

test("the page's defaults are those of the container", async () => {
  const defaults = [...(await documented())].map(([name, value]) => [name, value ?? undefined] as const);
  expect(readSettings(Object.fromEntries(defaults))).toEqual(readSettings({}));
});

test("an audit is asked for by 1, and what is neither 1 nor 0 is refused", () => {
  expect(readSettings({ BUN_SANDBOX_AUDIT: "1" }).isAudit).toBeTrue();
  expect(readSettings({ BUN_SANDBOX_AUDIT: "" }).isAudit).toBeFalse();
  expect(() => readSettings({ BUN_SANDBOX_AUDIT: "true" })).toThrow('BUN_SANDBOX_AUDIT is "true"; give 1');
});
