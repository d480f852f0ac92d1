/**
 * What one operation of the page allocator did, gathered from its events and told in plain words.
 *
 * Splits and merges come from the allocator's own events; all others are the kernel's tracepoints.
 */
import { formatGfp } from '@kmem/buddy';
import { MIGRATETYPE_NAMES, NO_PAGE, type Gfp, type Order, type Pfn, type TraceSink } from '@kmem/contracts';
import type { BuddyOperation } from '@kmem/conformance';
import { count } from '../text.js';

/** A request that was served from another migratetype's free list. */
export interface Fallback {
  /** Order of the request. */
  readonly wantedOrder: Order;
  /** Order of the block that was taken. */
  readonly order: Order;
  /** Migratetype of the request. */
  readonly wanted: number;
  /** Migratetype of the list it was taken from. */
  readonly from: number;
  /** True when the pageblock belongs to the type of the request from now on. */
  readonly isOwner: boolean;
}

/** The events of one operation, counted. */
export interface OperationEvents {
  /** Requests that ended without memory. */
  failures: number;
  /** Blocks cut in two. */
  splits: number;
  /** Pairs of buddies that became one block. */
  merges: number;
  /** Order of the largest block that a merge made; -1 without a merge. */
  mergedOrder: number;
  /** Blocks taken from the free lists for a per-CPU list. */
  refilled: number;
  /** Blocks that went from the per-CPU lists back to the free lists. */
  drained: number;
  /** Requests served from another type's list. */
  readonly fallbacks: Fallback[];
}

/** Sink that counts the events of one operation after the other. */
export class OperationEventSink implements TraceSink {
  #events = noEvents();

  /** Takes the events since the last call. */
  take(): OperationEvents {
    const events = this.#events;
    this.#events = noEvents();
    return events;
  }

  mmPageAlloc(pfn: Pfn): void {
    if (pfn === NO_PAGE) this.#events.failures++;
  }

  mmPageFree(): void {
    // Every free has one; the operation itself says so already.
  }

  mmPageAllocZoneLocked(_pfn: Pfn, _order: Order, _migratetype: number, percpuRefill: number): void {
    this.#events.refilled += percpuRefill;
  }

  mmPagePcpuDrain(): void {
    this.#events.drained++;
  }

  mmPageAllocExtfrag(_pfn: Pfn, wantedOrder: Order, order: Order, wanted: number, from: number, change: number): void {
    this.#events.fallbacks.push({ wantedOrder, order, wanted, from, isOwner: change === 1 });
  }

  blockSplit(): void {
    this.#events.splits++;
  }

  blockMerge(_pfn: Pfn, order: Order): void {
    this.#events.merges++;
    this.#events.mergedOrder = Math.max(this.#events.mergedOrder, order);
  }
}

function noEvents(): OperationEvents {
  return { failures: 0, splits: 0, merges: 0, mergedOrder: -1, refilled: 0, drained: 0, fallbacks: [] };
}

/**
 * Writes an operation as a call.
 *
 * @param operation - the operation, with its recorded results, which the replay has found again.
 * @returns one line.
 */
export function describeOperation(operation: BuddyOperation): string {
  const gfp = (flags: Gfp): string => formatGfp(flags);
  const frame = (pfn: Pfn): string => (pfn === NO_PAGE ? 'no memory' : `frame ${pfn}`);
  switch (operation.op) {
    case 'a':
      return `alloc_pages(${gfp(operation.gfp)}, order ${operation.order}) gives ${frame(operation.pfn)}`;
    case 'f':
      return `__free_pages(frame ${operation.pfn}, order ${operation.order})`;
    case 'b':
      return `alloc_pages_bulk(${gfp(operation.gfp)}, ${count(operation.wanted, 'page')}) gives ${operation.got}`;
    case 'x':
      return `alloc_pages_exact(${operation.bytes} bytes, ${gfp(operation.gfp)}) gives ${frame(operation.pfn)}`;
    case 'y':
      return `free_pages_exact(frame ${operation.pfn}, ${operation.bytes} bytes)`;
    case 's':
      return `split_page(frame ${operation.pfn}, order ${operation.order})`;
    case 'd':
      return 'drain_local_pages()';
  }
}

/**
 * Tells what happened inside an operation.
 *
 * @param events - its events.
 * @param pageblockOrder - order of a pageblock: a larger block that changes its type is more than one of them.
 * @returns lines of text; none when there is nothing to tell.
 */
export function tellEvents(events: OperationEvents, pageblockOrder: Order): string[] {
  const { failures, splits, merges, mergedOrder, refilled, drained, fallbacks } = events;
  const lines = fallbacks.map(({ wantedOrder, order, wanted, from, isOwner }) => {
    const size = wantedOrder === 0 ? '' : ` of order ${wantedOrder}+`;
    const pageblocks = order > pageblockOrder ? 'its pageblocks are' : 'its pageblock is';
    const retyping = isOwner ? `${pageblocks} ${typeName(wanted)} now` : `${pageblocks} not retyped`;
    return `no ${typeName(wanted)} block${size} is left: takes order ${order} from ${typeName(from)}, ${retyping}`;
  });
  const counted: string[] = [];
  if (refilled > 0) counted.push(`refills a per-CPU list with ${count(refilled, 'block')}`);
  if (splits > 0) counted.push(count(splits, 'split'));
  if (drained > 0) counted.push(`${count(drained, 'block')} from the per-CPU lists back to the free lists`);
  if (merges > 0) counted.push(`${count(merges, 'merge')}, the largest to order ${mergedOrder}`);
  if (failures > 0) counted.push('no zone can serve it');
  if (counted.length > 0) lines.push(counted.join('; '));
  return lines;
}

function typeName(migratetype: number): string {
  return MIGRATETYPE_NAMES[migratetype] ?? `type ${migratetype}`;
}
