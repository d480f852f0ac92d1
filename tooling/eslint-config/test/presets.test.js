// Each rule of the presets, shown to fire on bad code and to stay silent on good code.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ESLint } from "eslint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { app, contracts, library } from "../index.js";

const doc = "/** Documented. */\n";

/** [preset, file, code, rules that must fire]; no rules means that the code is fine. */
const cases = {
  "a library may import the contracts": [library, "src/a.ts", `import type { Pfn } from "@kmem/contracts";\nconst p: Pfn[] = [];\nuse(p);`, []],
  "a library may not import a sibling": [library, "src/a.ts", `import { Hw } from "@kmem/hw";\nuse(Hw);`, ["no-restricted-imports"]],
  "nor its types": [library, "src/a.ts", `import type { Hw } from "@kmem/hw";\nconst h: Hw[] = [];\nuse(h);`, ["no-restricted-imports"]],
  "nor re-export it": [library, "src/a.ts", `export { Hw } from "@kmem/hw";`, ["no-restricted-imports"]],
  "nor a name that begins like an allowed one": [library, "src/a.ts", `import "@kmem/contracts-extra";`, ["no-restricted-imports"]],
  "nor import it at run time": [library, "src/a.ts", `use(import("@kmem/hw"));`, ["no-restricted-syntax"]],
  "nor by an inline type": [library, "src/a.ts", `const h: import("@kmem/hw").Hw[] = [];\nuse(h);`, ["no-restricted-syntax"]],
  "nor by a path": [library, "src/a.ts", `import "../../hw/src/index.js";`, ["no-restricted-imports"]],
  "nor a file inside the contracts": [library, "src/a.ts", `import "@kmem/contracts/src/gfp.js";`, ["no-restricted-imports"]],
  "a library's tests may import siblings and Node": [library, "test/a.test.ts", `import "@kmem/hw";\nimport "node:fs";`, []],
  "but not by a path": [library, "test/a.test.ts", `import "../src/index.js";\nimport "../../hw/src/index.js";`, ["no-restricted-imports"]],
  "a folder inside src is no other package": [library, "src/b/a.ts", `import "../c/a.js";\nimport "../../src/a.js";`, []],
  "the contracts import nothing of ours": [contracts, "src/a.ts", `import "@kmem/contracts";\nimport "./b.js";`, ["no-restricted-imports"]],
  "a program imports what it likes": [app, "src/a.ts", `import "@kmem/buddy";\nimport "node:fs";\nconsole.log(process.pid, Date.now());`, []],
  "by its name": [app, "src/a.ts", `import "../../../packages/buddy/src/index.js";\nimport "@kmem/buddy/dist/index.js";`, ["no-restricted-imports", "no-restricted-imports"]],
  "no star re-export": [library, "src/a.ts", `export * from "./b.js";`, ["no-restricted-syntax"]],

  "no clock": [library, "src/a.ts", "use(Date.now());\nuse(performance.now());", ["no-restricted-globals", "no-restricted-globals"]],
  "no randomness": [library, "src/a.ts", "use(Math.random());\nuse(crypto);", ["no-restricted-globals", "no-restricted-properties"]],
  "no timers": [
    library,
    "src/a.ts",
    "setTimeout(f, 1);\nsetInterval(f, 1);\nsetImmediate(f);\nqueueMicrotask(f);\nfunction f(): void { /* nothing */ }",
    Array(4).fill("no-restricted-globals"),
  ],
  "no console, no process": [library, "src/a.ts", "console.log(process.pid);", ["no-restricted-globals", "no-restricted-globals"]],
  "no way round through globalThis": [library, "src/a.ts", "globalThis.console.log(1);", ["no-restricted-globals"]],
  "no Node modules": [library, "src/a.ts", `import "node:fs";\nimport "fs/promises";`, ["no-restricted-imports", "no-restricted-imports"]],
  "all of it in a /host subpath": [library, "src/host/a.ts", `import "node:fs";\nsetTimeout(() => { use(Date.now()); }, 1);`, []],
  "but the layer rule holds there": [library, "src/host/a.ts", `import "@kmem/hw";`, ["no-restricted-imports"]],
  "maths and typed arrays are fine": [library, "src/a.ts", "const a = new Int32Array(4);\na[0] = Math.clz32(8) >>> 1;", []],

  "no any": [library, "src/a.ts", `${doc}export function f(a: any): void { use(a); }`, ["@typescript-eslint/no-explicit-any"]],
  "no non-null assertion": [app, "src/a.ts", `const m = new Map([[1, "a"]]);\nconsole.log(m.get(1)!);`, ["@typescript-eslint/no-non-null-assertion"]],
  "no forgotten promise": [app, "src/a.ts", "async function f(): Promise<void> { await Promise.resolve(); }\nf();", ["@typescript-eslint/no-floating-promises"]],
  "casts are explained": [library, "src/a.ts", "const a: unknown = JSON.parse('1');\n\nconst b: number = a as number;\nuse(b);", ["kmem/explained-cast"]],
  "except in tests": [library, "src/a.test.ts", "const a: unknown = JSON.parse('1');\n\nconst b: number = a as number;\nuse(b);", []],
  "exports are documented": [library, "src/a.ts", "export const a = 1;", ["kmem/documented-exports"]],
  "programs need no doc comments": [app, "src/a.ts", "export const a = 1;", []],
  "an implementation inherits the docs of its contract": [
    library,
    "src/a.ts",
    `${doc}export interface Clock {\n  ${doc}now(): number;\n}\n${doc}export class Still implements Clock {\n  now(): number { return 1; }\n  later(): number { return 2; }\n}`,
    ["kmem/documented-exports"],
  ],
  "long files are split": [library, "src/a.ts", "use(0);\n".repeat(601), ["max-lines"]],
  "long tests need not be": [library, "test/a.test.ts", "use(0);\n".repeat(601), []],
};

const root = join(import.meta.dirname, "..", ".tmp", "presets");
const names = Object.keys(cases);
const found = new Map();

describe("presets", () => {
  // One folder a preset, one run of ESLint each: the type checker starts three times, not once per case.
  beforeAll(async () => {
    rmSync(root, { recursive: true, force: true });
    for (const preset of [contracts, library, app]) {
      const dir = join(root, preset.name);
      mkdirSync(dir, { recursive: true });
      for (const [i, name] of names.entries()) {
        const [of, file, code] = cases[name];
        if (of !== preset) continue;
        // The folder is what the presets look at, the case's number keeps the files apart.
        const path = join(dir, file.replace(/a(\.test)?\.ts$/, `case-${i}$1.ts`));
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, `${code}\nexport {};\n`);
      }
      writeFileSync(join(dir, "src", "use.d.ts"), "declare function use(...values: unknown[]): void;\n");
      const options = { strict: true, noEmit: true, target: "ES2022", module: "ESNext", moduleResolution: "bundler", lib: ["ES2023"], types: ["node"] };
      writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["src", "test"] }));
      const eslint = new ESLint({ cwd: dir, overrideConfigFile: true, overrideConfig: preset(dir) });
      for (const result of await eslint.lintFiles(["**/case-*.ts"])) {
        found.set(Number(/case-(\d+)/.exec(result.filePath)[1]), result.messages);
      }
    }
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test.each(names)("%s", (name) => {
    const messages = found.get(names.indexOf(name));
    expect(messages.map((m) => m.ruleId ?? m.message).sort()).toEqual([...cases[name][3]].sort());
  });
});
