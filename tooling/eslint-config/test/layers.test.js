// The layer rule on the packages as they are: it fires through each one's own eslint.config.js, and the manifests obey it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ESLint } from "eslint";
import { describe, expect, test } from "vitest";
import { lowerLayers } from "../layers.js";

const root = join(import.meta.dirname, "..", "..", "..");
const members = (group) => readdirSync(join(root, group)).filter((name) => existsSync(join(root, group, name, "package.json")));
const compositions = ["heap", "kernel"];

function allowed(name) {
  if (name === "contracts") return [];
  return compositions.includes(name) ? lowerLayers : ["@kmem/contracts"];
}

async function rulesFired(dir, file, code) {
  const [result] = await new ESLint({ cwd: join(root, dir) }).lintText(code, { filePath: join(root, dir, file) });
  return result.messages.map((m) => m.ruleId).filter((rule) => rule?.startsWith("no-restricted"));
}

describe.each(members("packages"))("layers of @kmem/%s", (name) => {
  const dir = join("packages", name);
  const manifest = JSON.parse(readFileSync(join(root, dir, "package.json"), "utf8"));

  test("src may import the layers below and nothing else of ours", async () => {
    const imported = ["@kmem/contracts", "@kmem/hw", "@kmem/not-written-yet"];
    const code = imported.map((from) => `import "${from}";`).join("\n");
    const fired = await rulesFired(dir, "src/index.ts", `${code}\n`);
    expect(fired).toHaveLength(imported.filter((from) => !allowed(name).includes(from)).length);
  });

  test("src does not touch the host", async () => {
    const fired = await rulesFired(dir, "src/index.ts", `import "node:fs";\nconsole.log(Math.random(), Date.now());\n`);
    expect(fired.sort()).toEqual(["no-restricted-globals", "no-restricted-globals", "no-restricted-imports", "no-restricted-properties"]);
  });

  test("package.json depends on the layers below and nothing else of ours", () => {
    const ours = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).filter((d) => d.startsWith("@kmem/"));
    expect(ours.filter((d) => !allowed(name).includes(d))).toEqual([]);
  });
});

describe.each(members("apps"))("layers of @kmem/%s", (name) => {
  test("packages are imported by their names, not by their files", async () => {
    const code = ["@kmem/buddy", "@kmem/buddy/dist/index.js", "../../../packages/buddy/src/index.js"].map((from) => `import "${from}";`).join("\n");
    const fired = await rulesFired(join("apps", name), "src/main.ts", `${code}\n`);
    expect(fired).toEqual(["no-restricted-imports", "no-restricted-imports"]);
  });
});
