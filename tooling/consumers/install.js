// Packs every published package and installs the tarballs into an empty folder, as a user's `npm install` would.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const windows = process.platform === "win32";

/** Runs a program and returns what it printed; a failure carries both of its outputs. */
export function run(command, args, cwd) {
  // The test runner's own NODE_OPTIONS and npm settings are not a user's.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_OPTIONS|npm_|VITEST)/.test(name)));
  try {
    return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], shell: windows });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}\n${error.stdout}${error.stderr}`, { cause: error });
  }
}

/** The packages' names that a user can import. */
export const libraries = readdirSync(join(root, "packages")).map((name) => `@kmem/${name}`);

/** The folder with everything installed. */
export function install() {
  const dir = mkdtempSync(join(tmpdir(), "kmem-consumer-"));
  const packs = join(dir, "packs");
  mkdirSync(packs);
  for (const group of ["packages", "apps"]) {
    for (const name of readdirSync(join(root, group))) {
      try {
        readFileSync(join(root, group, name, "package.json"));
      } catch {
        continue; // A folder that holds no package.
      }
      run(join(root, "node_modules", ".bin", "pnpm"), ["pack", "--pack-destination", packs], join(root, group, name));
    }
  }
  const tarballs = readdirSync(packs).map((name) => `./packs/${name}`);
  writeFileSync(join(dir, "package.json"), `${JSON.stringify({ name: "a-user", private: true })}\n`);
  // All at once: they depend on each other by version, and none of those versions need be on the registry.
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error"];
  run("npm", ["install", ...quiet, ...tarballs], dir);
  return dir;
}
