/**
 * Nodes of address ranges: records in one buffer, the kernel's `struct vmap_area`.
 *
 * ```
 *  a record of 48 bytes, seen as 8-byte words from `node` on and as 4-byte words from `2 * node` on:
 *     words[node]   start   first address
 *          + END    end     first address past the range
 *          + MAX_LOWER      size of the largest range below the lower child, 0 without one     + MAX_UPPER   below the upper child
 *     links[2 * node + LOWER]  + UPPER   children
 *                    + PARENT            parent; of a spare node the next spare one
 *                    + RED               1 for a red node
 *
 *  a node is the number of its first word, a multiple of NODE_WORDS; node 0 is none: black, nothing below it
 *  heads[FREE], heads[LAZY]   roots of the trees
 *  spare nodes + nodes of ranges = capacity - 1
 * ```
 * One record is one or two cache lines, and whoever goes up or down a tree looks at the records on the way and at no others. With a column for
 * each field a large tree costs four lines a step.
 */

/** Keeps something for each range, under the number of its node. A range that grows, shrinks or changes hands keeps its node. */
export interface RangeRecords {
  /** Is called for a new range: `isRest` for a rest that stays free, of a range cut in two and at the start. */
  readonly added: (node: number, isRest: boolean) => void;
  /** Is called for a range that was used up, or that a neighbour took in. */
  readonly removed: (node: number) => void;
}

/** 8-byte words of a record. */
const NODE_WORDS = 6;
/** Word of the first address past a range. */
export const END = 1;
/** Word of the largest range in the subtree of the lower child. */
export const MAX_LOWER = 2;
/** Word of the largest range in the subtree of the upper child. */
export const MAX_UPPER = 3;
/** Link to the child with lower addresses. */
export const LOWER = 8;
/** Link to the child with higher addresses. */
export const UPPER = 9;
/** Link to the parent. */
export const PARENT = 10;
/** Colour. */
export const RED = 11;

/** Head of the free ranges. */
export const FREE = 0;
/** Head of the ranges given back and not purged. */
export const LAZY = 1;
const SPARE = 2;
const NR_SPARE = 3;
const HEADS = 4;

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
  /** Who keeps something for each range; null when nobody does. */
  readonly records: RangeRecords | null;
}

/**
 * Makes nodes.
 *
 * @param capacity - how many, node 0 included.
 * @param records - who keeps something for each range.
 * @returns spare nodes, and empty trees.
 */
export function createRangeNodes(capacity: number, records: RangeRecords | null): RangeNodes {
  const bytes = capacity * NODE_WORDS * 8;
  const buffer = new ArrayBuffer(bytes + HEADS * 4);
  const nodes: RangeNodes = {
    capacity,
    words: new Float64Array(buffer, 0, bytes / 8),
    links: new Int32Array(buffer, 0, bytes / 4),
    heads: new Int32Array(buffer, bytes, HEADS),
    records,
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
  const nodes = createRangeNodes(old.capacity * 2, old.records);
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
 * @param isRest - as {@link RangeRecords.added} has it.
 * @returns the node, in no tree.
 */
export function takeNode(nodes: RangeNodes, start: number, end: number, isRest: boolean): number {
  const { heads, words } = nodes;
  const node = heads[SPARE];
  heads[SPARE] = nodes.links[2 * node + PARENT];
  heads[NR_SPARE]--;
  words[node] = start;
  words[node + END] = end;
  if (nodes.records !== null) nodes.records.added(node, isRest);
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
  if (nodes.records !== null) nodes.records.removed(node);
  nodes.links[2 * node + PARENT] = heads[SPARE];
  heads[SPARE] = node;
  heads[NR_SPARE]++;
}

/**
 * Computes the size of the largest range in a subtree.
 *
 * @param words - the records.
 * @param node - the subtree's root; not 0.
 * @returns bytes.
 */
export function largestOf(words: Float64Array, node: number): number {
  const size = words[node + END] - words[node];
  const lower = words[node + MAX_LOWER];
  const upper = words[node + MAX_UPPER];
  const below = lower > upper ? lower : upper;
  return size > below ? size : below;
}
