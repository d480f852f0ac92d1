/**
 * Nodes of address ranges: records in one buffer, the kernel's `struct vmap_area`.
 *
 * ```
 *  a record of 40 bytes, seen as 8-byte words from `node` on and as 4-byte words from `2 * node` on:
 *     words[node]   start   first address
 *          + END    end     first address past the range
 *          + MAX    max     size of the largest range in its subtree
 *     links[2 * node + LOWER]  + UPPER   children
 *                    + PARENT            parent; of a spare node the next spare one
 *                    + RED               1 for a red node
 *
 *  a node is the number of its first word, a multiple of NODE_WORDS; node 0 is none: black, max 0
 *  heads[FREE], heads[BUSY], heads[LAZY]   roots of the trees
 *  spare nodes + nodes in the three trees = capacity - 1
 * ```
 * One record is one or two cache lines. With a column for each field a large tree costs four.
 */

/** 8-byte words of a record. */
const NODE_WORDS = 5;
/** Word of the first address past a range. */
export const END = 1;
/** Word of the largest range in the subtree. */
export const MAX = 2;
/** Link to the child with lower addresses. */
export const LOWER = 6;
/** Link to the child with higher addresses. */
export const UPPER = 7;
/** Link to the parent. */
export const PARENT = 8;
/** Colour. */
export const RED = 9;

/** Head of the free ranges. */
export const FREE = 0;
/** Head of the ranges in use. */
export const BUSY = 1;
/** Head of the ranges given back and not purged. */
export const LAZY = 2;
const SPARE = 3;
const NR_SPARE = 4;
const HEADS = 5;

/** The records. */
export interface RangeNodes {
  /** Nodes there are, node 0 included. */
  readonly capacity: number;
  /** The buffer as 8-byte words. */
  readonly words: Float64Array;
  /** The same buffer as 4-byte words. */
  readonly links: Int32Array;
  /** Roots and spare nodes. */
  readonly heads: Int32Array;
}

/**
 * Makes nodes.
 *
 * @param capacity - how many, node 0 included.
 * @returns spare nodes, and empty trees.
 */
export function createRangeNodes(capacity: number): RangeNodes {
  const bytes = capacity * NODE_WORDS * 8;
  const buffer = new ArrayBuffer(bytes + HEADS * 4);
  const nodes: RangeNodes = {
    capacity,
    words: new Float64Array(buffer, 0, bytes / 8),
    links: new Int32Array(buffer, 0, bytes / 4),
    heads: new Int32Array(buffer, bytes, HEADS),
  };
  addSpares(nodes, 1);
  return nodes;
}

/**
 * Makes twice as many nodes and moves everything over. Nodes keep their numbers.
 *
 * @param old - the nodes.
 * @returns the new ones.
 */
export function growRangeNodes(old: RangeNodes): RangeNodes {
  const nodes = createRangeNodes(old.capacity * 2);
  nodes.words.set(old.words);
  nodes.heads.set(old.heads);
  addSpares(nodes, old.capacity);
  return nodes;
}

/** Puts all records from one on before the spare ones, the lowest first. */
function addSpares({ capacity, heads, links }: RangeNodes, from: number): void {
  for (let i = capacity - 1; i >= from; i--) {
    const node = i * NODE_WORDS;
    links[2 * node + PARENT] = heads[SPARE];
    heads[SPARE] = node;
  }
  heads[NR_SPARE] += capacity - from;
}

/**
 * Counts spare nodes.
 *
 * @param nodes - the nodes.
 * @returns how many {@link takeNode} may take.
 */
export function nrSpare(nodes: RangeNodes): number {
  return nodes.heads[NR_SPARE];
}

/**
 * Takes a spare node; there must be one.
 *
 * @param nodes - the nodes.
 * @param start - first address.
 * @param end - first address past the range.
 * @returns the node, in no tree.
 */
export function takeNode(nodes: RangeNodes, start: number, end: number): number {
  const { heads, words } = nodes;
  const node = heads[SPARE];
  heads[SPARE] = nodes.links[2 * node + PARENT];
  heads[NR_SPARE]--;
  words[node] = start;
  words[node + END] = end;
  return node;
}

/**
 * Gives a node back that is in no tree.
 *
 * @param nodes - the nodes.
 * @param node - the node.
 */
export function releaseNode(nodes: RangeNodes, node: number): void {
  const { heads } = nodes;
  nodes.links[2 * node + PARENT] = heads[SPARE];
  heads[SPARE] = node;
  heads[NR_SPARE]++;
}
