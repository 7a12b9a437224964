/** Questions about code, answered from the live session. */
import { complete } from "../language/complete.ts";
import { completeness } from "../cell.ts";
import { type Declared, declarations, inspect } from "../language/inspect.ts";
import { variables } from "../language/variables.ts";
import type { Answer, Question } from "../wire.ts";

const declared = new Map<string, Declared>();
let unread: (readonly [code: string, cell: string])[] = [];

/** Keeps a cell's text for those who ask later; it is read when the first of them comes. */
export function remember(code: string, cell: string): void {
  unread[unread.length] = [code, cell];
}

function readCells(): void {
  const cells = unread;
  unread = [];
  for (const [code, cell] of cells)
    for (const [name, declaration] of declarations(code, cell)) declared.set(name, declaration);
}

export function answer(question: Question): Answer {
  readCells();
  switch (question.about) {
    case "is_complete":
      return { about: "is_complete", ...completeness(question.code) };
    case "complete":
      return { about: "complete", ...complete(question.code, question.cursor, globalThis, declared) };
    case "inspect":
      return {
        about: "inspect",
        ...inspect(question.code, question.cursor, question.detail, globalThis, declared, true),
      };
    case "variables":
      return { about: "variables", variables: variables(globalThis, declared) };
  }
}
