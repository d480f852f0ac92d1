// Finds the TypeScript examples of the docs and turns each into a program that checks its own `// -> value` comments.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Folders of the packages and programs that users install. */
export function published() {
  return ["packages", "apps"].flatMap((group) =>
    readdirSync(join(root, group))
      .map((name) => join(group, name))
      .filter((dir) => existsSync(join(root, dir, "package.json"))),
  );
}

/** The fenced ts blocks of a markdown text, with the line each begins on. */
function fences(text, firstLine = 1) {
  const found = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const open = /^(\s*)```(ts|typescript)\s*$/.exec(lines[i]);
    if (!open) continue;
    const start = ++i;
    while (i < lines.length && !/^\s*```\s*$/.test(lines[i])) i++;
    const code = lines.slice(start, i).map((line) => (line.startsWith(open[1]) ? line.slice(open[1].length) : line));
    found.push({ line: firstLine + start, code: code.join("\n") });
  }
  return found;
}

/** The ts blocks below each `@example` of a source file's doc comments. */
function docExamples(text) {
  const found = [];
  for (const match of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    if (!match[0].includes("@example")) continue;
    const firstLine = text.slice(0, match.index).split("\n").length;
    const lines = match[0].split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
    // Only what stands below an @example tag, up to the next tag that begins a line.
    let inside = false;
    const kept = lines.map((line) => {
      const tag = /^@(\w+)/.exec(line);
      if (tag) inside = tag[1] === "example";
      return inside ? line : "";
    });
    found.push(...fences(kept.join("\n"), firstLine));
  }
  return found;
}

function sources(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, name))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .sort();
}

/** Markdown of the repository, paths relative to its root: everything but what is installed, built or recorded. */
export function documents() {
  const skipped = /^(node_modules|dist|reports|coverage|\..*)$/;
  const walk = (dir) =>
    readdirSync(join(root, dir), { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return skipped.test(entry.name) ? [] : walk(join(dir, entry.name));
      return entry.name.endsWith(".md") && entry.name !== "CHANGELOG.md" ? [join(dir, entry.name)] : [];
    });
  return walk(".").sort();
}

/** Targets of a document's links to other files, without the part behind #: `[{ line, target }]`. */
export function fileLinks(text) {
  const found = [];
  // Code keeps its lines, so that the numbers stay right, and loses its text.
  const prose = text.replace(/^\s*```[\s\S]*?^\s*```/gm, (code) => code.replace(/[^\n]/g, ""));
  prose.split("\n").forEach((line, i) => {
    for (const match of line.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
      const target = match[1].replace(/#.*$/, "");
      if (target !== "" && !/^[a-z]+:/.test(target)) found.push({ line: i + 1, target });
    }
  });
  return found;
}

/** Every example: `{ file, line, code, runs }`. One that imports something is a program; any other is a fragment. */
export function examples() {
  const found = [];
  const add = (file, blocks) => {
    for (const { line, code } of blocks) found.push({ file, line, code, runs: /^import\s/m.test(code) });
  };
  for (const file of documents()) add(file, fences(readFileSync(join(root, file), "utf8")));
  for (const dir of published()) {
    for (const path of sources(join(root, dir, "src"))) add(relative(root, path), docExamples(readFileSync(path, "utf8")));
  }
  return found;
}

/** Syntax errors of a fragment; it may return, as if it stood inside a function. */
export function syntaxErrors(code) {
  const source = ts.createSourceFile("example.ts", code, ts.ScriptTarget.ES2022, true);
  return source.parseDiagnostics.map((d) => ts.flattenDiagnosticMessageText(d.messageText, "\n"));
}

/**
 * Adds to a program the checks that its comments promise.
 *
 * `expression; // -> value` and `const name = expression; // -> value` compare the value; after `console.log(...)` the
 * comment is the printed line. `=>` means the same, and the comment may stand on the line below its statement.
 */
export function withChecks({ file, line, code }) {
  const source = ts.createSourceFile("example.ts", code, ts.ScriptTarget.ES2022, true);
  const statements = [];
  const visit = (node) => {
    if (ts.isExpressionStatement(node) || ts.isVariableStatement(node)) statements.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);

  const edits = [];
  for (const comment of code.matchAll(/\/\/ (?:->|=>) (.+)$/gm)) {
    const before = statements.filter((s) => s.end <= comment.index);
    const statement = before.reduce((last, s) => (last === undefined || s.end >= last.end ? s : last), undefined);
    const where = `${file}:${line + code.slice(0, comment.index).split("\n").length - 1}`;
    if (!statement) throw new Error(`${where}: nothing stands before this comment`);
    const check = (kind, what) => `__${kind}(${JSON.stringify(where)}, ${JSON.stringify(comment[1].trim())}, ${what});`;
    if (ts.isVariableStatement(statement)) {
      const name = statement.declarationList.declarations.at(-1).name.getText();
      edits.push({ from: statement.end, to: statement.end, text: ` ${check("value", name)}` });
      continue;
    }
    const { expression } = statement;
    const printed = ts.isCallExpression(expression) && expression.expression.getText() === "console.log";
    const what = printed ? expression.arguments.map((a) => a.getText()).join(", ") : expression.getText();
    edits.push({ from: statement.getStart(), to: statement.end, text: check(printed ? "printed" : "value", what) });
  }

  let program = code;
  for (const { from, to, text } of edits.reverse()) program = program.slice(0, from) + text + program.slice(to);
  return { program, checks: edits.length };
}
