// The sum at the end of a run: what fails must count, however it fails.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { summary } from "../src/report.js";

let root;

function put(path, value) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), JSON.stringify(value));
}

const report = (passed, failed, more = {}) => ({
  success: failed === 0,
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: 0,
  numTodoTests: 0,
  ...more,
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kmem-report-"));
  put("packages/a/package.json", { scripts: { test: "vitest run" } });
  put("packages/a/reports/vitest.json", report(5, 0));
  put("packages/silent/package.json", {});
  put("tooling/checks/package.json", { scripts: { test: "vitest run" } });
  put("tooling/checks/reports/vitest.json", report(3, 0));
  put("tooling/checks/reports/docs.json", report(2, 0));
  put("tooling/consumers/package.json", { scripts: {} });
  put("tooling/consumers/reports/consumers.json", report(1, 0));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("adds up all reports", () => {
  expect(summary(root, [])).toEqual({ passed: 11, failed: 0, skipped: 0, notes: [] });
});

test("counts skipped tests apart", () => {
  put("packages/a/reports/vitest.json", report(4, 0, { numPendingTests: 1, numTodoTests: 2 }));
  expect(summary(root, [])).toMatchObject({ passed: 10, failed: 0, skipped: 3 });
});

test("counts failing tests once, not again for the step they broke", () => {
  put("packages/a/reports/vitest.json", report(3, 2));
  expect(summary(root, ["npm test"])).toMatchObject({ passed: 9, failed: 2 });
});

test("counts a test file that does not load", () => {
  put("packages/a/reports/vitest.json", report(0, 0, { success: false }));
  expect(summary(root, ["npm test"])).toMatchObject({ passed: 6, failed: 1 });
});

test("counts a check that writes no report", () => {
  expect(summary(root, ["lint", "knip"])).toMatchObject({ passed: 11, failed: 2, notes: ["failed: lint", "failed: knip"] });
});

test("counts a test step that broke while all tests passed", () => {
  expect(summary(root, ["npm test"])).toMatchObject({ failed: 1, notes: ["failed: npm test"] });
});

test.each(["packages/a/reports/vitest.json", "tooling/checks/reports/docs.json", "tooling/consumers/reports/consumers.json"])(
  "misses %s when it is not there",
  (file) => {
    rmSync(join(root, file));
    expect(summary(root, [])).toMatchObject({ failed: 1, notes: [`no test report: ${file}`] });
  },
);
