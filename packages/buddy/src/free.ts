/**
 * Freeing: references, checks, and the way back to the lists (buddy spec 2.1, 5.3, 10.2).
 *
 * A block goes back when its last reference does. A free frame has reference count 0 and no flags; a page that
 * breaks this is reported and never handed out again.
 */
import {
  BLOCK_ORDER_MASK,
  BLOCK_PCP,
  BLOCK_TAIL,
  BLOCK_ZONE_SHIFT,
  PAGE_FLAG_NAMES,
  PAGE_FLAGS_FORBIDDEN_AT_FREE,
  PAGE_TYPE_BUDDY,
  PB_SHARED,
  PB_TOUCHED,
  PB_TYPE_MASK,
  PG_head,
  PG_reserved,
} from '@kmem/contracts';
import { pageblockType } from './pageblock.js';
import { badArgument, badFrame, report, runAll } from './report.js';
import { NO_PCP_LIST, type BuddyState } from './state.js';

/** Most references of a page. */
const MAX_REFERENCES = 2 ** 31 - 1;

/** The ways to give pages back. */
export interface Freeing {
  /** Drops a reference to a block; the last one frees it. */
  readonly freePages: (pfn: number, order: number) => void;
  /** Drops references; the last one frees a compound page whole and any other page alone. */
  readonly putPage: (pfn: number, references: number) => void;
}

/**
 * Makes the ways to give pages back. The functions hold the arrays themselves: V8 then knows their addresses.
 *
 * @param s - the state.
 * @returns functions over it.
 */
export function createFreeing(s: BuddyState): Freeing {
  const { block, flags, refcount, pageblocks, pageblockOrder, pcpIndexOf } = s;
  const { put } = s.lists;
  const { freeBlock } = s.areas;

  function freePages(pfn: number, order: number): void {
    // One reference, and the order of a block that starts here: all that can be wrong is wrong with neither.
    if (refcount[pfn] !== 1 || (block[pfn] & (BLOCK_ORDER_MASK | BLOCK_TAIL)) !== order) {
      if (!mayFree(s, pfn, order)) return;
      if (--refcount[pfn] > 0) {
        freeAllButFirst(pfn, order);
        return;
      }
    }
    refcount[pfn] = 0;
    freeUnreferenced(pfn, order);
  }

  function putPage(pfn: number, references: number): void {
    const head = headOf(s, pfn);
    if (!isReferenced(s, head)) {
      report(s, badFrame('REFCOUNT', pfn, 'a reference is dropped that nobody holds'));
      return;
    }
    if (references !== 1 && !mayCount(s, references, refcount[head])) return;
    refcount[head] -= references;
    if (refcount[head] > 0) return;
    freeUnreferenced(head, (flags[head] & (1 << PG_head)) !== 0 ? block[head] & BLOCK_ORDER_MASK : 0);
  }

  /** Sends a block without references to the lists it belongs to, unless its pages are in a bad state. */
  function freeUnreferenced(pfn: number, order: number): void {
    if (s.trace !== null) s.trace.mmPageFree(pfn, order);
    const pageblock = pageblocks[pfn >> pageblockOrder];
    if ((flags[pfn] !== 0 || (pageblock & PB_TOUCHED) !== 0 || order > pageblockOrder) && !clean(s, pfn, order)) return;
    const zone = block[pfn] >>> BLOCK_ZONE_SHIFT;
    const type = (pageblock & PB_SHARED) === 0 ? pageblock & PB_TYPE_MASK : pageblockType(s, zone, pfn);
    const index = pcpIndexOf[(order << 3) | type];
    if (index !== NO_PCP_LIST) put(zone, pfn, order, type, index);
    else freeBlock(zone, pfn, order, type, false);
  }

  /** Somebody still holds the block: the other pages of a block that is not compound go back now (buddy spec 2.1). */
  function freeAllButFirst(pfn: number, order: number): void {
    if (order === 0 || (flags[pfn] & (1 << PG_head)) !== 0) return;
    const zoneBits = (block[pfn] >>> BLOCK_ZONE_SHIFT) << BLOCK_ZONE_SHIFT;
    block[pfn] = zoneBits;
    runAll(order, (i) => {
      const part = order - 1 - i;
      const at = pfn + (1 << part);
      block[at] = zoneBits | part;
      freeUnreferenced(at, part);
    });
  }

  return { freePages, putPage };
}

/**
 * Takes references.
 *
 * @param s - the state.
 * @param pfn - a frame in use.
 * @param references - how many.
 */
export function getPage(s: BuddyState, pfn: number, references: number): void {
  const head = headOf(s, pfn);
  if (!isReferenced(s, head)) {
    report(s, badFrame('REFCOUNT', pfn, 'a reference is taken on a page that nobody holds'));
    return;
  }
  if (mayCount(s, references, MAX_REFERENCES - s.refcount[head])) s.refcount[head] += references;
}

/** Tells whether so many references may be taken or dropped; reports it when not. */
function mayCount(s: BuddyState, references: number, most: number): boolean {
  if (references >>> 0 === references && references >= 1 && references <= most) return true;
  report(s, badArgument('REFCOUNT', 'references', references, `an integer from 1 to ${String(most)}`));
  return false;
}

/**
 * Reads how many references a page has.
 *
 * @param s - the state.
 * @param pfn - a frame; a tail of a compound page answers for the head.
 * @returns references; 0 after a report.
 */
export function pageCount(s: BuddyState, pfn: number): number {
  const last = s.frames.nrFrames - 1;
  if (pfn >>> 0 === pfn && pfn <= last) return s.refcount[headOf(s, pfn)];
  report(s, badArgument('BAD_FRAME', 'pfn', pfn, `an integer from 0 to ${String(last)}`));
  return 0;
}

/**
 * Makes independent pages of a block.
 *
 * @param s - the state.
 * @param pfn - first frame.
 * @param order - order.
 */
export function splitPage(s: BuddyState, pfn: number, order: number): void {
  const whole = order >>> 0 === order && isReferenced(s, pfn) && (s.block[pfn] & BLOCK_ORDER_MASK) === order;
  if (!whole || (s.flags[pfn] & (1 << PG_head)) !== 0 || (s.block[pfn] & BLOCK_TAIL) !== 0) {
    report(s, badFrame('BAD_SPLIT', pfn, `not a block of order ${String(order)} in use that can be split`, { order }));
    return;
  }
  const word = s.block[pfn] & ~BLOCK_ORDER_MASK;
  s.block[pfn] = word;
  for (let at = pfn + 1; at < pfn + (1 << order); at++) {
    s.block[at] = word;
    s.refcount[at] = 1;
  }
}

/** True when some frame of a block may have been written to on its own. */
function isTouched(s: BuddyState, pfn: number, order: number): boolean {
  const last = (pfn + (1 << order) - 1) >> s.pageblockOrder;
  for (let at = pfn >> s.pageblockOrder; at <= last; at++) {
    if ((s.pageblocks[at] & PB_TOUCHED) !== 0) return true;
  }
  return false;
}

/** Takes all marks of use off a block's frames; false when one of them must not be free. */
function clean(s: BuddyState, pfn: number, order: number): boolean {
  // A reserved frame was never handed out. The reference that was dropped is the kernel's own and stays.
  if ((s.flags[pfn] & (1 << PG_reserved)) !== 0) s.refcount[pfn] = 1;
  const compound = (s.flags[pfn] & (1 << PG_head)) !== 0;
  const end = compound || isTouched(s, pfn, order) ? pfn + (1 << order) : pfn + 1;
  let good = true;
  for (let at = pfn; at < end; at++) {
    const forbidden = s.flags[at] & PAGE_FLAGS_FORBIDDEN_AT_FREE;
    if (s.refcount[at] !== 0 || forbidden !== 0) {
      good = false;
      reportBadPage(s, at, forbidden);
    }
  }
  if (!good) return false;
  for (let at = pfn; at < end; at++) {
    s.flags[at] = 0;
    if (compound && at !== pfn) {
      s.block[at] = 0;
      s.owner[at] = 0;
    }
  }
  return true;
}

/**
 * Checks one by one what a caller of free promises; reports the first broken promise.
 *
 * @param s - the state.
 * @param pfn - first frame.
 * @param order - order.
 * @returns true when the block may be freed.
 */
export function mayFree(s: BuddyState, pfn: number, order: number): boolean {
  const last = s.frames.nrFrames - 1;
  if (order >>> 0 !== order || order >= s.maxOrder) {
    report(s, badArgument('BAD_ORDER', 'order', order, `an integer from 0 to ${String(s.maxOrder - 1)}`));
  } else if (pfn >>> 0 !== pfn || pfn === 0 || pfn > last) {
    report(s, badArgument('BAD_FRAME', 'pfn', pfn, `an integer from 1 to ${String(last)}`));
  } else if (isFree(s, pfn)) {
    report(s, badFrame('DOUBLE_FREE', pfn, 'the page is free already', { order }));
  } else if ((s.block[pfn] & BLOCK_TAIL) !== 0) {
    report(s, badFrame('BAD_FREE', pfn, `a tail of the compound page ${String(s.owner[pfn])}`, { head: s.owner[pfn] }));
  } else if (s.refcount[pfn] <= 0) {
    report(s, badFrame('BAD_FREE', pfn, 'not the first page of a block in use', { order }));
  } else if ((s.block[pfn] & BLOCK_ORDER_MASK) < order) {
    const taken = s.block[pfn] & BLOCK_ORDER_MASK;
    report(s, badFrame('BAD_ORDER', pfn, `freed with order ${String(order)}, taken with order ${String(taken)}`, { order, taken }));
  } else if ((s.flags[pfn] & (1 << PG_head)) !== 0 && (s.block[pfn] & BLOCK_ORDER_MASK) !== order) {
    report(s, badFrame('BAD_ORDER', pfn, `a compound page freed with order ${String(order)}`, { order }));
  } else {
    return true;
  }
  return false;
}

function isReferenced(s: BuddyState, pfn: number): boolean {
  return s.refcount[pfn] > 0;
}

/** True for a frame inside a free block or a block on a per-CPU list. Looks for the block's head order by order. */
function isFree(s: BuddyState, pfn: number): boolean {
  if (s.refcount[pfn] !== 0) return false;
  for (let order = 0; order < s.maxOrder; order++) {
    const word = s.block[pfn & -(1 << order)];
    if ((word & (PAGE_TYPE_BUDDY | BLOCK_PCP)) !== 0 && (word & BLOCK_ORDER_MASK) >= order) return true;
  }
  return false;
}

function headOf(s: BuddyState, pfn: number): number {
  return (s.block[pfn] & BLOCK_TAIL) !== 0 ? s.owner[pfn] : pfn;
}

function reportBadPage(s: BuddyState, pfn: number, forbidden: number): void {
  const names = PAGE_FLAG_NAMES.filter(([, bit]) => ((forbidden >> bit) & 1) !== 0).map(([name]) => name);
  const what =
    names.length > 0 ? `freed with flags ${names.join('|')}` : `freed with reference count ${String(s.refcount[pfn])}`;
  report(s, badFrame('BAD_PAGE', pfn, what, { flags: s.flags[pfn], refcount: s.refcount[pfn] }));
}
