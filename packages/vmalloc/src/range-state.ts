/** The state of an address space as data: copies of what the trees hold. */
import type { AddressRange, AddressSpaceState } from '@kmem/contracts';
import { END, FREE, largestOf, LOWER, MAX_LOWER, PARENT, RED, takeNode, UPPER, type RangeNodes } from './range-nodes.js';
import type { RangeIndex } from './range-index.js';
import type { RangeTree } from './range-tree.js';

/** Where the nodes of ranges are found. */
export interface RangeSets {
  /** Free ranges. */
  readonly free: RangeTree;
  /** Ranges in use. */
  readonly used: RangeIndex;
  /** Ranges given back and not purged. */
  readonly lazy: RangeTree;
}

/**
 * Writes ranges down.
 *
 * @param nodes - the nodes.
 * @param sets - where they are.
 * @returns a copy.
 */
export function exportRanges(nodes: RangeNodes, sets: RangeSets): AddressSpaceState {
  const { heads, links, words } = nodes;
  const rangeOf = (node: number): AddressRange => ({ addr: words[node], sizeBytes: words[node + END] - words[node] });
  const startOf = (node: number): number | null => (node === 0 ? null : words[node]);
  return {
    free: nodesOf(sets.free).map((node) => ({
      ...rangeOf(node),
      left: startOf(links[2 * node + LOWER]),
      right: startOf(links[2 * node + UPPER]),
      black: links[2 * node + RED] === 0,
    })),
    root: startOf(heads[FREE]),
    used: sets.used.nodes().map(rangeOf),
    lazy: nodesOf(sets.lazy).map(rangeOf),
  };
}

function nodesOf(tree: RangeTree): number[] {
  const found: number[] = [];
  for (let node = tree.first(); node !== 0; node = tree.next(node)) found.push(node);
  return found;
}

/**
 * Fills empty sets. Whether the state keeps the rules is for the caller to check afterwards; whatever it says, this ends.
 *
 * @param nodes - the nodes, with spare ones for all ranges.
 * @param sets - where they go.
 * @param state - the state.
 */
export function loadRanges(nodes: RangeNodes, sets: RangeSets, state: AddressSpaceState): void {
  const { heads, links, words } = nodes;
  const nodeOf = ({ addr, sizeBytes }: AddressRange): number => takeNode(nodes, addr, addr + sizeBytes, true);
  for (const range of state.used) sets.used.insert(range.addr, nodeOf(range));
  for (const range of state.lazy) sets.lazy.insert(nodeOf(range));
  const byAddr = new Map<number, number>();
  for (const range of state.free) byAddr.set(range.addr, nodeOf(range));
  const nodeAt = (addr: number | null): number => (addr === null ? 0 : (byAddr.get(addr) ?? 0));
  for (const { addr, left, right, black } of state.free) {
    const node = nodeAt(addr);
    links[2 * node + RED] = black ? 0 : 1;
    for (const [side, below] of [nodeAt(left), nodeAt(right)].entries()) {
      links[2 * node + LOWER + side] = below;
      if (below !== 0) links[2 * below + PARENT] = node;
    }
  }
  const root = nodeAt(state.root);
  heads[FREE] = root;
  links[2 * root + PARENT] = 0;
  // Children before parents: a node is finished when both children are. A range that hangs twice or in a ring is left for the check.
  const order: number[] = root === 0 ? [] : [root];
  for (let i = 0; i < order.length && order.length <= state.free.length; i++) {
    const node = order[i];
    for (const below of [links[2 * node + LOWER], links[2 * node + UPPER]]) if (below !== 0) order.push(below);
  }
  for (const node of order.reverse()) {
    for (const side of [0, 1]) {
      const below = links[2 * node + LOWER + side];
      words[node + MAX_LOWER + side] = below === 0 ? 0 : largestOf(words, below);
    }
  }
}
