import { expect, test } from "vitest";
import { LARGEST_ORDER, objectChurn, pageChurn, xorshift32 } from "../src/workload.js";

test("the generator is Marsaglia's xorshift32 with shifts 13, 17, 5", () => {
  const random = xorshift32(1);
  // The first step by hand: 1 ^ 1 << 13 = 0x2001, no bit 17 or above, then ^ 0x2001 << 5 = 0x42021.
  expect(random()).toBe(0x42021);
  let s = 0x42021n;
  for (let i = 0; i < 1000; i++) {
    s ^= (s << 13n) & 0xffffffffn;
    s ^= s >> 17n;
    s ^= (s << 5n) & 0xffffffffn;
    expect(random()).toBe(Number(s));
  }
});

test.each([pageChurn, objectChurn])("%o is the same every time", (churn) => {
  const [first, second] = [churn(), churn()];
  for (const column of ["slot", "size"]) {
    expect(Buffer.compare(Buffer.from(first[column].buffer), Buffer.from(second[column].buffer)), column).toBe(0);
  }
});

test("slots are uniform and order o has weight 0.7 ** o", () => {
  const { slots, slot, size } = pageChurn();
  const steps = slot.length;
  const counts = new Array(LARGEST_ORDER + 1).fill(0);
  for (const o of size) counts[o]++;
  // 0.7 ** o over their sum (1 - 0.7 ** 11) / 0.3; five standard deviations either way.
  const sum = (1 - 0.7 ** 11) / 0.3;
  counts.forEach((count, o) => {
    const share = 0.7 ** o / sum;
    expect(Math.abs(count - steps * share), `order ${o}`).toBeLessThan(5 * Math.sqrt(steps * share * (1 - share)));
  });
  const uses = new Array(slots).fill(0);
  for (const s of slot) uses[s]++;
  expect(uses).toHaveLength(slots);
  for (const n of uses) expect(Math.abs(n - steps / slots)).toBeLessThan(6 * Math.sqrt(steps / slots));
});

test("sizes of objects are log-normal around 96 bytes, cut at 8 and 4096", () => {
  const { slots, slot, size } = objectChurn();
  const n = size.length;
  const shareBelow = (bytes) => size.filter((s) => s <= bytes).length / n;
  // Half of them at the median, 84.1 % within one standard deviation above it.
  expect(shareBelow(96)).toBeCloseTo(0.5, 2);
  expect(shareBelow(Math.round(96 * Math.exp(1.2)))).toBeCloseTo(0.841, 2);
  expect(size.reduce((a, b) => Math.min(a, b))).toBe(8);
  expect(size.reduce((a, b) => Math.max(a, b))).toBe(4096);
  expect(new Set(slot).size).toBe(slots);
});
