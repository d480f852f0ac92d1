/** The state of an address space as data: copies of what the trees hold. */
import type { AddressRange, AddressSpaceState } from '@kmem/contracts';
import { BUSY, END, FREE, LAZY, LOWER, MAX, PARENT, RED, takeNode, UPPER, type RangeNodes } from './range-nodes.js';
import type { RangeTree } from './range-tree.js';

/** The trees of free, used and lazy ranges. */
export type RangeTrees = readonly [free: RangeTree, busy: RangeTree, lazy: RangeTree];

/**
 * Writes trees down.
 *
 * @param nodes - the nodes.
 * @param trees - the trees over them.
 * @returns a copy.
 */
export function exportRanges(nodes: RangeNodes, trees: RangeTrees): AddressSpaceState {
  const { heads, links, words } = nodes;
  const rangeOf = (node: number): AddressRange => ({ addr: words[node], sizeBytes: words[node + END] - words[node] });
  const startOf = (node: number): number | null => (node === 0 ? null : words[node]);
  const [free, used, lazy] = trees.map(nodesOf);
  return {
    free: free.map((node) => ({
      ...rangeOf(node),
      left: startOf(links[2 * node + LOWER]),
      right: startOf(links[2 * node + UPPER]),
      black: links[2 * node + RED] === 0,
    })),
    root: startOf(heads[FREE]),
    used: used.map(rangeOf),
    lazy: lazy.map(rangeOf),
  };
}

function nodesOf(tree: RangeTree): number[] {
  const found: number[] = [];
  for (let node = tree.first(); node !== 0; node = tree.next(node)) found.push(node);
  return found;
}

/**
 * Fills empty trees. Whether the state keeps the rules is for the caller to check afterwards; whatever it says, this ends.
 *
 * @param nodes - the nodes, with spare ones for all ranges.
 * @param trees - the trees over them.
 * @param state - the state.
 */
export function loadRanges(nodes: RangeNodes, trees: RangeTrees, state: AddressSpaceState): void {
  const { heads, links, words } = nodes;
  for (const [tree, ranges] of [[trees[BUSY], state.used], [trees[LAZY], state.lazy]] as const) {
    for (const { addr, sizeBytes } of ranges) tree.insert(takeNode(nodes, addr, addr + sizeBytes));
  }
  const byAddr = new Map<number, number>();
  for (const { addr, sizeBytes } of state.free) byAddr.set(addr, takeNode(nodes, addr, addr + sizeBytes));
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
    const below = Math.max(words[links[2 * node + LOWER] + MAX], words[links[2 * node + UPPER] + MAX]);
    words[node + MAX] = Math.max(words[node + END] - words[node], below);
  }
}
