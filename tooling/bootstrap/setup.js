// Installs the workspace when it has to, using nothing but Node and npm: `npm run setup`.
// `npm run setup -- --update-lockfile` installs after a manifest was edited and writes pnpm-lock.yaml anew.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

// Inside node_modules, so that removing node_modules also removes the claim that it is complete.
const stamp = join(root, "node_modules", ".kmem-setup");

/** Digest of every file that decides what gets installed. */
function fingerprint() {
  const files = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"];
  for (const group of ["packages", "apps", "tooling"]) {
    const names = existsSync(join(root, group)) ? readdirSync(join(root, group)).sort() : [];
    files.push(...names.map((name) => join(group, name, "package.json")));
  }
  const hash = createHash("sha256");
  for (const file of files) {
    const path = join(root, file);
    if (existsSync(path)) hash.update(`${file}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

/** Runs pnpm's install unless the last one was for the very same manifests. */
export function setup({ updateLockfile = false } = {}) {
  if (!updateLockfile && existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint()) return;

  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  process.stderr.write("kmem: installing the workspace (first run, or its manifests changed) ...\n");
  const started = Date.now();
  // --yes: npm may be set to refuse the question whether to fetch pnpm.
  const args = ["--yes", packageManager, "install", updateLockfile ? "--no-frozen-lockfile" : "--frozen-lockfile", "--reporter=append-only", "--loglevel=warn"];
  const run = spawnSync("npx", args, {
    cwd: root,
    // CI: pnpm replaces a stale node_modules instead of asking about it.
    env: { ...process.env, CI: "true", npm_config_update_notifier: "false", npm_config_loglevel: "error" },
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    // npx is a .cmd file on Windows.
    shell: process.platform === "win32",
  });
  if (run.status !== 0) {
    process.stderr.write(`${run.stdout ?? ""}${run.stderr ?? ""}${run.error ? `${run.error.message}\n` : ""}`);
    process.stderr.write(
      "kmem: the install failed. After an edit of a package.json: npm run setup -- --update-lockfile\n",
    );
    process.exit(run.status ?? 1);
  }
  writeFileSync(stamp, fingerprint());
  process.stderr.write(`kmem: installed in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  setup({ updateLockfile: process.argv.includes("--update-lockfile") });
}
