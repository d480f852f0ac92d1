// Build settings. A package's tsup.config.ts is `export default library()`.
import { createRequire } from "node:module";
import { join } from "node:path";
import { defineConfig } from "tsup";

const common = {
  target: "node20",
  sourcemap: true,
  clean: true,
  splitting: false,
  treeshake: true,
  silent: true,
  esbuildOptions: (options) => {
    // Puts the values of constants where they are used. V8 reads a module's constant from memory every time, and
    // does not know that it is a small integer; in an allocator's fast path that was a quarter of the time.
    options.minifySyntax = true;
  },
};

const CONTRACTS = "@kmem/contracts";

/**
 * Does the same for the numbers of @kmem/contracts, which stays a dependency like any other for the rest: classes and
 * tables are imported, so that there is one of each.
 */
const contractNumbers = {
  name: "contract-numbers",
  setup(build) {
    const found = () => createRequire(join(process.cwd(), "package.json"))(CONTRACTS);
    const namesOf = (isNumber) =>
      Object.entries(found())
        .filter(([, value]) => (typeof value === "number") === isNumber)
        .map(([name]) => name);

    build.onResolve({ filter: new RegExp(`^${CONTRACTS}(/numbers)?$`) }, ({ path, namespace }) =>
      namespace === "contracts" && path === CONTRACTS ? { path, external: true } : { path, namespace: "contracts" },
    );
    build.onLoad({ filter: /.*/, namespace: "contracts" }, ({ path }) =>
      // esbuild puts in constants only from files that import nothing, hence two.
      path === CONTRACTS
        ? { contents: `export * from "${CONTRACTS}/numbers"; export { ${namesOf(false).join(", ")} } from "${CONTRACTS}";` }
        : { contents: namesOf(true).map((name) => `export const ${name} = ${found()[name]};`).join("\n") },
    );
  },
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
    // Leaves it to the plugin; the packages that do not import it never get there.
    noExternal: [CONTRACTS],
    esbuildPlugins: [contractNumbers],
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
