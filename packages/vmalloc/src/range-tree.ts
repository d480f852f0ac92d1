/**
 * A red-black tree of address ranges, where each node knows the largest range below either child (vmalloc spec 3.4, 3.6).
 *
 * ```
 * order    every range of the lower subtree < the node's range < every range of the upper one; none overlap
 * colours  the root is black; a red node has no red child; every way down passes as many black nodes
 * largest  largest(node) = the largest of end - start, maxLower, maxUpper;   maxLower[node] = largest(lower child)   maxUpper likewise
 * ```
 * The shape counts: for alignments above one page it decides which address is found. So insertion and removal go through exactly the
 * cases that the kernel's tree goes through. A node may change its bounds in place as long as the order holds; then `resized` is called.
 */
import { END, largestOf, LOWER, MAX_LOWER, MAX_UPPER, PARENT, RED, releaseNode, UPPER, type RangeNodes } from './range-nodes.js';

/** One tree over the nodes. Nodes are numbers, 0 is none. */
export interface RangeTree {
  /** Adds a node that is in no tree; it must overlap none. */
  readonly insert: (node: number) => void;
  /**
   * Adds a range that merges with neighbours that it touches; its node is released when one takes it in. The neighbour above does so first; the one
   * below then takes in whatever there is, so that of three nodes the lowest stays. Which nodes stay where decides the tree's shape.
   */
  readonly merge: (node: number) => void;
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

  /** Notes the largest range on one side of a node, and above it as far as that changes anything. */
  function note(from: number, fromSide: number, largest: number): void {
    let node = from;
    let side = fromSide;
    let size = largest;
    while (node !== 0 && words[node + MAX_LOWER + side] !== size) {
      words[node + MAX_LOWER + side] = size;
      size = largestOf(words, node);
      const above = links[2 * node + PARENT];
      side = sideOf(node, above);
      node = above;
    }
  }

  /** 0 for a lower child, 1 for an upper one. */
  function sideOf(node: number, above: number): number {
    return links[2 * above + LOWER] === node ? 0 : 1;
  }

  function resized(node: number): void {
    const above = links[2 * node + PARENT];
    note(above, sideOf(node, above), largestOf(words, node));
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
    words[node + MAX_UPPER - side] = words[risen + MAX_LOWER + side];
    words[risen + MAX_LOWER + side] = largestOf(words, node);
  }

  function insert(node: number): void {
    const addr = words[node];
    let above = 0;
    let side = 0;
    for (let at = heads[head]; at !== 0; at = links[2 * at + LOWER + side]) {
      above = at;
      side = addr < words[at] ? 0 : 1;
    }
    hang(node, above, side);
  }

  /** Hangs a node where a child is missing. */
  function hang(node: number, above: number, side: number): void {
    links[2 * node + LOWER] = 0;
    links[2 * node + UPPER] = 0;
    links[2 * node + PARENT] = above;
    links[2 * node + RED] = 1;
    words[node + MAX_LOWER] = 0;
    words[node + MAX_UPPER] = 0;
    if (above === 0) heads[head] = node;
    else links[2 * above + LOWER + side] = node;
    note(above, side, words[node + END] - words[node]);
    restoreAfterInsert(node);
  }

  function merge(node: number): void {
    const addr = words[node];
    const past = words[node + END];
    // The way down to where the range would hang passes both its neighbours.
    let below = 0;
    let over = 0;
    let above = 0;
    let side = 0;
    for (let at = heads[head]; at !== 0; at = links[2 * at + LOWER + side]) {
      above = at;
      side = addr < words[at] ? 0 : 1;
      if (side === 0) over = at;
      else below = at;
    }
    const touchesBelow = below !== 0 && words[below + END] === addr;
    if (over !== 0 && words[over] === past) {
      releaseNode(nodes, node);
      if (touchesBelow) {
        erase(over);
        takeIn(below, words[over + END]);
        releaseNode(nodes, over);
      } else {
        words[over] = addr;
        resized(over);
      }
    } else if (touchesBelow) {
      takeIn(below, past);
      releaseNode(nodes, node);
    } else {
      hang(node, above, side);
    }
  }

  function takeIn(node: number, past: number): void {
    words[node + END] = past;
    resized(node);
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
    const side = sideOf(node, above);
    if (lower === 0 || upper === 0) {
      replace(node, filler);
      note(above, side, filler === 0 ? 0 : largestOf(words, filler));
    } else {
      const successor = lowest(upper);
      const nodeAbove = above;
      const fillerMax = words[successor + MAX_UPPER];
      lostRed = links[2 * successor + RED];
      filler = links[2 * successor + UPPER];
      above = successor;
      if (successor !== upper) {
        above = links[2 * successor + PARENT];
        replace(successor, filler);
        links[2 * successor + UPPER] = upper;
        links[2 * upper + PARENT] = successor;
        words[successor + MAX_UPPER] = words[node + MAX_UPPER];
      }
      replace(node, successor);
      links[2 * successor + LOWER] = lower;
      links[2 * lower + PARENT] = successor;
      links[2 * successor + RED] = links[2 * node + RED];
      words[successor + MAX_LOWER] = words[node + MAX_LOWER];
      // Below its new place the successor is gone, above it the node: two changes, each as far up as it shows.
      if (above !== successor) note(above, 0, fillerMax);
      note(nodeAbove, side, largestOf(words, successor));
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

  return { insert, merge, erase, resized, floor, first, next };
}
