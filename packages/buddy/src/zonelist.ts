/**
 * Zonelists: in which order the zones of a machine are tried (buddy spec 4).
 *
 * ```
 * zonelists: one row for each (node, this node only?, highest zone index)
 *            row = zone ids, best first, ended by -1
 *            one more row at the end, for a request that only some nodes may serve
 * ```
 */
import { ALLOC_NOFRAGMENT } from './alloc-flags.js';
import { Z_INDEX, Z_NODE, Z_PRESENT, ZONE_SHIFT, type BuddyState } from './state.js';

const LOCAL_DISTANCE = 10;
const REMOTE_DISTANCE = 20;
/** Larger than any sum of node loads, so that load only breaks ties of distance. */
const LOAD_SCALE = 1024;

/**
 * Finds a row.
 *
 * @param s - the state.
 * @param node - the node the request starts from.
 * @param highest - index of the highest zone the request may use.
 * @param thisNode - not 0 to stay on the node.
 * @returns offset of the first entry in `s.zonelists`.
 */
export function zonelistRow(s: BuddyState, node: number, highest: number, thisNode: number): number {
  return ((node << 4) | (thisNode === 0 ? 0 : 8) | highest) * (s.nrZones + 1);
}

/**
 * Writes the row of a request that only some nodes may serve: what they have of another row. There is room for one such row; who
 * needs another before the first is done keeps a copy.
 *
 * @param s - the state.
 * @param row - offset of the row with all nodes.
 * @param nodemask - the nodes.
 * @returns offset of the first entry in `s.zonelists`.
 */
export function maskedRow(s: BuddyState, row: number, nodemask: ReadonlySet<number>): number {
  const start = s.zonelists.length - (s.nrZones + 1);
  let to = start;
  for (let at = row; s.zonelists[at] >= 0; at++) {
    const zone = s.zonelists[at];
    if (nodemask.has(s.words[(zone << ZONE_SHIFT) + Z_NODE])) s.zonelists[to++] = zone;
  }
  s.zonelists[to] = -1;
  return start;
}

/**
 * Fills all rows. Call it when zones have been populated.
 *
 * @param s - the state.
 */
export function buildZonelists(s: BuddyState): void {
  const load = new Array<number>(s.nrNodes).fill(0);
  for (let node = 0; node < s.nrNodes; node++) {
    const order = nodeOrder(s, node, load);
    for (let highest = 0; highest < s.kinds.length; highest++) {
      fillRow(s, zonelistRow(s, node, highest, 0), order, highest);
      fillRow(s, zonelistRow(s, node, highest, 1), [node], highest);
    }
  }
  for (let zone = 0; zone < s.nrZones; zone++) {
    s.avoidFragmentation[zone] = avoidsFragmentation(s, zone) ? ALLOC_NOFRAGMENT : 0;
  }
}

/** Writes one row: node after node, highest zone first, populated zones only. */
function fillRow(s: BuddyState, row: number, nodes: readonly number[], highest: number): void {
  let at = row;
  for (const node of nodes) {
    for (let index = highest; index >= 0; index--) {
      const zone = node * s.kinds.length + index;
      if (s.words[(zone << ZONE_SHIFT) + Z_PRESENT] > 0) s.zonelists[at++] = zone;
    }
  }
  s.zonelists[at] = -1;
}

/** Orders the nodes that have memory by distance, the local one first; equally distant ones are spread by how often they were somebody's next node. */
function nodeOrder(s: BuddyState, local: number, load: number[]): number[] {
  const order = [local];
  let previous = local;
  for (;;) {
    let best = -1;
    let bestValue = Infinity;
    for (let node = 0; node < s.nrNodes; node++) {
      if (order.includes(node) || !hasMemory(s, node)) continue;
      const value = (distance(local, node) + (node < local ? 1 : 0) + 1) * LOAD_SCALE + load[node];
      if (value < bestValue) {
        best = node;
        bestValue = value;
      }
    }
    if (best < 0) return order;
    if (distance(local, best) !== distance(local, previous)) load[best]++;
    order.push(best);
    previous = best;
  }
}

function hasMemory(s: BuddyState, node: number): boolean {
  for (let index = 0; index < s.kinds.length; index++) {
    if (s.words[((node * s.kinds.length + index) << ZONE_SHIFT) + Z_PRESENT] > 0) return true;
  }
  return false;
}

function distance(from: number, to: number): number {
  return from === to ? LOCAL_DISTANCE : REMOTE_DISTANCE;
}

/** True for zone Normal of a machine that has a DMA32 zone to fall back on (buddy spec 3.7). */
function avoidsFragmentation(s: BuddyState, zone: number): boolean {
  const z = zone << ZONE_SHIFT;
  const normal = s.kinds.indexOf('Normal');
  const dma32 = s.kinds.indexOf('DMA32');
  if (dma32 < 0 || s.words[z + Z_INDEX] !== normal) return false;
  const below = s.words[z + Z_NODE] * s.kinds.length + dma32;
  return s.nrNodes === 1 || s.words[(below << ZONE_SHIFT) + Z_PRESENT] > 0;
}
