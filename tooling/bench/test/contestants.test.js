import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { contestants } from "../src/contestants.js";
import { bulkLoop, churnLoop, pairLoop } from "../src/loops.js";
import { checkApart } from "../src/overlap.js";
import { built } from "../src/peers.js";

// The wasm ones are tested where they have been built.
const here = Object.entries(contestants).filter(([, { make, needs }]) => make !== undefined && (needs === undefined || existsSync(built(needs))));

test.each(here)("%s: blocks never overlap, no request fails", (name, { make }) => {
  checkApart(name, make());
  expect(pairLoop(make(), 0)(100)).toBe(0);
  const contestant = make();
  if (!contestant.oneSize) expect(churnLoop(contestant)(2000)).toBe(0);
  if (contestant.unit === 4096) expect(bulkLoop(make())(640)).toBe(0);
});

test("the check sees an overlap and a failed request", () => {
  const shape = { unit: 4096, request: (order) => order, free: () => {} };
  let next = 1;
  expect(() => checkApart("by one page", { ...shape, alloc: () => next++ })).toThrow(/by one page: after step 999 the block at \d+ ends at \d+, inside/);
  expect(() => checkApart("empty", { ...shape, alloc: () => -1 })).toThrow("empty: step 0 asked for order");
});
