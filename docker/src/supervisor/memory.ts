/**
 * The memory of this sandbox, by the kernel's account of its control group (cgroups(7), versions 1 and 2).
 *
 * Law: before there is none left a worker goes, and not this process.
 */
import { existsSync, readFileSync } from "node:fs";
import { preferOthersForKilling } from "./linux.ts";
import { limit } from "./selfcheck.ts";

const CGROUPS = "/sys/fs/cgroup";
const NAMES = existsSync(`${CGROUPS}/cgroup.controllers`)
  ? {
      limit: "memory.max",
      usage: "memory.current",
      statistics: "memory.stat",
      mapped: "file_mapped",
      events: "memory.events",
    }
  : {
      limit: "memory/memory.limit_in_bytes",
      usage: "memory/memory.usage_in_bytes",
      statistics: "memory/memory.stat",
      mapped: "mapped_file",
      events: "memory/memory.oom_control",
    };
/** The most of the limit that is kept for the pages of programs. */
const PROGRAMS_SHARE = 1 / 4;
/** So much of what is in use at once. */
const SPARE = 2;

/** For so long memory may be counted that nobody has any more. */
const LEAVING_MS = 200;

/** How much is held of how much, and since when that is too much. */
export type Shortage = { readonly limitBytes: number; readonly heldBytes: number; readonly ms: number };

/** Pure: who has to go. Whoever takes most; nobody while most is held by nobody, who may have just left. */
export function whoEnds<Holder extends { readonly bytes: number }>(
  holders: readonly Holder[],
  { heldBytes, ms }: Shortage,
): Holder | undefined {
  const known = holders.reduce((sum, { bytes }) => sum + bytes, 0);
  if (known < heldBytes / 2 && ms < LEAVING_MS) return undefined;
  return holders.toSorted((one, other) => other.bytes - one.bytes)[0];
}

export class Memory {
  #programs = 0;
  #kills = outOfMemoryKills();
  #shortSince = Infinity;

  /** `makeRoom` ends whom it has to. */
  constructor(readonly makeRoom: (shortage: Shortage) => void) {}

  /** 0 for none; it may change while the sandbox runs. */
  get limitBytes(): number {
    // Outside of a sandbox all processes and all memory are the machine's.
    return process.pid === 1 ? (limit(read(NAMES.limit)) ?? 0) : 0;
  }

  /**
   * Ends a worker where memory is short. The kernel would rather take the pages of programs away, this one's too, and
   * read them again a moment later, than call it short: all would come to a stand, and no cell be told why. So there has
   * to be room for twice as much of them as there was, since the kernel does not know which are needed. What an earlier
   * sandbox has read is not counted here, and stays.
   */
  look(): void {
    const { limitBytes } = this;
    if (limitBytes === 0 || this.#isRoomBeingMade()) return;
    preferOthersForKilling();
    const statistics = read(NAMES.statistics);
    const files = field(statistics, "inactive_file") + field(statistics, "active_file");
    this.#programs = Math.max(this.#programs, SPARE * field(statistics, NAMES.mapped));
    const held = Number(read(NAMES.usage)) - files;
    const isShort = held > limitBytes - Math.min(this.#programs, limitBytes * PROGRAMS_SHARE);
    const now = performance.now();
    this.#shortSince = isShort ? Math.min(this.#shortSince, now) : Infinity;
    if (isShort) this.makeRoom({ limitBytes, heldBytes: held, ms: now - this.#shortSince });
  }

  /** Whether the kernel has ended somebody since the last look, whose memory may still be counted. */
  #isRoomBeingMade(): boolean {
    const before = this.#kills;
    this.#kills = outOfMemoryKills();
    return this.#kills > before;
  }
}

/** How many processes of this sandbox the kernel's out-of-memory killer has ended so far. */
export const outOfMemoryKills = (): number => field(read(NAMES.events), "oom_kill");

/** Empty where no control group is mounted. */
function read(name: string): string {
  try {
    return readFileSync(`${CGROUPS}/${name}`, "utf8").trim();
  } catch {
    return "";
  }
}

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
