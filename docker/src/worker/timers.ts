/**
 * Timers, ticks and microtasks of the cells that know whose they are, so that those of an interrupted cell end with it.
 *
 * Law: what an interrupt breaks off does not begin again by itself.
 */
type Stoppable = { stopped: boolean };

const { apply } = Reflect;
const nothing = (): void => {};
/** Where each function that calls back later is found, and how what it returned is cleared. */
const SCHEDULERS: readonly [holder: object, name: string, clear: (handle: never) => void][] = [
  [globalThis, "setTimeout", clearTimeout],
  [globalThis, "setInterval", clearInterval],
  [globalThis, "setImmediate", clearImmediate],
  [globalThis, "queueMicrotask", nothing],
  [process, "nextTick", nothing],
];

/** Replaces them, and returns the cell whose callback a signal has just broken off, if there is one. */
export function guardTimers(owner: () => Stoppable | undefined): () => Stoppable | null {
  let entered: Stoppable | null = null;

  const guarded = (callback: () => void, cell: Stoppable, stop: () => void) =>
    function run(this: unknown, ...values: unknown[]): void {
      if (cell.stopped) return stop();
      entered = cell;
      try {
        apply(callback, this, values);
      } finally {
        // A signal leaves the function without coming by here.
        entered = null;
      }
    };

  for (const [holder, name, clear] of SCHEDULERS) {
    const schedule = Reflect.get(holder, name) as () => unknown;
    const handler: ProxyHandler<typeof schedule> = {
      apply(target, self, values: unknown[]) {
        const cell = owner();
        const callback = values[0];
        if (cell !== undefined && typeof callback === "function")
          values[0] = guarded(callback as () => void, cell, () => clear(handle as never));
        const handle: unknown = apply(target, self, values as []);
        return handle;
      },
    };
    Reflect.set(holder, name, new Proxy(schedule, handler));
  }

  return () => {
    const broken = entered;
    entered = null;
    return broken;
  };
}
