// Test runner settings. A package's vitest.config.ts is `export default unit()`.
import { configDefaults, defineConfig } from "vitest/config";

// Imports of @kmem/* read the sources. Setting the list replaces vite's own, hence the defaults after it.
const conditions = ["@kmem/source", "module", "node", "development|production"];

/** Unit, property, conformance and end-to-end tests of one package. */
export function unit() {
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      include: ["src/**/*.test.ts", "test/**/*.test.ts", "test/**/*.test.js"],
      exclude: [...configDefaults.exclude, "**/dist/**"],
      // .ci/run adds up these reports; turbo restores them when a run is cached.
      reporters: ["default", "json"],
      outputFile: { json: "reports/vitest.json" },
      // A test never takes real time; a model test of many thousand steps may still need a while on a small machine.
      testTimeout: 60_000,
      hookTimeout: 60_000,
      coverage: { provider: "v8", include: ["src/**"], exclude: ["src/**/*.test.ts"], reportsDirectory: "reports/coverage" },
    },
  });
}
