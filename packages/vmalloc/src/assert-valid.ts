/** The check of everything that must hold between the ranges of an address space. */
import { KernelBug } from '@kmem/contracts';
import { BUSY, FREE, LAZY, nrSpare, type RangeNodes } from './range-nodes.js';

/** A tree as the check found it. */
interface CheckedTree {
  /** Nodes by address. */
  readonly nodes: readonly number[];
  /** Sum of the sizes. */
  readonly bytes: number;
}

/** Sums that the check came by. */
export interface RangeSums {
  /** Bytes in use. */
  readonly used: number;
  /** Bytes freed and not purged. */
  readonly lazy: number;
}

/**
 * Checks the nodes: every rule at the head of range-nodes.ts, range-tree.ts and virtual-range-allocator.ts.
 *
 * @param nodes - the nodes.
 * @param spaceStart - first address.
 * @param spaceEnd - first address past the space.
 * @returns what the ranges add up to.
 * @throws KernelBug `CORRUPT_STATE` naming what does not hold.
 */
export function assertValidRanges(nodes: RangeNodes, spaceStart: number, spaceEnd: number): RangeSums {
  const free = checkTree(nodes, FREE, 'free');
  const used = checkTree(nodes, BUSY, 'used');
  const lazy = checkTree(nodes, LAZY, 'lazy');
  const { start, end, capacity } = nodes;
  const count = free.nodes.length + used.nodes.length + lazy.nodes.length;
  require(count + nrSpare(nodes) === capacity - 1, `${count} ranges and ${nrSpare(nodes)} spare nodes are not ${capacity - 1}`);
  for (const [name, { nodes: list }] of [['free', free], ['lazy', lazy]] as const) {
    for (let i = 1; i < list.length; i++) require(end[list[i - 1]] !== start[list[i]], `two ${name} ranges touch at ${start[list[i]]}`);
  }
  const all = [...free.nodes, ...used.nodes, ...lazy.nodes].sort((a, b) => start[a] - start[b]);
  let addr = spaceStart;
  for (const node of all) {
    require(start[node] === addr, `a range starts at ${start[node]} where ${addr} was expected`);
    addr = end[node];
  }
  require(addr === spaceEnd, `the ranges end at ${addr}, not ${spaceEnd}`);
  return { used: used.bytes, lazy: lazy.bytes };
}

/** Walks a tree and checks order, links, colours and the largest range below each node. */
function checkTree(nodes: RangeNodes, rootWord: number, name: string): CheckedTree {
  const { start, end, max, child, parent, red, words, capacity } = nodes;
  const list: number[] = [];
  let bytes = 0;
  /** Checks what hangs below; returns the number of black nodes on the way down. */
  const check = (node: number, depth: number): number => {
    if (node === 0) return 0;
    require(depth < 2 * Math.log2(capacity) + 2, `the ${name} tree is too deep`);
    const [lower, upper] = [child[2 * node], child[2 * node + 1]];
    const size = end[node] - start[node];
    const blackLower = check(lower, depth + 1);
    list.push(node);
    bytes += size;
    const blackUpper = check(upper, depth + 1);
    const where = `the ${name} range at ${start[node]}`;
    require(size > 0, `${where} is empty`);
    require(lower === 0 || parent[lower] === node, `${where}: its lower child has another parent`);
    require(upper === 0 || parent[upper] === node, `${where}: its upper child has another parent`);
    require(red[node] === 0 || (red[lower] === 0 && red[upper] === 0), `${where} is red and has a red child`);
    require(blackLower === blackUpper, `${where} has ${blackLower} black nodes on one way down and ${blackUpper} on the other`);
    require(max[node] === Math.max(size, max[lower], max[upper]), `${where}: the largest range below is not ${max[node]}`);
    return blackLower + (red[node] === 0 ? 1 : 0);
  };
  const root = words[rootWord];
  check(root, 0);
  require(red[0] === 0 && max[0] === 0, 'node 0 is not as it was made');
  require(red[root] === 0, `the root of the ${name} tree is red`);
  require(parent[root] === 0 || root === 0, `the root of the ${name} tree has a parent`);
  for (let i = 1; i < list.length; i++) require(end[list[i - 1]] <= start[list[i]], `${name} ranges are out of order at ${start[list[i]]}`);
  return { nodes: list, bytes };
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new KernelBug('CORRUPT_STATE', what);
}
