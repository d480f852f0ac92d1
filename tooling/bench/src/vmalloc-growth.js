// A process of its own: how the cost of a range of addresses grows with the number of them.
//
//   live ranges of 2 to 13 pages; a step frees one, picked at random, and takes one
//   limit   a binary search in a sorted array of as many addresses, twice: what finding two of them costs at least
import { SortedRangeList, VirtualRangeAllocator } from "@kmem/vmalloc";
import { median } from "./measure.js";
import { xorshift32 } from "./workload.js";

const PAGE = 4096;
const SPACE = 2 ** 45;
const LIVE = [100, 1000, 10_000, 100_000, 1_000_000];
/** Above this a step of the list takes a millisecond. */
const MOST_IN_LIST = 10_000;
const ROUNDS = 9;
const STEPS = 40_000;
const LIST_STEPS = 400;

function churn(ranges, live) {
  const random = xorshift32(7);
  const size = () => (2 + (random() % 12)) * PAGE;
  const addrs = Float64Array.from({ length: live }, () => ranges.allocRange(size()));
  return (steps) => {
    for (let i = 0; i < steps; i++) {
      const at = random() % live;
      ranges.freeRange(addrs[at]);
      addrs[at] = ranges.allocRange(size());
    }
  };
}

function search(live) {
  const random = xorshift32(7);
  const addrs = Float64Array.from({ length: live }, (_, i) => i * PAGE);
  let sum = 0;
  return (steps) => {
    for (let i = 0; i < 2 * steps; i++) {
      const addr = (random() % live) * PAGE;
      let low = 0;
      let high = live;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (addrs[middle] < addr) low = middle + 1;
        else high = middle;
      }
      sum += low;
    }
    return sum;
  };
}

/** Median of nanoseconds a step, warmed up until the ranges are as mixed as they get. */
function measure(run, steps, warm) {
  run(warm);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = process.hrtime.bigint();
    run(steps);
    return Number(process.hrtime.bigint() - start) / steps;
  });
  return median(rounds);
}

// Everybody's code is compiled before anything counts.
measure(churn(new VirtualRangeAllocator({ end: SPACE, granule: PAGE }), 1000), STEPS, STEPS);
measure(churn(new SortedRangeList({ end: SPACE, granule: PAGE }), 100), LIST_STEPS, 10 * LIST_STEPS);
measure(search(1000), STEPS, STEPS);

const rows = LIVE.map((live) => ({
  live,
  tree: measure(churn(new VirtualRangeAllocator({ end: SPACE, granule: PAGE }), live), STEPS, Math.max(STEPS, 2 * live)),
  list: live <= MOST_IN_LIST ? measure(churn(new SortedRangeList({ end: SPACE, granule: PAGE }), live), LIST_STEPS, LIST_STEPS) : null,
  limit: measure(search(live), STEPS, STEPS),
}));
console.log(JSON.stringify({ rows }));
