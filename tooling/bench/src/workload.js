// The page churn: one fixed sequence of requests, the same for every contestant.
export const SLOTS = 800;
export const OPS = 1 << 18;
export const LARGEST_ORDER = 10;

/** Marsaglia's xorshift32: numbers from 1 to 2^32 - 1, the same for a seed everywhere. */
export function xorshift32(seed) {
  let s = seed >>> 0;
  return () => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    s >>>= 0;
    return s;
  };
}

/**
 * Step i gives back what `slot[i]` holds and takes a block of `2 ** order[i]` pages for it. Slots are uniform, 0 to
 * 799; order o has weight 0.7 ** o, 0 to 10: 800 live blocks of 30 pages on average.
 */
export function pageChurn() {
  const random = xorshift32(0x51ed270b);
  const weights = Array.from({ length: LARGEST_ORDER + 1 }, (_, order) => 0.7 ** order);
  const sum = weights.reduce((a, b) => a + b);
  const slot = new Uint32Array(OPS);
  const order = new Uint32Array(OPS);
  for (let i = 0; i < OPS; i++) {
    slot[i] = random() % SLOTS;
    let x = ((random() + 0.5) / 2 ** 32) * sum;
    let o = 0;
    while (o < LARGEST_ORDER && x >= weights[o]) x -= weights[o++];
    order[i] = o;
  }
  return { slot, order };
}
