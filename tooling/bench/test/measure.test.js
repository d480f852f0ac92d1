import { expect, test } from "vitest";
import { interleave, LARGEST_SPREAD, quantile, ratio, ROUNDS, spread, verdict } from "../src/measure.js";

test("quantiles interpolate between neighbours", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([10, 20, 30], 0.1)).toBeCloseTo(12, 9);
  expect(spread([10, 20, 30])).toBeCloseTo((28 - 12) / 20, 9);
});

test("a ratio is formed round by round", () => {
  // The medians of either side would give 3 / 2; the rounds say 2, 1, 3.
  expect(ratio([2, 3, 9], [1, 3, 3]).median).toBe(2);
});

test("a limit that varies too much allows no conclusion", () => {
  expect(verdict(4.9, 5, LARGEST_SPREAD)).toBe("met");
  expect(verdict(5.1, 5, LARGEST_SPREAD)).toBe("missed");
  expect(verdict(4.9, 5, LARGEST_SPREAD + 0.01)).toBe("inconclusive");
});

test("runners take turns, and their order turns round every other round", async () => {
  const calls = [];
  const runner = (name, nsPerStep) => (steps) => {
    // 256 is the length of a warm-up call; what is timed runs for 2 ms at least.
    if (steps * nsPerStep >= 2e6) calls.push(name);
    return { ns: steps * nsPerStep, failures: 0 };
  };
  const { a, b } = await interleave({ a: runner("a", 10_000), b: runner("b", 30_000) });
  expect(a.rounds).toEqual(new Array(ROUNDS).fill(10_000));
  expect(b.rounds).toEqual(new Array(ROUNDS).fill(30_000));
  const rounds = calls.slice(-2 * 9 * ROUNDS).join("").match(/.{18}/g);
  expect(new Set(rounds)).toEqual(new Set(["ab".repeat(9), "ba".repeat(9)]));
  for (let i = 1; i < rounds.length; i++) expect(rounds[i]).not.toBe(rounds[i - 1]);
});
