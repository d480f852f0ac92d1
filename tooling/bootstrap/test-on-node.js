// Runs every package's tests on other releases of Node: `npm run test:node [-- 22 24]`.
// The `node` package on the registry carries the binaries, so nothing is installed on the machine.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.js";

const wanted = process.argv.slice(2);
const releases = wanted.length > 0 ? wanted : ["22", "24"];
const windows = process.platform === "win32";

const tested = ["packages", "apps", "tooling"]
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(group, name)))
  .filter((dir) => {
    const manifest = join(root, dir, "package.json");
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).scripts?.test !== undefined;
  });

/** Where npx keeps the binary of a release. */
function binary(release) {
  const args = ["--yes", `--package=node@${release}`, "--", "node", "-p", "process.execPath"];
  const env = { ...process.env, npm_config_loglevel: "error", npm_config_update_notifier: "false" };
  const found = spawnSync("npx", args, { cwd: root, env, encoding: "utf8", shell: windows });
  const path = found.stdout?.trim();
  if (found.status !== 0 || !existsSync(path)) throw new Error(`no Node ${release}: ${found.stderr}${found.error ?? ""}`);
  return path;
}

const failed = [];
for (const release of releases) {
  const node = binary(release);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  if (!version.startsWith(`v${release}`)) throw new Error(`asked for Node ${release}, got ${version}`);
  for (const dir of tested) {
    console.log(`::: ${version} ${dir}`);
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
    // Another reporter than the config's: these runs do not overwrite the reports of `npm test`.
    const run = spawnSync(node, [vitest, "run", "--reporter=dot"], { cwd: join(root, dir), stdio: ["ignore", "inherit", "inherit"] });
    if (run.status !== 0) failed.push(`${version} ${dir}`);
  }
}
for (const name of failed) console.log(`failed: ${name}`);
console.log(`Node ${releases.join(", ")}: ${failed.length === 0 ? "all tests passed" : `${failed.length} packages failed`}`);
process.exitCode = failed.length > 0 ? 1 : 0;
