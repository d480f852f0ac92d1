// The churns: fixed sequences of requests, the same for every contestant.
//   slots         blocks that live at a time
//   slot, size    step i gives back what `slot[i]` holds and takes a block of `size[i]` for it
//   bytes(size)   bytes of such a block
//   oneSize       the size for those who have no other
export const LARGEST_ORDER = 10;
const PAGE_BYTES = 4096;

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

/** 800 live blocks of 30 pages on average: sizes are orders from 0 to 10, order o with weight 0.7 ** o; slots are uniform. */
export function pageChurn() {
  const slots = 800;
  const steps = 1 << 18;
  const random = xorshift32(0x51ed270b);
  const weights = Array.from({ length: LARGEST_ORDER + 1 }, (_, order) => 0.7 ** order);
  const sum = weights.reduce((a, b) => a + b);
  const slot = new Uint32Array(steps);
  const size = new Uint32Array(steps);
  for (let i = 0; i < steps; i++) {
    slot[i] = random() % slots;
    let x = ((random() + 0.5) / 2 ** 32) * sum;
    let o = 0;
    while (o < LARGEST_ORDER && x >= weights[o]) x -= weights[o++];
    size[i] = o;
  }
  return { slots, slot, size, bytes: (order) => PAGE_BYTES << order, oneSize: 0 };
}

/**
 * 10,000 live objects of 8 to 4096 bytes: sizes are log-normal, the median 96, the standard deviation of the logarithm
 * 1.2; slots are uniform.
 */
export function objectChurn() {
  const random = xorshift32(0x9e3779b9);
  const uniform = () => (random() + 0.5) / 2 ** 32;
  const slots = 10_000;
  const steps = 1 << 20;
  const slot = new Uint32Array(steps);
  const size = new Uint32Array(steps);
  for (let i = 0; i < steps; i++) {
    slot[i] = random() % slots;
    const normal = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    size[i] = Math.min(4096, Math.max(8, Math.round(96 * Math.exp(1.2 * normal))));
  }
  return { slots, slot, size, bytes: (size) => size, oneSize: 64 };
}
