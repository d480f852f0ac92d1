// Lint presets. A package's eslint.config.js is `export default library(import.meta.dirname)`.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";
import { hostFree, imports, importsByName, lowerLayers } from "./layers.js";
import { documentedExports } from "./rules/documented-exports.js";
import { explainedCast } from "./rules/explained-cast.js";

const kmem = {
  meta: { name: "kmem" },
  rules: { "explained-cast": explainedCast, "documented-exports": documentedExports },
};

const ignored = { ignores: ["dist/", "reports/", "node_modules/", "coverage/", ".tmp/", "**/*.config.{js,ts}"] };

const testFiles = ["**/*.test.ts", "test/**/*.ts", "bench/**/*.ts"];

/** What holds for every TypeScript file. */
function typescript(dir) {
  return defineConfig(
    ignored,
    {
      files: ["**/*.ts"],
      extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
      plugins: { kmem },
      languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: dir } },
      linterOptions: { reportUnusedDisableDirectives: "error" },
      rules: {
        ...importsByName,
        "kmem/explained-cast": "error",
        "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
        "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
        "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "none" }],
        // Sees `array[i] === undefined` as always false, because noUncheckedIndexedAccess is off (see @kmem/tsconfig).
        "@typescript-eslint/no-unnecessary-condition": "off",
        eqeqeq: "error",
        "max-lines": ["error", { max: 600 }],
      },
    },
    {
      files: testFiles,
      rules: { "kmem/explained-cast": "off", "max-lines": "off" },
    },
  );
}

/**
 * Sources of packages/*: host-free, documented, importing nothing of ours but `allowed`.
 *
 * @param {string} dir - the package's folder.
 * @param {string[]} allowed - the packages of ours that src/ may import.
 */
function pure(dir, allowed) {
  return defineConfig(
    typescript(dir),
    {
      files: ["src/**/*.ts"],
      ignores: testFiles,
      plugins: { kmem },
      rules: { "kmem/documented-exports": "error", ...imports(allowed, { host: false }), ...hostFree },
    },
    {
      // The named subpaths for the host (`@kmem/time/host`): the layer rule holds, the host is theirs to use.
      files: ["src/host/**/*.ts", "src/host.ts"],
      ignores: testFiles,
      rules: { ...imports(allowed, { host: true }), ...Object.fromEntries(Object.keys(hostFree).map((r) => [r, "off"])) },
    },
  );
}

/** @kmem/contracts, layer 0: imports nothing of ours. */
export const contracts = (dir) => pure(dir, []);

/** Layers 1 and 2, and the conformance suites: import the contracts and nothing else of ours. */
export const library = (dir) => pure(dir, ["@kmem/contracts"]);

/** Layer 3: puts the layers below together. */
export const composition = (dir) => pure(dir, lowerLayers);

/** Programs: may import any package, by its public name, and use the host. */
export const app = (dir) => typescript(dir);

/** Plain JavaScript of the repository's own tooling. */
export function tooling() {
  const globals = ["console", "process", "URL", "setTimeout", "clearTimeout", "performance", "Buffer"];
  return defineConfig(ignored, {
    files: ["**/*.js"],
    extends: [js.configs.recommended],
    languageOptions: { globals: Object.fromEntries(globals.map((name) => [name, "readonly"])) },
    rules: { eqeqeq: "error" },
  });
}
