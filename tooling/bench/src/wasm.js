// The peers that run as wasm, called from JavaScript.
/* global WebAssembly */
import { readFileSync } from "node:fs";
import { built } from "./peers.js";

/** Loads a built module; its exports are passed on as they are, so that a call costs what a user's call costs. */
export function instantiate(file) {
  const module = new WebAssembly.Module(readFileSync(built(file)));
  const imports = {};
  // Notices of growth and the like: nothing here may need an answer.
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
  const { exports } = new WebAssembly.Instance(module, imports);
  exports._initialize?.();
  return exports;
}
