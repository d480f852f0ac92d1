/**
 * EventLog: the trace events of one operation, in the form in which recordings have them.
 *
 * Splits and merges have no tracepoint in Linux, so no recording has them; they are only passed on.
 */
import type { Gfp, Order, Pfn, TraceSink } from '@kmem/contracts';
import type { RecordedEvent } from './buddy-operations.js';

/** Trace sink that keeps the kernel's events until they are taken. */
export class EventLog implements TraceSink {
  readonly #observer: TraceSink | null;
  #events: RecordedEvent[] = [];

  /**
   * @param observer - also receives every event, or null.
   */
  constructor(observer: TraceSink | null) {
    this.#observer = observer;
  }

  /**
   * Takes the events out.
   *
   * @returns the events since the last call, in order.
   */
  take(): readonly RecordedEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  mmPageAlloc(pfn: Pfn, order: Order, gfp: Gfp, migratetype: number): void {
    this.#events.push(['A', pfn, order, gfp, migratetype]);
    this.#observer?.mmPageAlloc(pfn, order, gfp, migratetype);
  }

  mmPageFree(pfn: Pfn, order: Order): void {
    this.#events.push(['F', pfn, order]);
    this.#observer?.mmPageFree(pfn, order);
  }

  mmPageAllocZoneLocked(pfn: Pfn, order: Order, migratetype: number, percpuRefill: number): void {
    this.#events.push(['Z', pfn, order, migratetype, percpuRefill]);
    this.#observer?.mmPageAllocZoneLocked(pfn, order, migratetype, percpuRefill);
  }

  mmPagePcpuDrain(pfn: Pfn, order: Order, migratetype: number): void {
    this.#events.push(['D', pfn, order, migratetype]);
    this.#observer?.mmPagePcpuDrain(pfn, order, migratetype);
  }

  mmPageAllocExtfrag(
    pfn: Pfn,
    allocOrder: Order,
    fallbackOrder: Order,
    allocMigratetype: number,
    fallbackMigratetype: number,
    changeOwnership: number,
  ): void {
    this.#events.push(['X', pfn, allocOrder, fallbackOrder, allocMigratetype, fallbackMigratetype, changeOwnership]);
    this.#observer?.mmPageAllocExtfrag(
      pfn,
      allocOrder,
      fallbackOrder,
      allocMigratetype,
      fallbackMigratetype,
      changeOwnership,
    );
  }

  blockSplit(pfn: Pfn, order: Order): void {
    this.#observer?.blockSplit(pfn, order);
  }

  blockMerge(pfn: Pfn, order: Order): void {
    this.#observer?.blockMerge(pfn, order);
  }
}
