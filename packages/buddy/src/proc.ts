/**
 * Texts of /proc/buddyinfo, /proc/pagetypeinfo and debugfs extfrag, to the byte (buddy spec 15).
 */
import { MIGRATETYPE_NAMES, PB_ABSENT } from '@kmem/contracts';
import { fragmentationIndex, unusableFreeIndex } from './fragmentation.js';
import { pageblockType } from './pageblock.js';
import {
  freeListEnds,
  Z_NODE,
  Z_NR_BLOCKS,
  Z_PRESENT,
  Z_SPANNED,
  Z_START,
  zoneOfPfn,
  zoneWords,
  type BuddyState,
} from './state.js';

/** The kernel stops counting a list here. */
const COUNT_LIMIT = 100000;

/**
 * Prints /proc/buddyinfo.
 *
 * @param s - the state.
 * @returns one line a populated zone.
 */
export function formatBuddyinfo(s: BuddyState): string {
  return perZone(s, (zone, label) => {
    const counts = orders(s, (order) => `${pad(s.words[zoneWords(zone) + Z_NR_BLOCKS + order], 6)} `);
    return `${label} ${counts}\n`;
  });
}

/**
 * Prints /proc/pagetypeinfo.
 *
 * @param s - the state.
 * @returns the whole text.
 */
export function formatPagetypeinfo(s: BuddyState): string {
  const types = MIGRATETYPE_NAMES.slice(0, s.nrMigratetypes);
  const free = perZone(s, (zone) =>
    types
      .map((name, type) => {
        const label = `Node ${pad(node(s, zone), 4)}, zone ${pad(kind(s, zone), 8)}, type ${pad(name, 12)} `;
        return `${label}${orders(s, (order) => countCapped(s, freeListEnds(s, zone, order, type)))}\n`;
      })
      .join(''),
  );
  const blocks = perZone(s, (zone, label) => {
    const counts = countPageblocks(s, zone);
    return `${label} ${types.map((_, type) => `${pad(counts[type], 12)} `).join('')}\n`;
  });
  return [
    `Page block order: ${String(s.pageblockOrder)}\n`,
    `Pages per block:  ${String(1 << s.pageblockOrder)}\n\n`,
    `${'Free pages count per migrate type at order'.padEnd(44)}${orders(s, (order) => `${pad(order, 6)} `)}\n`,
    `${free}\n`,
    `${'Number of blocks type'.padEnd(23)}${types.map((name) => `${pad(name, 12)} `).join('')}\n`,
    blocks,
  ].join('');
}

/**
 * Prints debugfs extfrag/unusable_index.
 *
 * @param s - the state.
 * @returns one line a populated zone, each value from 0.000 to 1.000.
 */
export function formatUnusableIndex(s: BuddyState): string {
  return perZone(s, (zone, label) => `${label} ${orders(s, (order) => `${thousandths(unusableFreeIndex(s, zone, order))} `)}\n`);
}

/**
 * Prints debugfs extfrag/extfrag_index.
 *
 * @param s - the state.
 * @returns one line a populated zone, each value -1.000 or from 0.000 to 1.000.
 */
export function formatExtfragIndex(s: BuddyState): string {
  return perZone(s, (zone, label) => {
    const values = orders(s, (order) => `${thousandths(fragmentationIndex(s, zone, order)).padStart(6)} `);
    return `${label} ${values}\n`;
  });
}

/** Counts a zone's pageblocks by type, stepping through its span as the kernel does. */
function countPageblocks(s: BuddyState, zone: number): number[] {
  const start = s.words[zoneWords(zone) + Z_START];
  const end = start + s.words[zoneWords(zone) + Z_SPANNED];
  const counts = new Array<number>(s.nrMigratetypes).fill(0);
  for (let pfn = start; pfn < end; pfn += 1 << s.pageblockOrder) {
    const absent = (s.pageblocks[pfn >> s.pageblockOrder] & PB_ABSENT) !== 0;
    if (!absent && zoneOfPfn(s, pfn) === zone) counts[pageblockType(s, zone, pfn)]++;
  }
  return counts;
}

function countCapped(s: BuddyState, ends: number): string {
  let n = 0;
  for (let pfn = s.words[ends]; pfn !== 0; pfn = s.next[pfn]) {
    if (++n >= COUNT_LIMIT) return `>${pad(n, 6)} `;
  }
  return `${pad(n, 6)} `;
}

function perZone(s: BuddyState, line: (zone: number, label: string) => string): string {
  let text = '';
  for (let zone = 0; zone < s.nrZones; zone++) {
    if (s.words[zoneWords(zone) + Z_PRESENT] === 0) continue;
    text += line(zone, `Node ${String(node(s, zone))}, zone ${pad(kind(s, zone), 8)}`);
  }
  return text;
}

function orders(s: BuddyState, cell: (order: number) => string): string {
  let text = '';
  for (let order = 0; order < s.maxOrder; order++) text += cell(order);
  return text;
}

function node(s: BuddyState, zone: number): number {
  return s.words[zoneWords(zone) + Z_NODE];
}

function kind(s: BuddyState, zone: number): string {
  return s.kinds[zone % s.kinds.length];
}

function pad(value: number | string, width: number): string {
  return String(value).padStart(width);
}

/** Prints thousandths as the kernel does: quotient and remainder apart, so -1000 reads `-1.000`. */
function thousandths(index: number): string {
  return `${String(Math.trunc(index / 1000))}.${String(Math.abs(index % 1000)).padStart(3, '0')}`;
}
