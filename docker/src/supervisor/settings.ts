/** The environment of the container → the supervisor's settings. A wrong value stops the start, with its name. */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import type { Limits } from "./ending.ts";
import type { Identity } from "../server.ts";

export type Settings = {
  readonly limits: Limits;
  readonly secret: string;
  /** What no program inside may read. */
  readonly closed: readonly string[];
  readonly socket: string | null;
  readonly port: number;
  readonly healthPort: number;
  readonly lifeline: boolean;
  readonly isAudit: boolean;
  readonly identity: Identity;
  readonly workerEnvironment: Readonly<Record<string, string>>;
};

type Environment = Readonly<Record<string, string | undefined>>;

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** @throws Error that names the variable, its value and what is allowed. */
export function readSettings(env: Environment): Settings {
  const secretFile = env["BUN_SANDBOX_SECRET_FILE"];
  return {
    limits: {
      maxExecutionMs: milliseconds(env, "MAX_EXECUTION_TIME", 30_000),
      maxMemoryBytes: bytes(env, "MAX_MEMORY", 0),
      maxOutputBytes: bytes(env, "MAX_OUTPUT", 1 << 20),
    },
    secret: env["BUN_SANDBOX_SECRET"] || secretOfFile(secretFile),
    closed: secretFile && existsSync(secretFile) ? [realpathSync(secretFile)] : [],
    socket: env["BUN_SANDBOX_SOCKET"] || null,
    port: 9998,
    healthPort: 9999,
    lifeline: flag(env, "BUN_SANDBOX_LIFELINE"),
    isAudit: flag(env, "BUN_SANDBOX_AUDIT"),
    identity: { version: env["BUN_SANDBOX_VERSION"] ?? "", bun: Bun.version },
    workerEnvironment: {
      HOME: "/sandbox/code",
      TMPDIR: "/tmp",
      PATH: "/usr/local/bin",
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
      DO_NOT_TRACK: "1",
      NODE_ENV: env["NODE_ENV"] ?? "production",
      TZ: env["TZ"] ?? "UTC",
      LANG: "C.UTF-8",
    },
  };
}

/** Without its last line break, which editors and `echo` leave. */
function secretOfFile(path: string | undefined): string {
  if (!path) return "";
  const told = `BUN_SANDBOX_SECRET_FILE is "${path}", and`;
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    const remedy = `give a file that user ${process.getuid?.()} may read`;
    throw new Error(`${told} it cannot be read (${String(error)}); ${remedy}`, { cause: error });
  }
  const secret = content.replace(/\r?\n$/, "");
  if (secret === "") throw new Error(`${told} it is empty; write the secret into it`);
  return secret;
}

function flag(env: Environment, name: string): boolean {
  const value = env[name] || "0";
  if (value === "0" || value === "1") return value === "1";
  throw new Error(`${name} is "${value}"; give 1, or 0 as where it is unset`);
}

function milliseconds(env: Environment, name: string, fallback: number): number {
  const value = env[name] || String(fallback);
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new Error(`${name} is "${value}"; give whole milliseconds, for example 5000, or 0 for no limit`);
}

function bytes(env: Environment, name: string, fallback: number): number {
  const value = env[name] || String(fallback);
  const [, digits, unit = ""] = /^(\d{1,12})([bkmg]?)$/i.exec(value) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (digits !== undefined && factor !== undefined) return Number(digits) * factor;
  throw new Error(
    `${name} is "${value}"; give bytes with an optional unit, for example 128m, or 0 for no limit`,
  );
}
