// Before an allocator is timed: are the blocks it hands out apart from each other, and are they its own?

const STEPS = 20_000;

/**
 * Runs the start of a churn on a fresh contestant; blocks of one size where it has no other.
 *
 * @throws Error naming the two blocks that overlap, or the request that failed.
 */
export function checkApart(name, contestant, { slots, slot, size, bytes, oneSize }) {
  const held = new Array(slots).fill(null);
  for (let step = 0; step < STEPS; step++) {
    const old = held[slot[step]];
    if (old !== null) contestant.free(old.address, contestant.request(old.size));
    const block = { address: 0, size: contestant.oneSize ? oneSize : size[step] };
    block.address = contestant.alloc(contestant.request(block.size));
    if (!(block.address > 0)) throw new Error(`${name}: step ${step} asked for size ${block.size} and got ${block.address}`);
    held[slot[step]] = block;
    if (step % 1000 === 999) compare(name, step, held, contestant.unit, bytes);
  }
}

function compare(name, step, held, unit, bytes) {
  const spans = held
    .filter((block) => block !== null)
    .map(({ address, size }) => ({ start: address * unit, end: address * unit + bytes(size) }))
    .sort((a, b) => a.start - b.start);
  for (const [i, { start, end }] of spans.entries()) {
    const above = spans[i + 1];
    if (above !== undefined && end > above.start) {
      throw new Error(`${name}: after step ${step} the block at ${start} ends at ${end}, inside the one at ${above.start}`);
    }
  }
}
