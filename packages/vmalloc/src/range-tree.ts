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
import { END, LOWER, MAX, PARENT, RED, UPPER, type RangeNodes } from './range-nodes.js';

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
 * @param head - which of their heads is the root.
 * @returns the tree.
 */
export function createRangeTree(nodes: RangeNodes, head: number): RangeTree {
  const { heads, links, words } = nodes;

  function floor(addr: number): number {
    let found = 0;
    let node = heads[head];
    while (node !== 0) {
      if (words[node] <= addr) {
        found = node;
        node = links[2 * node + UPPER];
      } else {
        node = links[2 * node + LOWER];
      }
    }
    return found;
  }

  function lowest(from: number): number {
    let node = from;
    while (links[2 * node + LOWER] !== 0) node = links[2 * node + LOWER];
    return node;
  }

  function first(): number {
    return lowest(heads[head]);
  }

  function next(node: number): number {
    if (links[2 * node + UPPER] !== 0) return lowest(links[2 * node + UPPER]);
    let below = node;
    let above = links[2 * node + PARENT];
    while (above !== 0 && links[2 * above + UPPER] === below) {
      below = above;
      above = links[2 * above + PARENT];
    }
    return above;
  }

  function largestBelow(node: number): number {
    const size = words[node + END] - words[node];
    const lower = words[links[2 * node + LOWER] + MAX];
    const upper = words[links[2 * node + UPPER] + MAX];
    const below = lower > upper ? lower : upper;
    return size > below ? size : below;
  }

  function resized(from: number): void {
    for (let node = from; node !== 0; node = links[2 * node + PARENT]) {
      const largest = largestBelow(node);
      if (largest === words[node + MAX]) return;
      words[node + MAX] = largest;
    }
  }

  /** Puts a node, or none, where another one hangs. */
  function replace(old: number, node: number): void {
    const above = links[2 * old + PARENT];
    if (node !== 0) links[2 * node + PARENT] = above;
    if (above === 0) heads[head] = node;
    else links[2 * above + (links[2 * above + LOWER] === old ? LOWER : UPPER)] = node;
  }

  /** Moves a node down to one side; its child on the other side takes its place. The set of ranges below that place stays. */
  function rotate(node: number, side: number): void {
    const risen = links[2 * node + UPPER - side];
    const between = links[2 * risen + LOWER + side];
    links[2 * node + UPPER - side] = between;
    if (between !== 0) links[2 * between + PARENT] = node;
    replace(node, risen);
    links[2 * risen + LOWER + side] = node;
    links[2 * node + PARENT] = risen;
    words[risen + MAX] = words[node + MAX];
    words[node + MAX] = largestBelow(node);
  }

  function insert(node: number): void {
    const addr = words[node];
    let above = 0;
    let side = 0;
    for (let at = heads[head]; at !== 0; at = links[2 * at + LOWER + side]) {
      above = at;
      side = addr < words[at] ? 0 : 1;
    }
    const size = words[node + END] - addr;
    links[2 * node + LOWER] = 0;
    links[2 * node + UPPER] = 0;
    links[2 * node + PARENT] = above;
    links[2 * node + RED] = 1;
    words[node + MAX] = size;
    if (above === 0) heads[head] = node;
    else links[2 * above + LOWER + side] = node;
    for (let at = above; at !== 0 && words[at + MAX] < size; at = links[2 * at + PARENT]) words[at + MAX] = size;
    restoreAfterInsert(node);
  }

  /** Removes the one possible fault: a red node below a red node. */
  function restoreAfterInsert(added: number): void {
    let node = added;
    for (;;) {
      let above = links[2 * node + PARENT];
      if (above === 0) {
        links[2 * node + RED] = 0;
        return;
      }
      if (links[2 * above + RED] === 0) return;
      const top = links[2 * above + PARENT];
      const side = links[2 * top + LOWER] === above ? 0 : 1;
      const uncle = links[2 * top + UPPER - side];
      if (links[2 * uncle + RED] === 1) {
        links[2 * above + RED] = 0;
        links[2 * uncle + RED] = 0;
        links[2 * top + RED] = 1;
        node = top;
        continue;
      }
      if (links[2 * above + UPPER - side] === node) {
        rotate(above, side);
        above = node;
      }
      rotate(top, 1 - side);
      links[2 * above + RED] = 0;
      links[2 * top + RED] = 1;
      return;
    }
  }

  function erase(node: number): void {
    const lower = links[2 * node + LOWER];
    const upper = links[2 * node + UPPER];
    let lostRed = links[2 * node + RED];
    // What takes the place that is lost, and what hangs above it.
    let filler = lower === 0 ? upper : lower;
    let above = links[2 * node + PARENT];
    if (lower === 0 || upper === 0) {
      replace(node, filler);
      resized(above);
    } else {
      const successor = lowest(upper);
      lostRed = links[2 * successor + RED];
      filler = links[2 * successor + UPPER];
      above = successor;
      if (successor !== upper) {
        above = links[2 * successor + PARENT];
        replace(successor, filler);
        links[2 * successor + UPPER] = upper;
        links[2 * upper + PARENT] = successor;
      }
      replace(node, successor);
      links[2 * successor + LOWER] = lower;
      links[2 * lower + PARENT] = successor;
      links[2 * successor + RED] = links[2 * node + RED];
      // Below its new place the successor is gone, above it the node: two changes, each as far up as it shows.
      words[successor + MAX] = words[node + MAX];
      for (let at = above; at !== successor; at = links[2 * at + PARENT]) words[at + MAX] = largestBelow(at);
      resized(successor);
    }
    if (lostRed === 0) restoreAfterErase(filler, above);
  }

  /** Makes up for a black node that ways through `filler` lack. */
  function restoreAfterErase(filler: number, fillerParent: number): void {
    let node = filler;
    let above = fillerParent;
    while (above !== 0 && links[2 * node + RED] === 0) {
      // The sibling exists: ways through it have a black node more.
      const side = links[2 * above + LOWER] === node ? 0 : 1;
      let sibling = links[2 * above + UPPER - side];
      if (links[2 * sibling + RED] === 1) {
        links[2 * sibling + RED] = 0;
        links[2 * above + RED] = 1;
        rotate(above, side);
        sibling = links[2 * above + UPPER - side];
      }
      if (links[2 * links[2 * sibling + UPPER - side] + RED] === 0) {
        const inner = links[2 * sibling + LOWER + side];
        if (links[2 * inner + RED] === 0) {
          links[2 * sibling + RED] = 1;
          node = above;
          above = links[2 * node + PARENT];
          continue;
        }
        links[2 * inner + RED] = 0;
        links[2 * sibling + RED] = 1;
        rotate(sibling, 1 - side);
        sibling = inner;
      }
      links[2 * sibling + RED] = links[2 * above + RED];
      links[2 * above + RED] = 0;
      links[2 * links[2 * sibling + UPPER - side] + RED] = 0;
      rotate(above, side);
      return;
    }
    links[2 * node + RED] = 0;
  }

  return { insert, erase, resized, floor, first, next };
}
