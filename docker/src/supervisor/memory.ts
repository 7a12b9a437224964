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

export class Memory {
  #programs = 0;
  #kills = outOfMemoryKills();

  /** `endLargest` ends the worker that takes most; it is told the limit in bytes. */
  constructor(readonly endLargest: (limitBytes: number) => void) {}

  /** 0 for none; it may change while the sandbox runs. */
  get limitBytes(): number {
    // Outside of a sandbox all processes and all memory are the machine's.
    return process.pid === 1 ? (limit(read(NAMES.limit)) ?? 0) : 0;
  }

  /**
   * Ends a worker where memory is short. The kernel would rather take the pages of programs away, this one's too, and
   * read them again a moment later, than call it short: all would come to a stand, and no cell be told why. So there has
   * to be room for as much of them as there was. What an earlier sandbox has read is not counted here, and stays.
   */
  look(): void {
    const { limitBytes } = this;
    if (limitBytes === 0 || this.#isRoomBeingMade()) return;
    preferOthersForKilling();
    const statistics = read(NAMES.statistics);
    const files = field(statistics, "inactive_file") + field(statistics, "active_file");
    this.#programs = Math.max(this.#programs, field(statistics, NAMES.mapped));
    const held = Number(read(NAMES.usage)) - files;
    if (held > limitBytes - Math.min(this.#programs, limitBytes * PROGRAMS_SHARE))
      this.endLargest(limitBytes);
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
