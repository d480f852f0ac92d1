// Before an allocator is timed: are the blocks it hands out apart from each other, and are they its own?
import { pageChurn, SLOTS } from "./workload.js";

const STEPS = 20_000;

/**
 * Runs the start of the page churn on a fresh contestant, or takes and gives back pages of one size.
 *
 * @throws Error naming the two blocks that overlap, or the request that failed.
 */
export function checkApart(name, contestant) {
  const { slot, order } = pageChurn();
  const held = new Array(SLOTS).fill(null);
  const pageBytes = 4096;
  for (let i = 0; i < STEPS; i++) {
    const s = slot[i];
    const o = contestant.oneSize ? 0 : order[i];
    if (held[s] !== null) contestant.free(held[s].address, contestant.request(held[s].order));
    const address = contestant.alloc(contestant.request(o));
    if (!(address > 0)) throw new Error(`${name}: step ${i} asked for 2 ** ${o} pages and got ${address}`);
    held[s] = { address, order: o };
    if (i % 1000 === 999) compare(name, i, held.filter((block) => block !== null), (block) => [block.address * contestant.unit, pageBytes << block.order]);
  }
}

function compare(name, step, blocks, place) {
  const places = blocks.map(place).sort(([a], [b]) => a - b);
  for (let k = 1; k < places.length; k++) {
    const [start, bytes] = places[k - 1];
    if (start + bytes > places[k][0]) {
      throw new Error(`${name}: after step ${step} a block of ${bytes} bytes at ${start} reaches into the one at ${places[k][0]}`);
    }
  }
}
