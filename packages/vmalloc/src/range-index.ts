/**
 * RangeIndex: the nodes of ranges in use, by first address.
 *
 * ```
 *   a B+ tree of blocks
 *   inner block   keys    | k0 | k1 | k2 |       child i has what lies from ki up to the next key; the first child also what lies lower
 *                 slots   | c0 | c1 | c2 |
 *   leaf          keys    | a0 | a1 | ...        a range that starts at ai has the node ni; leaves are linked in order
 *                 slots   | n0 | n1 | ...
 *
 *   block b       keys[b * FANOUT] and up;   words[b * STRIDE + COUNT, + NEXT, + PREV], then the slots
 *   every block has 1 to FANOUT entries, but for a root without any; one that loses its last is spare; block 0 is none
 * ```
 * Nothing depends on its shape. A look-up touches two or three cache lines for each of log32 n levels, where a binary tree touches one or two
 * for each of log2 n, most of them far apart.
 */

const FANOUT = 32;
/** Entries of a block. */
const COUNT = 0;
/** Next leaf; of a spare block the next spare one. */
const NEXT = 1;
/** Leaf before. */
const PREV = 2;
const SLOTS = 3;
const STRIDE = SLOTS + FANOUT;
const FIRST_BLOCKS = 8;
/** More than 16 ** 12 ranges would need. */
const MOST_LEVELS = 12;

/** Nodes in order. A node is a number above 0. */
export interface RangeIndex {
  /** Adds a node; there is none with that address. */
  readonly insert: (addr: number, node: number) => void;
  /** Takes out the node with an address; 0 when there is none. */
  readonly erase: (addr: number) => number;
  /** Finds the last node at or below an address; 0 when there is none. */
  readonly floor: (addr: number) => number;
  /** Lists all nodes in order. */
  readonly nodes: () => number[];
}

/**
 * Makes an index.
 *
 * @returns an empty one.
 */
export function createRangeIndex(): RangeIndex {
  let keys = new Float64Array(FIRST_BLOCKS * FANOUT);
  let words = new Int32Array(FIRST_BLOCKS * STRIDE);
  let nrBlocks = 1;
  let spare = 0;
  let levels = 1;
  let root = takeBlock();
  /** By level, leaves being level 0: the way that the last descent took. */
  const wayBlocks = new Int32Array(MOST_LEVELS);
  const waySlots = new Int32Array(MOST_LEVELS);

  function takeBlock(): number {
    const block = spare === 0 ? nrBlocks++ : spare;
    if (spare !== 0) spare = words[block * STRIDE + NEXT];
    if (nrBlocks * FANOUT > keys.length) {
      const [moreKeys, moreWords] = [new Float64Array(keys.length * 2), new Int32Array(words.length * 2)];
      moreKeys.set(keys);
      moreWords.set(words);
      keys = moreKeys;
      words = moreWords;
    }
    words.fill(0, block * STRIDE, block * STRIDE + SLOTS);
    return block;
  }

  function giveBlock(block: number): void {
    words[block * STRIDE + NEXT] = spare;
    spare = block;
  }

  /** Slot of the last key at or below an address; -1 when all are higher. */
  function slotOf(block: number, addr: number): number {
    const first = block * FANOUT;
    let low = 0;
    let high = words[block * STRIDE + COUNT];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[first + middle] <= addr) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The leaf where an address belongs. */
  function descend(addr: number): number {
    let block = root;
    for (let level = levels - 1; level > 0; level--) {
      const found = slotOf(block, addr);
      const slot = found < 0 ? 0 : found;
      wayBlocks[level] = block;
      waySlots[level] = slot;
      block = words[block * STRIDE + SLOTS + slot];
    }
    return block;
  }

  function floor(addr: number): number {
    let block = descend(addr);
    let slot = slotOf(block, addr);
    if (slot < 0) {
      block = words[block * STRIDE + PREV];
      if (block === 0) return 0;
      slot = words[block * STRIDE + COUNT] - 1;
    }
    return words[block * STRIDE + SLOTS + slot];
  }

  function insert(addr: number, node: number): void {
    let block = descend(addr);
    let slot = slotOf(block, addr) + 1;
    let key = addr;
    let value = node;
    for (let level = 0; words[block * STRIDE + COUNT] === FANOUT; level++) {
      const upper = split(block, level);
      if (slot <= FANOUT / 2) put(block, slot, key, value);
      else put(upper, slot - FANOUT / 2, key, value);
      key = keys[upper * FANOUT];
      value = upper;
      if (level === levels - 1) addRoot(block);
      block = wayBlocks[level + 1];
      slot = waySlots[level + 1] + 1;
    }
    put(block, slot, key, value);
  }

  /** Moves the upper half of a full block to a new one, which has no parent yet. */
  function split(block: number, level: number): number {
    const upper = takeBlock();
    const half = FANOUT / 2;
    keys.copyWithin(upper * FANOUT, block * FANOUT + half, (block + 1) * FANOUT);
    words.copyWithin(upper * STRIDE + SLOTS, block * STRIDE + SLOTS + half, (block + 1) * STRIDE);
    words[block * STRIDE + COUNT] = half;
    words[upper * STRIDE + COUNT] = half;
    if (level === 0) {
      const next = words[block * STRIDE + NEXT];
      words[upper * STRIDE + NEXT] = next;
      words[upper * STRIDE + PREV] = block;
      words[block * STRIDE + NEXT] = upper;
      if (next !== 0) words[next * STRIDE + PREV] = upper;
    }
    return upper;
  }

  /** Puts a root above the root, and on the way to it. */
  function addRoot(below: number): void {
    root = takeBlock();
    put(root, 0, keys[below * FANOUT], below);
    wayBlocks[levels] = root;
    waySlots[levels] = 0;
    levels++;
  }

  function put(block: number, slot: number, key: number, value: number): void {
    const firstKey = block * FANOUT;
    const firstSlot = block * STRIDE + SLOTS;
    for (let i = words[block * STRIDE + COUNT]++; i > slot; i--) {
      keys[firstKey + i] = keys[firstKey + i - 1];
      words[firstSlot + i] = words[firstSlot + i - 1];
    }
    keys[firstKey + slot] = key;
    words[firstSlot + slot] = value;
  }

  function erase(addr: number): number {
    const leaf = descend(addr);
    const slot = slotOf(leaf, addr);
    if (slot < 0 || keys[leaf * FANOUT + slot] !== addr) return 0;
    const node = words[leaf * STRIDE + SLOTS + slot];
    drop(leaf, slot);
    if (words[leaf * STRIDE + COUNT] === 0 && levels > 1) eraseLeaf(leaf);
    return node;
  }

  function drop(block: number, slot: number): void {
    const last = --words[block * STRIDE + COUNT];
    const firstKey = block * FANOUT;
    const firstSlot = block * STRIDE + SLOTS;
    for (let i = slot; i < last; i++) {
      keys[firstKey + i] = keys[firstKey + i + 1];
      words[firstSlot + i] = words[firstSlot + i + 1];
    }
  }

  /** Gives up an empty leaf, the blocks above it that are empty then, and a root with a single child. */
  function eraseLeaf(leaf: number): void {
    const next = words[leaf * STRIDE + NEXT];
    const prev = words[leaf * STRIDE + PREV];
    if (prev !== 0) words[prev * STRIDE + NEXT] = next;
    if (next !== 0) words[next * STRIDE + PREV] = prev;
    giveBlock(leaf);
    for (let level = 1; level < levels; level++) {
      const block = wayBlocks[level];
      drop(block, waySlots[level]);
      if (words[block * STRIDE + COUNT] > 0) break;
      giveBlock(block);
    }
    while (levels > 1 && words[root * STRIDE + COUNT] === 1) {
      const above = root;
      root = words[above * STRIDE + SLOTS];
      levels--;
      giveBlock(above);
    }
  }

  function nodes(): number[] {
    const found: number[] = [];
    for (let block = descend(-Infinity); block !== 0; block = words[block * STRIDE + NEXT]) {
      for (let slot = 0; slot < words[block * STRIDE + COUNT]; slot++) found.push(words[block * STRIDE + SLOTS + slot]);
    }
    return found;
  }

  return { insert, erase, floor, nodes };
}
