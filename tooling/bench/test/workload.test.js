import { expect, test } from "vitest";
import { LARGEST_ORDER, OPS, pageChurn, SLOTS, xorshift32 } from "../src/workload.js";

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

test("the churn is the same every time", () => {
  const [first, second] = [pageChurn(), pageChurn()];
  for (const column of ["slot", "order"]) {
    expect(Buffer.compare(Buffer.from(first[column].buffer), Buffer.from(second[column].buffer)), column).toBe(0);
  }
});

test("slots are uniform and order o has weight 0.7 ** o", () => {
  const { slot, order } = pageChurn();
  const counts = new Array(LARGEST_ORDER + 1).fill(0);
  for (const o of order) counts[o]++;
  // 0.7 ** o over their sum (1 - 0.7 ** 11) / 0.3; five standard deviations either way.
  const sum = (1 - 0.7 ** 11) / 0.3;
  counts.forEach((count, o) => {
    const share = 0.7 ** o / sum;
    expect(Math.abs(count - OPS * share), `order ${o}`).toBeLessThan(5 * Math.sqrt(OPS * share * (1 - share)));
  });
  const uses = new Array(SLOTS).fill(0);
  for (const s of slot) uses[s]++;
  expect(uses).toHaveLength(SLOTS);
  for (const n of uses) expect(Math.abs(n - OPS / SLOTS)).toBeLessThan(6 * Math.sqrt(OPS / SLOTS));
});
