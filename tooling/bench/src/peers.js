// Builds the peers that are no npm packages: emcc and asc make the wasm ones, cc the native one. What cannot be built
// is named with the reason and left out of the comparison.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../peers/", import.meta.url));
const out = fileURLToPath(new URL("../dist/", import.meta.url));

// 512 MiB from the start, so that no allocator is timed growing. The compiler must not see through malloc.
const wasm = ["-O3", "-fno-builtin-malloc", "-fno-builtin-free", "--no-entry", "-sSTANDALONE_WASM=1"];
// mimalloc takes more addresses than it uses: its memory grows instead.
const growing = ["-sINITIAL_MEMORY=16777216", "-sMAXIMUM_MEMORY=1073741824", "-sALLOW_MEMORY_GROWTH=1"];
const mimalloc = process.env.MIMALLOC_SRC;
const recipes = {
  "emmalloc.wasm": ["emcc", ...wasm, "-sINITIAL_MEMORY=536870912", "-sMALLOC=emmalloc", "malloc.c"],
  "dlmalloc.wasm": ["emcc", ...wasm, "-sINITIAL_MEMORY=536870912", "-sMALLOC=dlmalloc", "malloc.c"],
  "mimalloc.wasm":
    mimalloc === undefined
      ? "MIMALLOC_SRC names no source tree"
      : ["emcc", ...wasm, ...growing, "-w", "-DNDEBUG", "-DMIMALLOC", `-I${mimalloc}/include`, "malloc.c", `${mimalloc}/src/static.c`],
  "tlsf.wasm":
    ["npx", "--yes", "--package=assemblyscript@0.28.20", "--", "asc", "heap.ts", "-O3", "--noAssert", "--runtime", "minimal", "--initialMemory", "8192"],
  "buddy.wasm": ["emcc", ...wasm, "buddy.c"],
  "native-buddy": ["cc", "-O2", "native-buddy.c"],
};

/** Path of a built peer. */
export const built = (file) => out + file;

/** Builds what is missing or older than its source; returns the reasons by file for what could not be built. */
export function buildPeers() {
  mkdirSync(out, { recursive: true });
  const newest = Math.max(...readdirSync(sources).map((file) => statSync(sources + file).mtimeMs));
  const missing = {};
  for (const [file, recipe] of Object.entries(recipes)) {
    if (existsSync(built(file)) && statSync(built(file)).mtimeMs > newest) continue;
    if (typeof recipe === "string") {
      missing[file] = recipe;
      continue;
    }
    const [compiler, ...args] = recipe;
    process.stderr.write(`building ${file} with ${compiler} ...\n`);
    const run = spawnSync(compiler, [...args, "-o", built(file)], { cwd: sources, encoding: "utf8" });
    if (run.error) missing[file] = run.error.code === "ENOENT" ? `${compiler} not found` : run.error.message;
    else if (run.status !== 0) missing[file] = `${compiler} failed: ${run.stderr.trim().split("\n").at(-1)}`;
  }
  return missing;
}

/** Versions of the compilers, for the head of a report. */
export function compilerVersions() {
  return ["emcc", "cc"].flatMap((compiler) => {
    const { status, stdout } = spawnSync(compiler, ["--version"], { encoding: "utf8" });
    return status === 0 ? [stdout.split("\n")[0]] : [];
  });
}
