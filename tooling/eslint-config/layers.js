// The two import rules of ARCHITECTURE.md: who may import whom, and that packages do not touch the host.
import { builtinModules } from "node:module";

/** Holds for every file: another package is reached by its name, and its exports decide what can be seen. */
const byName = [
  { regex: "^@kmem/[^/]+/(src|dist)(/|$)", message: "Import a package by its public name, not by a file inside it." },
  { regex: "(^|/)\\.\\./([^./][^/]*/)+(src|dist)(/|$)", message: "Import another package by its name, not by its path." },
];

/** What the packages of layer 3 put together: layers 0 to 2. */
export const lowerLayers = ["contracts", "hw", "buddy", "irq", "sched", "slab", "time", "waitq"].map((name) => `@kmem/${name}`);

/** Settings of no-restricted-imports for files that may import any package: programs, tests, benchmarks. */
export const importsByName = { "no-restricted-imports": ["error", { patterns: byName }] };

const escaped = (names) => names.map((name) => name.replace(/[/.]/g, "\\$&")).join("|");

/**
 * Settings of no-restricted-imports for one package's sources.
 *
 * @param {string[]} allowed - our packages that may be imported, by their public name or a subpath of it.
 * @param {{ host: boolean }} options - whether Node's own modules may be imported.
 */
export function imports(allowed, { host }) {
  const others = allowed.length === 0 ? "^@kmem/" : `^@kmem/(?!(${escaped(allowed.map((n) => n.slice(6)))})(/|$))`;
  const patterns = [
    {
      regex: others,
      message: `Layer rule: src may import ${allowed.join(", ") || "none of our packages"}; take the rest as an option typed by a contract.`,
    },
    ...byName,
  ];
  if (!host) {
    patterns.push({
      regex: `^(node:.*|(${escaped(builtinModules)})(/.*)?)$`,
      message: "Packages do not touch the host; put this behind a /host subpath.",
    });
  }
  return { "no-restricted-imports": ["error", { patterns }] };
}

const hostGlobals = [
  ...["Date", "performance", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "clearTimeout"],
  ...["clearInterval", "clearImmediate", "requestAnimationFrame", "console", "process", "crypto", "fetch", "navigator"],
  ...["Buffer", "Worker", "MessageChannel", "require", "globalThis", "window", "self", "global"],
];

/** Clock, timers, randomness and sinks are arguments: same options, same bytes out. */
export const hostFree = {
  "no-restricted-globals": [
    "error",
    ...hostGlobals.map((name) => ({
      name,
      message: "Packages do not touch the host: clock, timers, randomness and sinks are passed in.",
    })),
  ],
  "no-restricted-properties": ["error", { object: "Math", property: "random", message: "Take a seeded generator as an option." }],
  "no-restricted-syntax": [
    "error",
    { selector: "ImportExpression", message: "A dynamic import would escape the layer rule." },
    { selector: "TSImportType", message: "An inline import type would escape the layer rule; import the type above." },
    { selector: "ExportAllDeclaration", message: "Name each re-export: index.ts is the public surface." },
  ],
};
