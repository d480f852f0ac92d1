// The docs against the sources: every example of a document or doc comment is parsed, type-checked and run; links lead somewhere.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { documents, examples, fileLinks, published, root, syntaxErrors, withChecks } from "../src/examples.js";

const here = join(root, "tooling", "checks");
const out = join(here, ".tmp");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const all = examples().map((example, i) => ({ ...example, path: join(out, `example-${i}.ts`) }));
const programs = all.filter((example) => example.runs);
for (const { path, code } of programs) writeFileSync(path, code);

/** Errors of all programs by path: one run of the type checker. */
function typeErrors() {
  const config = ts.readConfigFile(join(here, "tsconfig.json"), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, here);
  const program = ts.createProgram(programs.map((example) => example.path), { ...options, noUnusedLocals: false });
  const errors = new Map();
  for (const d of ts.getPreEmitDiagnostics(program)) {
    const path = d.file?.fileName ?? "";
    const at = d.file ? ts.getLineAndCharacterOfPosition(d.file, d.start ?? 0).line : 0;
    errors.set(path, [...(errors.get(path) ?? []), { at, text: ts.flattenDiagnosticMessageText(d.messageText, "\n") }]);
  }
  return errors;
}
const errors = programs.length > 0 ? typeErrors() : new Map();

test.each(published().filter((dir) => dir.startsWith("packages")))("the README of %s has an example that runs", (dir) => {
  expect(programs.map((example) => example.file)).toContain(join(dir, "README.md"));
});

test.each(documents())("the links of %s lead to files", (file) => {
  const lost = fileLinks(readFileSync(join(root, file), "utf8")).filter(({ target }) => !existsSync(join(root, dirname(file), target)));
  expect(lost).toEqual([]);
});

describe.each(all.map((example) => [`${example.file}:${example.line}`, example]))("%s", async (_where, example) => {
  if (!example.runs) {
    test("parses", () => expect(syntaxErrors(example.code)).toEqual([]));
    test("promises no value that nobody checks", () => {
      // Only a program is run: with its imports in it, the comment would be compared.
      expect(example.code).not.toMatch(/\/\/ (->|=>) /);
    });
    return;
  }
  test("type-checks", () => {
    const found = (errors.get(example.path) ?? []).map(({ at, text }) => `${example.file}:${example.line + at} ${text}`);
    expect(found).toEqual([]);
  });
  const { program } = withChecks(example);
  const path = example.path.replace(/\.ts$/, ".run.ts");
  // One line in front would shift every line of a stack trace; the import goes last.
  writeFileSync(path, `${program}\nimport { __printed, __value } from "../src/promises.js";\n`);
  if (/ from ["']vitest["']/.test(example.code)) {
    // It registers tests: they run as tests of this file.
    await import(path);
    return;
  }
  test("runs as its comments say", async () => {
    await import(path);
  });
});
