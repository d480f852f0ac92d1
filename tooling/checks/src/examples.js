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

/** Every example: `{ file, line, code, runs }`. One that imports something is a program; any other is a fragment. */
export function examples() {
  const found = [];
  const add = (path, blocks) => {
    for (const { line, code } of blocks) found.push({ file: relative(root, path), line, code, runs: /^import\s/m.test(code) });
  };
  for (const dir of [".", ...published()]) {
    const readme = join(root, dir, "README.md");
    if (existsSync(readme)) add(readme, fences(readFileSync(readme, "utf8")));
    if (dir === ".") continue;
    for (const path of sources(join(root, dir, "src"))) add(path, docExamples(readFileSync(path, "utf8")));
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
