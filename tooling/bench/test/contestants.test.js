import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bulkLoop, churnLoop, pairLoop, resizeLoop, stackLoop } from "../src/loops.js";
import { objectContestants } from "../src/object-contestants.js";
import { checkApart } from "../src/overlap.js";
import { pageContestants } from "../src/page-contestants.js";
import { built } from "../src/peers.js";
import { objectChurn, pageChurn } from "../src/workload.js";

// The wasm ones are tested where they have been built.
const here = (contestants) =>
  Object.entries(contestants).filter(([, { make, needs }]) => make !== undefined && (needs === undefined || existsSync(built(needs))));

describe.each([
  ["pages", pageContestants, pageChurn()],
  ["objects", objectContestants, objectChurn()],
])("%s", (kind, contestants, workload) => {
  test.each(here(contestants))("%s: blocks never overlap, no request fails", (name, { make }) => {
    const { oneSize } = workload;
    checkApart(name, make(oneSize), workload);
    expect(pairLoop(make(oneSize), oneSize)(100)).toBe(0);
    expect(stackLoop(make(oneSize), oneSize, 100)(1000)).toBe(0);
    const contestant = make(oneSize);
    if (!contestant.oneSize) expect(churnLoop(contestant, workload)(2000)).toBe(0);
    if (contestant.resize !== undefined) expect(resizeLoop(contestant, [97, 128, 100, 120])(100)).toBe(0);
    if (contestant.unit === 4096) expect(bulkLoop(make())(640)).toBe(0);
  });
});

test("the check sees an overlap and a failed request", () => {
  const shape = { unit: 4096, request: (order) => order, free: () => {} };
  let next = 1;
  expect(() => checkApart("by one page", { ...shape, alloc: () => next++ }, pageChurn())).toThrow(/by one page: after step 999 the block at \d+ ends at \d+, inside/);
  expect(() => checkApart("empty", { ...shape, alloc: () => -1 }, pageChurn())).toThrow("empty: step 0 asked for size");
});
