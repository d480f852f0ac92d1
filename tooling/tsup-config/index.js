// Build settings. A package's tsup.config.ts is `export default library()`.
import { defineConfig } from "tsup";

const common = {
  target: "node20",
  sourcemap: true,
  clean: true,
  splitting: false,
  treeshake: true,
  silent: true,
};

/**
 * An importable package: ESM, CJS and types for both.
 *
 * @param {Record<string, string>} entry - name of each output to its source; one per subpath export.
 */
export function library(entry = { index: "src/index.ts" }) {
  return defineConfig({
    ...common,
    entry,
    format: ["esm", "cjs"],
    dts: {
      compilerOptions: {
        // The build reads the other packages' dist, never their sources.
        customConditions: [],
        // tsup sets `baseUrl`, which TypeScript 6 reports as an error otherwise.
        ignoreDeprecations: "6.0",
      },
    },
  });
}

/**
 * A program that Node runs: ESM only, nobody imports its types.
 *
 * @param {Record<string, string>} entry - name of each output to its source.
 */
export function program(entry = { main: "src/main.ts" }) {
  return defineConfig({ ...common, entry, format: ["esm"] });
}
