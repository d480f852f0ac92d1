// Sets the workspace up if needed, then runs tasks of its packages: `node tooling/bootstrap/turbo.js build test`.
// `--quiet` prints only the output of tasks that fail; any other option goes to turbo as it is.
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { root, setup } from "./setup.js";

setup();

const args = process.argv.slice(2);
const quiet = args.includes("--quiet");
const bin = join(root, "node_modules", ".bin");

const run = spawnSync(
  "turbo",
  ["run", ...(quiet ? ["--output-logs=errors-only", "--log-prefix=none"] : []), ...args.filter((a) => a !== "--quiet")],
  {
    cwd: root,
    env: {
      ...process.env,
      // turbo looks for pnpm here; it is a dependency of the root, not something the machine must have.
      PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
      TURBO_TELEMETRY_DISABLED: "1",
      DO_NOT_TRACK: "1",
    },
    stdio: quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    encoding: "utf8",
    shell: process.platform === "win32",
  },
);
// On success turbo has nothing to say that the next command does not say better.
if (quiet && run.status !== 0) process.stderr.write(`${run.stdout}${run.stderr}`);
if (run.error) process.stderr.write(`${run.error.message}\n`);
process.exit(run.status ?? 1);
