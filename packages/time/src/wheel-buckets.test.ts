import { expect, test } from 'vitest';
import { TimerRecords } from './timer-records.js';
import { WheelBuckets } from './wheel-buckets.js';

const CUTOFF = 63 * 8 ** 8;

/** The rule as the specification has it: level by distance, next bucket that begins after the expiry. (time spec 4.1, 4.2) */
function expected(clk: number, expires: number): number {
  const delta = expires - clk;
  if (delta < 0) return clk % 64;
  const level = Array.from({ length: 9 }, (_, n) => 63 * 8 ** n).findIndex((limit) => delta < limit);
  if (level < 0) return 8 * 64 + ((Math.floor((clk + CUTOFF - 8 ** 8) / 8 ** 8) + 1) % 64);
  return level * 64 + ((Math.floor(expires / 8 ** level) + 1) % 64);
}

test('the bucket is the first of its level that begins after the expiry, at every distance around the limits', () => {
  const edges = Array.from({ length: 9 }, (_, n) => [62 * 8 ** n, 63 * 8 ** n, 64 * 8 ** n]).flat();
  for (const clk of [0, 1, 7, 63, 4_294_892_296, 2 ** 50 + 5]) {
    const wheel = new WheelBuckets(1, clk, new TimerRecords());
    for (const edge of [0, ...edges]) {
      for (let off = -9; off <= 9; off++) {
        const expires = clk + edge + off;
        expect(wheel.bucketFor(0, expires), `clk ${clk}, distance ${edge + off}`).toBe(expected(clk, expires));
      }
    }
  }
});

test('from any bucket of a level the next one that is not empty is found, going round', () => {
  for (let from = 0; from < 64; from++) {
    for (let distance = 0; distance < 63; distance++) {
      const timers = new TimerRecords();
      const wheel = new WheelBuckets(1, 128 + from, timers);
      wheel.add(0, timers.create(), 128 + from + distance);
      expect(wheel.nextExpiry[0]).toBe(128 + from + distance + 1);
      // Another timer that came and went leaves it to a search.
      const other = timers.create();
      wheel.add(0, other, 128 + from);
      wheel.remove(other);
      expect(wheel.nextDue(0)).toBe(128 + from + distance + 1);
    }
  }
});
