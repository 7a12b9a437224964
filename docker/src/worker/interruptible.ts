/**
 * Turns the event loop in a place that SIGINT can break out of.
 *
 * Only a script of node:vm can be left in the middle of a loop. So the whole event loop turns inside one: a matcher of
 * bun:test waits for its promise synchronously, and every timer, callback and continuation runs on the script's stack.
 * Whatever user code does there, a signal ends it, and the process goes on.
 */
import { Script } from "node:vm";

/** What Bun has for tests, and lacks types for outside of them. */
type TestGlobals = { readonly expect: (value: unknown) => { resolves: { toBe: (value: unknown) => void } } };
const { expect } = (Bun as unknown as { jest: (path: string) => TestGlobals }).jest(Bun.main);

// Its fake timers would outlive the cell that asked for them.
Reflect.set(Bun, "jest", undefined);

const TURN = "__turnEventLoop";
const script = new Script(`${TURN}()`);
const run = script.runInThisContext.bind(script);
const never = new Promise<never>(() => {});

Object.defineProperty(globalThis, TURN, { value: () => expect(never).resolves.toBe(undefined) });

/** Never returns; `interrupted` is called each time that a signal has ended what ran. */
export function turnEventLoop(interrupted: () => void): never {
  for (;;) {
    try {
      run({ breakOnSigint: true });
    } catch {
      interrupted();
    }
  }
}
