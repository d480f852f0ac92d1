/**
 * Nodes of address ranges, in columns of one buffer: the kernel's `struct vmap_area`, 37 bytes each.
 *
 * ```
 *  start end max   8 bytes each    first address, first address past the range, largest range in the subtree
 *  child parent    4 bytes each    two children, lower side first
 *  red             1 byte
 *  words           root of the free, busy and lazy tree; first spare node; number of spare nodes
 *
 * node 0 is none: black, of size 0, never written to but for links
 * spare -> parent[spare] -> ... -> 0
 * spare nodes + nodes in the three trees = capacity - 1
 * ```
 */

/** Word: root of the free ranges. */
export const FREE = 0;
/** Word: root of the ranges in use. */
export const BUSY = 1;
/** Word: root of the ranges given back and not purged. */
export const LAZY = 2;
const SPARE = 3;
const NR_SPARE = 4;
const WORDS = 5;

/** The columns. */
export interface RangeNodes {
  /** Nodes there are, node 0 included. */
  readonly capacity: number;
  /** First address of each node. */
  readonly start: Float64Array;
  /** First address past it. */
  readonly end: Float64Array;
  /** Size of the largest range in its subtree. */
  readonly max: Float64Array;
  /** Children: `2 * node` on the lower side, `2 * node + 1` on the upper. */
  readonly child: Int32Array;
  /** Parent of each node. */
  readonly parent: Int32Array;
  /** 1 for a red node. */
  readonly red: Uint8Array;
  /** Roots and spare nodes. */
  readonly words: Int32Array;
}

/**
 * Makes nodes.
 *
 * @param capacity - how many, node 0 included.
 * @returns spare nodes, and empty trees.
 */
export function createRangeNodes(capacity: number): RangeNodes {
  const buffer = new ArrayBuffer(capacity * (3 * 8 + 3 * 4 + 1) + WORDS * 4);
  const links = capacity * 3 * 8;
  const words = links + capacity * 3 * 4;
  const nodes: RangeNodes = {
    capacity,
    start: new Float64Array(buffer, 0, capacity),
    end: new Float64Array(buffer, capacity * 8, capacity),
    max: new Float64Array(buffer, capacity * 16, capacity),
    child: new Int32Array(buffer, links, capacity * 2),
    parent: new Int32Array(buffer, links + capacity * 8, capacity),
    words: new Int32Array(buffer, words, WORDS),
    red: new Uint8Array(buffer, words + WORDS * 4, capacity),
  };
  addSpares(nodes, 1);
  return nodes;
}

/**
 * Makes twice as many nodes and moves everything over. Node numbers stay.
 *
 * @param old - the nodes.
 * @returns the new ones.
 */
export function growRangeNodes(old: RangeNodes): RangeNodes {
  const nodes = createRangeNodes(old.capacity * 2);
  for (const column of ['start', 'end', 'max', 'child', 'parent', 'red', 'words'] as const) nodes[column].set(old[column]);
  addSpares(nodes, old.capacity);
  return nodes;
}

/** Puts all nodes from one on before the spare ones, the lowest first. */
function addSpares({ capacity, parent, words }: RangeNodes, from: number): void {
  for (let node = capacity - 1; node >= from; node--) {
    parent[node] = words[SPARE];
    words[SPARE] = node;
  }
  words[NR_SPARE] += capacity - from;
}

/**
 * Counts spare nodes.
 *
 * @param nodes - the nodes.
 * @returns how many {@link takeNode} may take.
 */
export function nrSpare(nodes: RangeNodes): number {
  return nodes.words[NR_SPARE];
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
  const { words } = nodes;
  const node = words[SPARE];
  words[SPARE] = nodes.parent[node];
  words[NR_SPARE]--;
  nodes.start[node] = start;
  nodes.end[node] = end;
  return node;
}

/**
 * Gives a node back that is in no tree.
 *
 * @param nodes - the nodes.
 * @param node - the node.
 */
export function releaseNode(nodes: RangeNodes, node: number): void {
  const { words } = nodes;
  nodes.parent[node] = words[SPARE];
  words[SPARE] = node;
  words[NR_SPARE]++;
}
