// The public names of each package, read from its built types and compared with the committed list in surface/:
// `node src/surface.js [--update] [PACKAGE...]`. A name that comes or goes is then a line of the diff in review.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { root } from "./examples.js";

const lists = join(root, "tooling", "checks", "surface");

const kinds = [
  [ts.SymbolFlags.Class, "class"],
  [ts.SymbolFlags.Interface, "interface"],
  [ts.SymbolFlags.TypeAlias, "type"],
  [ts.SymbolFlags.Enum, "enum"],
  [ts.SymbolFlags.Function, "function"],
  [ts.SymbolFlags.Variable, "const"],
  [ts.SymbolFlags.Namespace, "namespace"],
];

/** Built type files of a package by subpath, out of its exports map. */
function entries(dir) {
  const { exports = {} } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
  return Object.entries(exports)
    .filter(([, target]) => typeof target === "object")
    .map(([subpath, target]) => [subpath, join(dir, target.import.types)]);
}

/** One line a name: `buddy-allocator  class BuddyAllocator`. */
function surface(dir) {
  const lines = [];
  for (const [subpath, file] of entries(dir)) {
    if (!existsSync(file)) throw new Error(`${file} is missing: build first`);
    const program = ts.createProgram([file], { moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext });
    const checker = program.getTypeChecker();
    const module = checker.getSymbolAtLocation(program.getSourceFile(file));
    for (const symbol of module ? checker.getExportsOfModule(module) : []) {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      // A const and a type of one name, say a table and its union, are two kinds on one line.
      const kind = kinds.filter(([flag]) => target.flags & flag).map(([, word]) => word);
      lines.push(`${subpath}  ${kind.join("+") || "unknown"} ${symbol.name}`);
    }
  }
  return `${lines.sort().join("\n")}\n`;
}

const args = process.argv.slice(2);
const update = args.includes("--update");
const wanted = args.filter((a) => !a.startsWith("-"));
const names = readdirSync(join(root, "packages")).filter(
  (name) => existsSync(join(root, "packages", name, "package.json")) && (wanted.length === 0 || wanted.includes(name)),
);

let changed = 0;
for (const name of names) {
  const list = join(lists, `${name}.txt`);
  const now = surface(join(root, "packages", name));
  const before = existsSync(list) ? readFileSync(list, "utf8") : "";
  if (now === before) continue;
  changed++;
  const [a, b] = [before, now].map((text) => new Set(text.split("\n").filter(Boolean)));
  for (const line of a) if (!b.has(line)) console.log(`@kmem/${name}  - ${line}`);
  for (const line of b) if (!a.has(line)) console.log(`@kmem/${name}  + ${line}`);
  if (update) {
    mkdirSync(lists, { recursive: true });
    writeFileSync(list, now);
  }
}
if (changed > 0 && !update) {
  console.log("The public surface changed. If it is meant to: npm run surface -- --update, and add a changeset.");
  process.exitCode = 1;
} else {
  console.log(`public surface: ${names.length} packages ${changed > 0 ? "updated" : "as listed"}`);
}
