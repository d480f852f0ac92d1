/**
 * A red-black tree of address ranges, where each node knows the largest range below it (vmalloc spec 3.4).
 *
 * ```
 * order    every range of the lower subtree < the node's range < every range of the upper one; none overlap
 * colours  the root is black; a red node has no red child; every way down passes as many black nodes
 * max      max[node] = the largest of end[node] - start[node], max[lower child], max[upper child]
 * ```
 * The shape counts: for alignments above one page it decides which address is found. So insertion and removal go through exactly the
 * cases that the kernel's tree goes through. A node may change its bounds in place as long as the order holds; then `resized` is called.
 */
import type { RangeNodes } from './range-nodes.js';

/** One tree over the nodes. Nodes are numbers, 0 is none. */
export interface RangeTree {
  /** Adds a node that is in no tree; it must overlap none. */
  readonly insert: (node: number) => void;
  /** Takes a node out. */
  readonly erase: (node: number) => void;
  /** Must be called when a node's bounds were changed in place. */
  readonly resized: (node: number) => void;
  /** Finds the last node that starts at or below an address; 0 when there is none. */
  readonly floor: (addr: number) => number;
  /** Finds the lowest node; 0 when the tree is empty. */
  readonly first: () => number;
  /** Finds the next higher node; 0 after the last. */
  readonly next: (node: number) => number;
}

/**
 * Makes a tree over nodes. The functions hold the arrays themselves.
 *
 * @param nodes - the nodes.
 * @param rootWord - which of their words holds the root.
 * @returns the tree.
 */
export function createRangeTree(nodes: RangeNodes, rootWord: number): RangeTree {
  const { start, end, max, child, parent, red, words } = nodes;

  function floor(addr: number): number {
    let found = 0;
    let node = words[rootWord];
    while (node !== 0) {
      if (start[node] <= addr) {
        found = node;
        node = child[2 * node + 1];
      } else {
        node = child[2 * node];
      }
    }
    return found;
  }

  function lowest(from: number): number {
    let node = from;
    while (child[2 * node] !== 0) node = child[2 * node];
    return node;
  }

  function first(): number {
    return lowest(words[rootWord]);
  }

  function next(node: number): number {
    if (child[2 * node + 1] !== 0) return lowest(child[2 * node + 1]);
    let below = node;
    let above = parent[node];
    while (above !== 0 && child[2 * above + 1] === below) {
      below = above;
      above = parent[above];
    }
    return above;
  }

  function largestBelow(node: number): number {
    const size = end[node] - start[node];
    const lower = max[child[2 * node]];
    const upper = max[child[2 * node + 1]];
    const below = lower > upper ? lower : upper;
    return size > below ? size : below;
  }

  function resized(from: number): void {
    for (let node = from; node !== 0; node = parent[node]) {
      const largest = largestBelow(node);
      if (largest === max[node]) return;
      max[node] = largest;
    }
  }

  /** Puts a node, or none, where another one hangs. */
  function replace(old: number, node: number): void {
    const above = parent[old];
    if (node !== 0) parent[node] = above;
    if (above === 0) words[rootWord] = node;
    else child[2 * above + (child[2 * above] === old ? 0 : 1)] = node;
  }

  /** Moves a node down to one side; its child on the other side takes its place. The set of ranges below that place stays. */
  function rotate(node: number, side: number): void {
    const risen = child[2 * node + 1 - side];
    const between = child[2 * risen + side];
    child[2 * node + 1 - side] = between;
    if (between !== 0) parent[between] = node;
    replace(node, risen);
    child[2 * risen + side] = node;
    parent[node] = risen;
    max[risen] = max[node];
    max[node] = largestBelow(node);
  }

  function insert(node: number): void {
    const addr = start[node];
    let above = 0;
    let side = 0;
    for (let at = words[rootWord]; at !== 0; at = child[2 * at + side]) {
      above = at;
      side = addr < start[at] ? 0 : 1;
    }
    const size = end[node] - addr;
    child[2 * node] = 0;
    child[2 * node + 1] = 0;
    parent[node] = above;
    red[node] = 1;
    max[node] = size;
    if (above === 0) words[rootWord] = node;
    else child[2 * above + side] = node;
    for (let at = above; at !== 0 && max[at] < size; at = parent[at]) max[at] = size;
    restoreAfterInsert(node);
  }

  /** Removes the one possible fault: a red node below a red node. */
  function restoreAfterInsert(added: number): void {
    let node = added;
    for (;;) {
      let above = parent[node];
      if (above === 0) {
        red[node] = 0;
        return;
      }
      if (red[above] === 0) return;
      const top = parent[above];
      const side = child[2 * top] === above ? 0 : 1;
      const uncle = child[2 * top + 1 - side];
      if (red[uncle] === 1) {
        red[above] = 0;
        red[uncle] = 0;
        red[top] = 1;
        node = top;
        continue;
      }
      if (child[2 * above + 1 - side] === node) {
        rotate(above, side);
        above = node;
      }
      rotate(top, 1 - side);
      red[above] = 0;
      red[top] = 1;
      return;
    }
  }

  function erase(node: number): void {
    const lower = child[2 * node];
    const upper = child[2 * node + 1];
    let lostRed = red[node];
    /** What took the place that was lost, and what hangs above it. */
    let filler = lower === 0 ? upper : lower;
    let above = parent[node];
    if (lower === 0 || upper === 0) {
      replace(node, filler);
    } else {
      const successor = lowest(upper);
      lostRed = red[successor];
      filler = child[2 * successor + 1];
      above = successor;
      if (successor !== upper) {
        above = parent[successor];
        replace(successor, filler);
        child[2 * successor + 1] = upper;
        parent[upper] = successor;
      }
      replace(node, successor);
      child[2 * successor] = lower;
      parent[lower] = successor;
      red[successor] = red[node];
    }
    for (let at = above; at !== 0; at = parent[at]) max[at] = largestBelow(at);
    if (lostRed === 0) restoreAfterErase(filler, above);
  }

  /** Makes up for a black node that ways through `filler` lack. */
  function restoreAfterErase(filler: number, fillerParent: number): void {
    let node = filler;
    let above = fillerParent;
    while (above !== 0 && red[node] === 0) {
      // The sibling exists: ways through it have a black node more.
      const side = child[2 * above] === node ? 0 : 1;
      let sibling = child[2 * above + 1 - side];
      if (red[sibling] === 1) {
        red[sibling] = 0;
        red[above] = 1;
        rotate(above, side);
        sibling = child[2 * above + 1 - side];
      }
      if (red[child[2 * sibling + 1 - side]] === 0) {
        const inner = child[2 * sibling + side];
        if (red[inner] === 0) {
          red[sibling] = 1;
          node = above;
          above = parent[node];
          continue;
        }
        red[inner] = 0;
        red[sibling] = 1;
        rotate(sibling, 1 - side);
        sibling = inner;
      }
      red[sibling] = red[above];
      red[above] = 0;
      red[child[2 * sibling + 1 - side]] = 0;
      rotate(above, side);
      return;
    }
    red[node] = 0;
  }

  return { insert, erase, resized, floor, first, next };
}
