// The layer rule on the packages as they are: it fires through each one's own eslint.config.js, and the manifests obey it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ESLint } from "eslint";
import { describe, expect, test } from "vitest";

const packages = join(import.meta.dirname, "..", "..", "..", "packages");
const names = readdirSync(packages).filter((name) => existsSync(join(packages, name, "package.json")));
const allowed = (name) => (name === "contracts" ? [] : ["@kmem/contracts"]);

async function rulesFired(name, file, code) {
  const [result] = await new ESLint({ cwd: join(packages, name) }).lintText(code, { filePath: join(packages, name, file) });
  return result.messages.map((m) => m.ruleId).filter((rule) => rule?.startsWith("no-restricted"));
}

describe.each(names)("layers of @kmem/%s", (name) => {
  const manifest = JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8"));

  test("src may import the layers below and nothing else of ours", async () => {
    const code = ["@kmem/contracts", "@kmem/hw", "@kmem/not-written-yet"].map((from) => `import "${from}";`).join("\n");
    const fired = await rulesFired(name, "src/index.ts", `${code}\n`);
    expect(fired).toHaveLength(3 - allowed(name).length);
  });

  test("src does not touch the host", async () => {
    const fired = await rulesFired(name, "src/index.ts", `import "node:fs";\nconsole.log(Math.random(), Date.now());\n`);
    expect(fired.sort()).toEqual(["no-restricted-globals", "no-restricted-globals", "no-restricted-imports", "no-restricted-properties"]);
  });

  test("package.json depends on the layers below and nothing else of ours", () => {
    const ours = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).filter((d) => d.startsWith("@kmem/"));
    expect(ours.filter((d) => !allowed(name).includes(d))).toEqual([]);
  });
});
