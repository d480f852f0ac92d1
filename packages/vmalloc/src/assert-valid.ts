/** The check of everything that must hold between the ranges of an address space. */
import { KernelBug } from '@kmem/contracts';
import type { RangeIndex } from './range-index.js';
import { END, FREE, largestOf, LAZY, LOWER, MAX_LOWER, MAX_UPPER, nrSpare, PARENT, RED, UPPER, type RangeNodes } from './range-nodes.js';

/** Ranges as the check found them. */
interface CheckedRanges {
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
 * @param index - those in use.
 * @param spaceStart - first address.
 * @param spaceEnd - first address past the space.
 * @returns what the ranges add up to.
 * @throws KernelBug `CORRUPT_STATE` naming what does not hold.
 */
export function assertValidRanges(nodes: RangeNodes, index: RangeIndex, spaceStart: number, spaceEnd: number): RangeSums {
  const free = checkTree(nodes, FREE, 'free');
  const used = checkIndex(nodes, index);
  const lazy = checkTree(nodes, LAZY, 'lazy');
  const { capacity, words } = nodes;
  const count = free.nodes.length + used.nodes.length + lazy.nodes.length;
  require(count + nrSpare(nodes) === capacity - 1, `${count} ranges and ${nrSpare(nodes)} spare nodes are not ${capacity - 1}`);
  for (const [name, { nodes: list }] of [['free', free], ['lazy', lazy]] as const) {
    for (let i = 1; i < list.length; i++) require(words[list[i - 1] + END] !== words[list[i]], `two ${name} ranges touch at ${words[list[i]]}`);
  }
  const all = [...free.nodes, ...used.nodes, ...lazy.nodes].sort((a, b) => words[a] - words[b]);
  let addr = spaceStart;
  for (const node of all) {
    require(words[node] === addr, `a range starts at ${words[node]} where ${addr} was expected`);
    addr = words[node + END];
  }
  require(addr === spaceEnd, `the ranges end at ${addr}, not ${spaceEnd}`);
  return { used: used.bytes, lazy: lazy.bytes };
}

/** Checks that each node in use is found under its address. */
function checkIndex({ words }: RangeNodes, index: RangeIndex): CheckedRanges {
  const list = index.nodes();
  let bytes = 0;
  list.forEach((node, i) => {
    bytes += words[node + END] - words[node];
    require(words[node + END] > words[node], `the used range at ${words[node]} is empty`);
    require(i === 0 || words[list[i - 1]] < words[node], `used ranges are out of order at ${words[node]}`);
    require(index.floor(words[node]) === node, `the used range at ${words[node]} is not found`);
  });
  return { nodes: list, bytes };
}

/** Walks a tree and checks order, links, colours and the largest range below each node. */
function checkTree(nodes: RangeNodes, head: number, name: string): CheckedRanges {
  const { capacity, heads, links, words } = nodes;
  const isRed = (node: number): boolean => links[2 * node + RED] !== 0;
  const list: number[] = [];
  let bytes = 0;
  /** Checks what hangs below; returns the number of black nodes on the way down. */
  const check = (node: number, depth: number): number => {
    if (node === 0) return 0;
    require(depth < 2 * Math.log2(capacity) + 2, `the ${name} tree is too deep`);
    const [lower, upper] = [links[2 * node + LOWER], links[2 * node + UPPER]];
    const size = words[node + END] - words[node];
    const blackLower = check(lower, depth + 1);
    list.push(node);
    bytes += size;
    const blackUpper = check(upper, depth + 1);
    const where = `the ${name} range at ${words[node]}`;
    require(size > 0, `${where} is empty`);
    require(lower === 0 || links[2 * lower + PARENT] === node, `${where}: its lower child has another parent`);
    require(upper === 0 || links[2 * upper + PARENT] === node, `${where}: its upper child has another parent`);
    require(!isRed(node) || !(isRed(lower) || isRed(upper)), `${where} is red and has a red child`);
    require(blackLower === blackUpper, `${where} has ${blackLower} black nodes on one way down and ${blackUpper} on the other`);
    for (const [child, slot] of [[lower, MAX_LOWER], [upper, MAX_UPPER]] as const) {
      require(words[node + slot] === (child === 0 ? 0 : largestOf(words, child)), `${where}: the largest range below a child is not ${words[node + slot]}`);
    }
    return blackLower + (isRed(node) ? 0 : 1);
  };
  const root = heads[head];
  check(root, 0);
  require(!isRed(0) && words[MAX_LOWER] === 0 && words[MAX_UPPER] === 0, 'node 0 is not as it was made');
  require(!isRed(root), `the root of the ${name} tree is red`);
  require(links[2 * root + PARENT] === 0 || root === 0, `the root of the ${name} tree has a parent`);
  for (let i = 1; i < list.length; i++) require(words[list[i - 1] + END] <= words[list[i]], `${name} ranges are out of order at ${words[list[i]]}`);
  return { nodes: list, bytes };
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new KernelBug('CORRUPT_STATE', what);
}
