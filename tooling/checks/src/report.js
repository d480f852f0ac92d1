// Adds up the test reports of all packages and prints `N passed, N failed` as the last line: the end of .ci/run.
// Its arguments are the names of steps that failed: `node src/report.js lint "npm test"`.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Steps that write a test report, and its file name. A failure of any other step counts as one. */
const reportOf = { "npm test": "vitest.json", "test:docs": "docs.json", consumers: "consumers.json" };

/** Folders with a package.json, and its scripts. */
function packages(root) {
  return ["packages", "apps", "tooling"]
    .filter((group) => existsSync(join(root, group)))
    .flatMap((group) => readdirSync(join(root, group)).map((name) => `${group}/${name}`))
    .filter((dir) => existsSync(join(root, dir, "package.json")))
    .map((dir) => ({ dir, scripts: JSON.parse(readFileSync(join(root, dir, "package.json"), "utf8")).scripts ?? {} }));
}

/** Which reports a run of all steps must have left behind. */
function expected(root) {
  return [
    ...packages(root).flatMap(({ dir, scripts }) => (scripts.test ? [`${dir}/reports/vitest.json`] : [])),
    "tooling/checks/reports/docs.json",
    "tooling/consumers/reports/consumers.json",
  ];
}

/**
 * Adds up what the reports say.
 *
 * @param {string} root - the workspace.
 * @param {string[]} broken - steps that failed.
 * @returns the sums, and a line for everything that failed without a failing test.
 */
export function summary(root, broken) {
  const sum = { passed: 0, failed: 0, skipped: 0, notes: [] };
  const explained = new Set();
  for (const file of expected(root)) {
    const path = join(root, file);
    if (!existsSync(path)) {
      // A runner that died before its report must not look like a package without tests.
      sum.failed++;
      sum.notes.push(`no test report: ${file}`);
      continue;
    }
    const report = JSON.parse(readFileSync(path, "utf8"));
    sum.passed += report.numPassedTests;
    sum.skipped += report.numPendingTests + report.numTodoTests;
    // A file that does not even load has no test that could fail.
    const failed = report.success ? 0 : Math.max(1, report.numFailedTests);
    sum.failed += failed;
    if (failed > 0) {
      sum.notes.push(`failing tests: ${file}`);
      explained.add(file.split("/").at(-1));
    }
  }
  for (const step of broken) {
    if (explained.has(reportOf[step])) continue;
    sum.failed++;
    sum.notes.push(`failed: ${step}`);
  }
  return sum;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { passed, failed, skipped, notes } = summary(fileURLToPath(new URL("../../../", import.meta.url)), process.argv.slice(2));
  for (const note of notes) console.log(note);
  if (skipped > 0) console.log(`${skipped} skipped`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
