// Adds up the test reports of all packages and prints `N passed, N failed` as the last line. Its arguments are the names
// of checks that failed; those that no test speaks for count as one failure each.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./examples.js";

const sum = { passed: 0, failed: 0, skipped: 0 };
const missing = [];

for (const group of ["packages", "apps", "tooling"]) {
  for (const name of readdirSync(join(root, group))) {
    const dir = join(root, group, name);
    if (!existsSync(join(dir, "package.json"))) continue;
    const { scripts = {} } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
    const reports = existsSync(join(dir, "reports")) ? readdirSync(join(dir, "reports")).filter((f) => f.endsWith(".json")) : [];
    // A runner that died before its report must not look like a package without tests.
    if (scripts.test && !reports.includes("vitest.json")) missing.push(`${group}/${name}`);
    for (const file of reports) {
      const report = JSON.parse(readFileSync(join(dir, "reports", file), "utf8"));
      sum.passed += report.numPassedTests;
      sum.failed += report.numFailedTests;
      sum.skipped += report.numPendingTests + report.numTodoTests;
      // A file that does not even load has no test that could fail.
      if (!report.success && report.numFailedTests === 0) sum.failed += Math.max(1, report.numFailedTestSuites);
    }
  }
}

const broken = process.argv.slice(2);
for (const name of missing) console.log(`no test report: ${name}`);
for (const name of broken) console.log(`failed: ${name}`);

const ofTests = ["npm test", "test:docs", "consumers", "lint:layers"];
let failed = sum.failed + missing.length + broken.filter((name) => !ofTests.includes(name)).length;
// A test run can fail without a failing test, say when its runner does not start.
if (broken.length > 0 && failed === 0) failed = broken.length;

console.log(`${sum.passed} passed, ${failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
