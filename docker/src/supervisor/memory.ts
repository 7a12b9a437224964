/**
 * The memory of this sandbox, by the kernel's account of its control group (cgroups(7), versions 1 and 2).
 *
 * Law: before there is none left the worker goes, and not this process.
 */
import { existsSync, readFileSync } from "node:fs";
import { preferOthersForKilling } from "./linux.ts";

const CGROUPS = "/sys/fs/cgroup";
const NAMES = existsSync(`${CGROUPS}/cgroup.controllers`)
  ? { usage: "memory.current", statistics: "memory.stat", mapped: "file_mapped", events: "memory.events" }
  : {
      usage: "memory/memory.usage_in_bytes",
      statistics: "memory/memory.stat",
      mapped: "mapped_file",
      events: "memory/memory.oom_control",
    };
const IDLE_LOOK_MS = 500;
/** The most of the limit that is kept for the pages of programs. */
const PROGRAMS_SHARE = 1 / 4;

export class Memory {
  #programs = 0;
  #killsBefore = 0;
  #wasShort = false;

  constructor(
    /** 0 for none. */
    readonly limitBytes: () => number,
    readonly endWorker: () => void,
  ) {
    setInterval(() => this.look(), IDLE_LOOK_MS);
  }

  newWorker(): void {
    this.#wasShort = false;
    this.newCell();
  }

  /** What the kernel has ended during earlier cells was no end of theirs. */
  newCell(): void {
    this.#killsBefore = outOfMemoryKills();
  }

  /** Whether the worker, or what it has started, had to be ended since. */
  get ranOut(): boolean {
    return this.#wasShort || outOfMemoryKills() > this.#killsBefore;
  }

  /**
   * Ends the worker where memory is short. The kernel would rather take the pages of programs away, this one's too, and
   * read them again a moment later, than call it short: all would come to a stand, and no cell be told why. So there has
   * to be room for as much of them as there was. What an earlier sandbox has read is not counted here, and stays.
   */
  look(): void {
    // Outside of a sandbox all processes and all memory are the machine's.
    if (process.pid !== 1) return;
    preferOthersForKilling();
    const limit = this.limitBytes();
    const statistics = read(NAMES.statistics);
    const files = field(statistics, "inactive_file") + field(statistics, "active_file");
    this.#programs = Math.max(this.#programs, field(statistics, NAMES.mapped));
    const held = Number(read(NAMES.usage)) - files;
    if (limit === 0 || held <= limit - Math.min(this.#programs, limit * PROGRAMS_SHARE)) return;
    this.#wasShort = true;
    this.endWorker();
  }
}

/** How many processes of this sandbox the kernel's out-of-memory killer has ended so far. */
const outOfMemoryKills = (): number => field(read(NAMES.events), "oom_kill");

/** Empty where no control group is mounted. */
function read(name: string): string {
  try {
    return readFileSync(`${CGROUPS}/${name}`, "utf8");
  } catch {
    return "";
  }
}

const field = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
