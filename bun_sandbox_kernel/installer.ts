// What an installer's sandbox runs, as a cell: packages.py fills in the request and reads the lines that are printed.
//
// Law: the packages of the session are one folder, its lock and its manifest inside, that is exchanged for the new one
// in one call. Whatever breaks off before leaves them as they were.
import { dlopen, ptr } from "bun:ffi";
import fs from "node:fs";

const request = REQUEST;
const live = "/sandbox/node_modules";
const stage = "/sandbox/.installing";
const cache = "/var/cache/bun";
const mostCached = 2 ** 30;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Bytes of all files below; an empty one takes room as well. */
function size(folder: string): number {
  let bytes = 0;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    try {
      bytes += entry.isDirectory() ? 4096 + size(path) : Math.max(4096, fs.lstatSync(path).size);
    } catch {
      // It was moved meanwhile.
    }
  }
  return bytes;
}
const cached = () => fs.readdirSync(cache).filter((name) => name.includes("@")).length;
const copy = (from: string, to: string) => fs.existsSync(from) && fs.copyFileSync(from, to);

fs.rmSync(stage, { recursive: true, force: true });
fs.mkdirSync(stage);
if (size(cache) > mostCached)
  for (const name of fs.readdirSync(cache)) fs.rmSync(`${cache}/${name}`, { recursive: true, force: true });
process.chdir(stage);
copy(`${live}/.package.json`, "package.json");
copy(`${live}/.bun.lock`, "bun.lock");
const manifest = fs.existsSync("package.json") ? JSON.parse(fs.readFileSync("package.json", "utf8")) : {};
manifest.dependencies = { ...manifest.dependencies, ...request.dependencies };
fs.writeFileSync("package.json", JSON.stringify(manifest));
fs.writeFileSync("bunfig.toml", request.bunfig);

const environment = { ...process.env, BUN_INSTALL_CACHE_DIR: cache, NO_COLOR: "1" };
const bun = Bun.spawn([process.execPath, request.command, ...request.arguments], {
  stdin: "ignore",
  stdout: "pipe",
  stderr: "pipe",
  env: environment,
});
/** The end of a text that may be long. */
async function end(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) text = (text + decoder.decode(chunk, { stream: true })).slice(-100_000);
  return text;
}
const output = Promise.all([end(bun.stdout), end(bun.stderr)]);
const atFirst = { bytes: size(cache), packages: cached() };
let isLarge = false;
while (bun.exitCode === null && bun.signalCode === null) {
  const began = performance.now();
  const bytes = Math.max(0, size(cache) - atFirst.bytes);
  isLarge = Math.max(bytes, size(stage)) > request.most;
  if (isLarge) bun.kill("SIGKILL");
  else say({ type: "downloaded", packages: Math.max(0, cached() - atFirst.packages), bytes });
  await Promise.race([bun.exited, Bun.sleep(200 + 2 * (performance.now() - began))]);
}
const code = await bun.exited;
const [stdout, stderr] = await output;
isLarge ||= size(stage) > request.most;

if (isLarge) say({ type: "large" });
else if (bun.signalCode !== null) say({ type: "failed", said: `error: ended by ${bun.signalCode}` });
else if (code !== 0) say({ type: "failed", said: `${stdout}\n${stderr}`.slice(-8000) });
else if (request.command === "outdated") say({ type: "outdated", table: stdout });
else {
  fs.mkdirSync("node_modules", { recursive: true });
  const packages: { name: string; version: string; direct: boolean }[] = [];
  if (fs.existsSync("bun.lock")) {
    // https://bun.sh/docs/pm/lockfile: JSON with commas at the ends; a package is ["name@version", …].
    const lock = JSON.parse(fs.readFileSync("bun.lock", "utf8").replace(/,(?=\s*[}\]])/g, ""));
    const asked = lock.workspaces[""].dependencies ?? {};
    for (const [place, [found]] of Object.entries<[string]>(lock.packages)) {
      const at = found.lastIndexOf("@");
      packages.push({ name: found.slice(0, at), version: found.slice(at + 1), direct: place in asked });
    }
    fs.renameSync("bun.lock", "node_modules/.bun.lock");
  }
  const foreign = packages.find(({ version }) => !/^\d/.test(version));
  fs.renameSync("package.json", "node_modules/.package.json");
  const path = (text: string) => ptr(Buffer.from(`${text}\0`));
  const { symbols } = dlopen("libc.so.6", { renameat2: { args: ["i32", "ptr", "i32", "ptr", "u32"], returns: "i32" } });
  // renameat2(2): AT_FDCWD is -100, RENAME_EXCHANGE is 2.
  if (foreign !== undefined) say({ type: "failed", said: `error: ${foreign.name} is from elsewhere: ${foreign.version}` });
  else if (symbols.renameat2(-100, path(`${stage}/node_modules`), -100, path(live), 2) === 0) {
    say({ type: "installed", packages });
  } else say({ type: "failed", said: "error: the engine's file system cannot exchange folders" });
}
process.chdir("/");
fs.rmSync(stage, { recursive: true, force: true });
