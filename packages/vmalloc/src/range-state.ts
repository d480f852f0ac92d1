/** The state of an address space as data: copies of what the trees hold. */
import type { AddressRange, AddressSpaceState } from '@kmem/contracts';
import { BUSY, FREE, LAZY, takeNode, type RangeNodes } from './range-nodes.js';
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
  const { start, end, child, red, words } = nodes;
  const rangeOf = (node: number): AddressRange => ({ addr: start[node], sizeBytes: end[node] - start[node] });
  const startOf = (node: number): number | null => (node === 0 ? null : start[node]);
  const [free, used, lazy] = trees.map(nodesOf);
  return {
    free: free.map((node) => ({
      ...rangeOf(node),
      left: startOf(child[2 * node]),
      right: startOf(child[2 * node + 1]),
      black: red[node] === 0,
    })),
    root: startOf(words[FREE]),
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
  const { end, start, max, child, parent, red, words } = nodes;
  for (const [tree, ranges] of [[trees[BUSY], state.used], [trees[LAZY], state.lazy]] as const) {
    for (const { addr, sizeBytes } of ranges) tree.insert(takeNode(nodes, addr, addr + sizeBytes));
  }
  const byAddr = new Map<number, number>();
  for (const { addr, sizeBytes } of state.free) byAddr.set(addr, takeNode(nodes, addr, addr + sizeBytes));
  const nodeAt = (addr: number | null): number => (addr === null ? 0 : (byAddr.get(addr) ?? 0));
  for (const { addr, left, right, black } of state.free) {
    const node = nodeAt(addr);
    red[node] = black ? 0 : 1;
    for (const [side, below] of [nodeAt(left), nodeAt(right)].entries()) {
      child[2 * node + side] = below;
      if (below !== 0) parent[below] = node;
    }
  }
  const root = nodeAt(state.root);
  words[FREE] = root;
  parent[root] = 0;
  // Children before parents: a node is finished when both children are. A range that hangs twice or in a ring is left for the check.
  const order: number[] = root === 0 ? [] : [root];
  for (let i = 0; i < order.length && order.length <= state.free.length; i++) {
    const node = order[i];
    for (const below of [child[2 * node], child[2 * node + 1]]) if (below !== 0) order.push(below);
  }
  for (const node of order.reverse()) {
    max[node] = Math.max(end[node] - start[node], max[child[2 * node]], max[child[2 * node + 1]]);
  }
}
