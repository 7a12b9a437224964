/**
 * Who asks: somebody outside, or code in this very sandbox, which could order work for itself and end that of others.
 * By the addresses that the kernel holds to be its own (proc_net_fib_trie(5), if_inet6 of proc_net(5)).
 */
import { readFileSync } from "node:fs";

/** As they were when they could last be read: there may be no descriptor left. */
const tables = new Map<string, string>();

export function isFromInside(address: string): boolean {
  const plain = address.replace(/^::ffff:/, "");
  if (plain.startsWith("127.") || plain === "::1") return true;
  const isInet6 = plain.includes(":");
  const table = read(isInet6 ? "/proc/net/if_inet6" : "/proc/net/fib_trie");
  // Nobody can tell, so that it may be.
  if (table === undefined) return true;
  return isInet6 ? ownInet6(table).has(expanded(plain)) : ownInet(table).has(plain);
}

function read(path: string): string | undefined {
  try {
    tables.set(path, readFileSync(path, "utf8"));
  } catch {
    // The last one it is.
  }
  return tables.get(path);
}

/** Pure: each address of this machine's own stands on the line before `/32 host LOCAL`. */
export function ownInet(trie: string): ReadonlySet<string> {
  return new Set([...trie.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address = ""]) => address));
}

/** Pure: 32 hexadecimal digits a line, before the first space. */
export function ownInet6(table: string): ReadonlySet<string> {
  return new Set(table.split("\n").map((line) => line.split(" ")[0] ?? ""));
}

/** Pure: `fe80::1` → its 32 hexadecimal digits. */
export function expanded(address: string): string {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join("");
}

const groups = (text: string): string[] => text.split(":").filter((group) => group !== "");
