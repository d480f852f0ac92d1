/**
 * Where a new range goes: the search through the free tree, and the cut (vmalloc spec 3.3, 3.5).
 *
 * ```
 * a free range fits    when its first aligned address from the lower bound on, plus the size, does not pass its end
 * a subtree is tried   when max >= length;   length = size, or size + align - 1 when the alignment is above one granule
 * ```
 * Up to one granule the first range that fits is the lowest there is. Above it a range that fits only by chance - it holds the size, but
 * not the length - is taken when the way leads through it and missed otherwise: the shape of the tree decides.
 */
import { END, FREE, LOWER, MAX_LOWER, MAX_UPPER, PARENT, releaseNode, takeNode, UPPER, type RangeNodes } from './range-nodes.js';
import type { RangeTree } from './range-tree.js';

/** Search and cut over the free tree. */
export interface LowestFit {
  /**
   * Finds a free range.
   *
   * @param size - bytes.
   * @param length - bytes that a subtree must have in one piece to be entered.
   * @param align - a power of two.
   * @param from - lower bound.
   * @returns the node; 0 when none was found.
   */
  readonly find: (size: number, length: number, align: number, from: number) => number;
  /** Takes `size` bytes at `addr` out of a free range. Needs a spare node. */
  readonly cut: (node: number, addr: number, size: number) => void;
}

/**
 * Rounds up.
 *
 * @param addr - an address, of either sign.
 * @param align - a power of two.
 * @returns the lowest multiple of `align` at or above it; exact for all safe integers.
 */
export function alignUp(addr: number, align: number): number {
  // Adding 0 turns -0 into 0.
  return Math.ceil(addr / align) * align + 0;
}

/**
 * Makes search and cut.
 *
 * @param nodes - the nodes.
 * @param tree - the tree of free ranges over them.
 * @returns both.
 */
export function createLowestFit(nodes: RangeNodes, tree: RangeTree): LowestFit {
  const { heads, links, words } = nodes;

  function fits(node: number, size: number, align: number, from: number): boolean {
    const first = words[node];
    return alignUp(first > from ? first : from, align) + size <= words[node + END];
  }

  function find(size: number, length: number, align: number, lowerBound: number): number {
    let from = lowerBound;
    let node = heads[FREE];
    while (node !== 0) {
      if (words[node + MAX_LOWER] >= length && from < words[node]) {
        node = links[2 * node + LOWER];
        continue;
      }
      if (fits(node, size, align, from)) return node;
      if (words[node + MAX_UPPER] >= length) {
        node = links[2 * node + UPPER];
        continue;
      }
      // Climb until something above fits, or opens a way up the addresses that was not tried.
      node = links[2 * node + PARENT];
      while (node !== 0) {
        if (fits(node, size, align, from)) return node;
        if (words[node + MAX_UPPER] >= length && from <= words[node]) {
          from = words[node] + 1;
          node = links[2 * node + UPPER];
          break;
        }
        node = links[2 * node + PARENT];
      }
    }
    return 0;
  }

  function cut(node: number, addr: number, size: number): void {
    const first = words[node];
    const past = addr + size;
    if (first === addr && words[node + END] === past) {
      tree.erase(node);
      releaseNode(nodes, node);
    } else if (first === addr) {
      words[node] = past;
      tree.resized(node);
    } else if (words[node + END] === past) {
      words[node + END] = addr;
      tree.resized(node);
    } else {
      // The node keeps the upper rest.
      words[node] = past;
      tree.resized(node);
      tree.insert(takeNode(nodes, first, addr, true));
    }
  }

  return { find, cut };
}
