// The runner itself: a wrong comment must fail, or no example proves anything.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fileLinks, root, syntaxErrors, withChecks } from "../src/examples.js";

const out = join(root, "tooling", "checks", ".tmp", "self");
mkdirSync(out, { recursive: true });
afterAll(() => rmSync(out, { recursive: true, force: true }));
let count = 0;

async function run(code) {
  const { program, checks } = withChecks({ file: "README.md", line: 10, code });
  const path = join(out, `self-${count++}.ts`);
  writeFileSync(path, `${program}\nimport { __printed, __value } from "../../src/promises.js";\n`);
  await import(path);
  return checks;
}

describe("checks of an example", () => {
  test.each([
    ["an expression", "1 + 1; // -> 2"],
    ["the other arrow", "1 + 1; // => 2"],
    ["a constant", "const a: number = 4; // -> 4"],
    ["an object", `const a = { b: [1, "x"] }; // -> { b: [1, "x"] }`],
    ["a printed line", `console.log("pfn", 5, [1]); // -> pfn 5 [ 1 ]`],
    ["a comment below", "[1, 2].map(\n  (x) => x * 2,\n);\n// -> [2, 4]"],
    ["inside a loop", "for (const i of [1, 2]) {\n  const j = i - i; // -> 0\n}"],
    ["something awaited", "await Promise.resolve(3); // -> 3"],
    ["what is no literal", "new Map([[1, 2]]); // -> Map(1) { 1 => 2 }"],
  ])("%s holds", async (_name, code) => {
    expect(await run(code)).toBe(1);
  });

  test.each([
    ["an expression", "1 + 1; // -> 3"],
    ["a constant", "const a = 4; // -> 5"],
    ["a printed line", `console.log("pfn", 5); // -> pfn 6`],
    ["a comment below", "[1, 2];\n// -> [2, 1]"],
    ["what is no literal", "new Map([[1, 2]]); // -> Map(1) { 1 => 3 }"],
  ])("%s that is wrong fails and names its line", async (_name, code) => {
    await expect(run(code)).rejects.toThrow("README.md:1");
  });

  test("a comment that belongs to nothing is an error", async () => {
    await expect(run("// -> 1")).rejects.toThrow("README.md:10: nothing stands before");
  });

  test("a fragment is parsed", () => {
    expect(syntaxErrors("if (pfn === NO_PAGE) return -ENOMEM;")).toEqual([]);
    expect(syntaxErrors("const = 1;")).not.toEqual([]);
  });
});

test("links to files are found, those to pages, anchors and in code are not", () => {
  const text = "[a](b/c.md#d) and [e](./f)\n[g](https://example.org) [h](#i) `x[0](y)`\n```md\n[l](m)\n```\n![j](k.png)";
  expect(fileLinks(text)).toEqual([
    { line: 1, target: "b/c.md" },
    { line: 1, target: "./f" },
    { line: 6, target: "k.png" },
  ]);
});
