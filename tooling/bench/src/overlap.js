// Before an allocator is timed: are the blocks it hands out apart from each other, and are they its own?
import { pageChurn, SLOTS } from "./workload.js";

const STEPS = 20_000;

/**
 * Runs the start of the page churn on a fresh contestant; pages of one size where it has no other.
 *
 * @throws Error naming the two blocks that overlap, or the request that failed.
 */
export function checkApart(name, contestant) {
  const { slot, order } = pageChurn();
  const held = new Array(SLOTS).fill(null);
  for (let step = 0; step < STEPS; step++) {
    const old = held[slot[step]];
    if (old !== null) contestant.free(old.address, contestant.request(old.order));
    const block = { address: 0, order: contestant.oneSize ? 0 : order[step] };
    block.address = contestant.alloc(contestant.request(block.order));
    if (!(block.address > 0)) throw new Error(`${name}: step ${step} asked for order ${block.order} and got ${block.address}`);
    held[slot[step]] = block;
    if (step % 1000 === 999) compare(name, step, held, contestant.unit);
  }
}

function compare(name, step, held, unit) {
  const spans = held
    .filter((block) => block !== null)
    .map(({ address, order }) => ({ start: address * unit, end: address * unit + 4096 * 2 ** order }))
    .sort((a, b) => a.start - b.start);
  for (const [i, { start, end }] of spans.entries()) {
    const above = spans[i + 1];
    if (above !== undefined && end > above.start) {
      throw new Error(`${name}: after step ${step} the block at ${start} ends at ${end}, inside the one at ${above.start}`);
    }
  }
}
