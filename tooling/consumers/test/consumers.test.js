// The packed packages, used the way users use them.
import { execPath } from "node:process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { install, libraries, run } from "../install.js";

const programs = join(import.meta.dirname, "..", "programs");
const tsc = join(dirname(fileURLToPath(import.meta.resolve("typescript"))), "tsc.js");
const expected = readFileSync(join(programs, "expected.txt"), "utf8");
let dir;

/** Writes a program into the user's folder and runs it there. */
function node(name, code) {
  if (code !== undefined) writeFileSync(join(dir, name), code);
  return run(execPath, [name], dir);
}

beforeAll(() => {
  dir = install();
}, 300_000);
afterAll(() => {
  if (dir) rmSync(dir, { recursive: true, force: true });
});

describe.each(libraries)("%s as installed", (name) => {
  test("gives import and require the same names", () => {
    const esm = node("names.mjs", `import * as all from "${name}";\nconsole.log(Object.keys(all).sort().join());\n`);
    const cjs = node("names.cjs", `console.log(Object.keys(require("${name}")).sort().join());\n`);
    expect(esm.trim()).not.toBe("");
    expect(cjs).toBe(esm);
  });

  test("brings its sources, its readme and its licence, and no tests", () => {
    const home = join(dir, "node_modules", name);
    for (const file of ["README.md", "LICENSE", "dist/index.d.ts", "dist/index.d.cts", "src/index.ts"]) {
      expect(existsSync(join(home, file)), file).toBe(true);
    }
    expect(existsSync(join(home, "test"))).toBe(false);
    const { dependencies = {} } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    expect(Object.values(dependencies).filter((v) => /catalog|workspace/.test(v))).toEqual([]);
  });
});

test("an ESM program runs", () => {
  copyFileSync(join(programs, "user.mjs"), join(dir, "user.mjs"));
  expect(node("user.mjs")).toBe(expected);
});

test("a CJS program runs", () => {
  copyFileSync(join(programs, "user.cjs"), join(dir, "user.cjs"));
  expect(node("user.cjs")).toBe(expected);
});

test.each([
  ["ESM", "mts"],
  ["CJS", "cts"],
])("a strict TypeScript program compiles as %s, without DOM or Node types", (_kind, ending) => {
  const project = join(dir, `ts-${ending}`);
  mkdirSync(project, { recursive: true });
  copyFileSync(join(programs, "user.ts"), join(project, `user.${ending}`));
  const options = { strict: true, noEmit: true, target: "ES2022", lib: ["ES2022"], types: [], module: "NodeNext", moduleResolution: "NodeNext" };
  // skipLibCheck stays off: our types must compile too.
  const config = { compilerOptions: { ...options, exactOptionalPropertyTypes: true, skipLibCheck: false }, include: ["."] };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
  expect(run(execPath, [tsc, "-p", project], dir)).toBe("");
});

test("a bundle for browsers holds all it needs and runs without Node", async () => {
  copyFileSync(join(programs, "user.mjs"), join(dir, "user.mjs"));
  const result = await build({
    absWorkingDir: dir,
    entryPoints: ["user.mjs"],
    bundle: true,
    minify: true,
    write: false,
    platform: "browser",
    format: "iife",
    metafile: true,
    logLevel: "silent",
  });
  expect(result.warnings).toEqual([]);
  expect(Object.values(result.metafile.outputs).flatMap((output) => output.imports)).toEqual([]);
  // A fresh context has what the language has, and nothing of Node's: no process, no require, no Buffer, no timers.
  let printed = "";
  const console = { log: (...values) => (printed += `${values.join(" ")}\n`) };
  runInContext(result.outputFiles[0].text, createContext({ console }));
  expect(printed).toBe(expected);
});

test("the kmem command answers", () => {
  const kmem = join(dir, "node_modules", "@kmem", "cli");
  const { version, bin } = JSON.parse(readFileSync(join(kmem, "package.json"), "utf8"));
  expect(run(execPath, [join(kmem, bin.kmem), "--version"], dir)).toContain(version);
  expect(existsSync(join(dir, "node_modules", ".bin", "kmem"))).toBe(true);
});
