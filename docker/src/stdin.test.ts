/** Cells that ask for input. */
import { describe, expect, test } from "bun:test";
import { Notebook, output, until } from "./notebook.harness.ts";
import type { Event } from "./wire.ts";

const notebook = new Notebook();
const { repl } = notebook;

/** Runs a cell and answers what it asks. */
async function answered(code: string, ...answers: readonly (string | null)[]): Promise<Event[]> {
  const { events, end } = notebook.start(code, { allow_stdin: true });
  for (const [index, answer] of answers.entries()) {
    await until(() => questions(events).length > index || events.at(-1)?.type === "end");
    repl.input(questions(events)[index]?.id ?? -1, answer);
  }
  await end;
  return events;
}
const questions = (events: readonly Event[]) => events.filter((event) => event.type === "input");
const shown = (events: readonly Event[]): unknown =>
  events.flatMap((event) => (event.type === "result" ? [event.data["text/plain"]] : [])).at(0);

describe("a cell asks", () => {
  test.each([
    ["prompt('Name?')", ["Ada"], '"Ada"', "Name? "],
    ["prompt('Name?', 'nobody')", [""], '"nobody"', "Name? "],
    ["prompt()", ["🥟 süß"], '"🥟 süß"', ""],
    ["prompt('x')", [null], "null", "x "],
    ["confirm('Sure?')", ["y"], "true", "Sure? [y/N] "],
    ["confirm('Sure?')", ["no"], "false", "Sure? [y/N] "],
    ["alert('Look'); 1", [""], "1", "Look [Enter] "],
    ["[prompt('a'), prompt('b')].join()", ["1", "2"], '"1,2"', "a "],
    ["await input('Word: ')", ["typed"], '"typed"', "Word: "],
  ] as const)("%s", async (code, answers, result, question) => {
    const events = await answered(code, ...answers);
    expect(shown(events)).toBe(result);
    expect(questions(events)[0]).toMatchObject({ prompt: question, password: false });
  });

  test("for a password that is not shown", async () => {
    const events = await answered("await input('Key: ', { password: true })", "k");
    expect(questions(events)[0]).toMatchObject({ password: true });
  });

  test("and goes on meanwhile where it does not block", async () => {
    const { events, end } = notebook.start("setTimeout(() => console.log('tick'), 10); await input('?')", {
      allow_stdin: true,
    });
    await until(() => output(events) === "tick\n");
    expect(repl.input(questions(events)[0]?.id ?? -1, "now")).toBeTrue();
    expect(await end).toMatchObject({ outcome: "ok" });
  });
});

describe("without anybody to ask", () => {
  test.each([
    ["prompt('x')", "null"],
    ["confirm('x')", "false"],
    ["alert('x'); 1", "1"],
  ])("%s is %s, and says why", async (code, result) => {
    const events = await notebook.run(code);
    expect(shown(events)).toBe(result);
    expect(output(events, "stderr")).toContain("nobody can be asked for input");
  });

  test("input is an error", async () => {
    expect(await notebook.value("await input('x')")).toContain("nobody can be asked for input");
  });
});

test("a question of a cell that has ended gets no answer, and holds up nobody", async () => {
  await notebook.run("setTimeout(() => console.log('late', prompt('x')), 10);", { allow_stdin: true });
  await until(() => JSON.stringify(notebook.late).includes("late null"));
  expect(JSON.stringify(notebook.late)).toContain("nobody can be asked for input");
});

test("an interrupt ends a prompt, and the next one gets its own answer", async () => {
  await notebook.run("let before = 1");
  for (const code of ["prompt('first')", "await input('first')"]) {
    const { events, end } = notebook.start(code, { allow_stdin: true });
    await until(() => questions(events).length > 0);
    repl.interrupt();
    expect(await end).toMatchObject({ outcome: "interrupted", state: "kept" });
    expect(repl.input(questions(events)[0]?.id ?? -1, "stale")).toBeFalse();
  }
  expect(shown(await answered("prompt('second') + before", "fresh"))).toBe('"fresh1"');
});
