/**
 * The smallest machine that can be recorded, and an allocator for it that a reader can follow in the head.
 *
 * Eight frames, 8 to 15, of which 9, 11 and 13 are free. The allocator hands out the head of the list and puts freed
 * pages there; it knows single pages only.
 */
import { NO_PAGE } from '@kmem/contracts';
import type { PageState, TraceSink } from '@kmem/contracts';
import type { Implementations, PageAllocatorUnderTest, RecordedMachine } from '../src/index.js';

export const META =
  '{"recording":"buddy-exact","scenario":0,"seed":7,"nops_param":4,"pageblock_order":1,"max_order":3,"migrate_types":4,' +
  '"pcp_lists":14,"nr_zones":1,"mem_mb":1,"kernel":"6.1 test","scenario_name":"tiny","has_dma32":false,' +
  '"zone_names":["Normal"],"migratetype_names":["Unmovable","Movable","Reclaimable","HighAtomic"]}';

/** A dump line with the given free pages. */
export function dump(label: string, free: readonly number[], extra = ''): string {
  const lists = free.length === 0 ? '{}' : `{"0":{"1":[${free.join(',')}]}}`;
  return (
    `{"dump":"${label}","zones":[{"zone":"Normal","index":0,"start_pfn":8,"spanned":8,"present":8,"managed":8,"min":0,` +
    `"low":0,"high":0,"promo":0,"watermark_boost":0,"nr_reserved_highatomic":0,"flags":0,"nr_free_pages":${free.length},` +
    `"nr_free_pages_cpu_diff":0,"stat_threshold":2,"percpu_drift_mark":0,"lowmem_reserve":[0],` +
    `"pcp":{"cpu":0,"count":0,"high":4,"batch":1,"free_factor":0,"lists":{}},"free":${lists},` +
    `"pageblocks":{"first_pfn":8,"pages_per_block":2,"types":[1,1,1,1]}${extra}}]}`
  );
}

/** A check point line. */
export function checkPoint(operations: number, free: number): string {
  return (
    `{"cp":${operations},"zone":0,"nr_free_pages":${free},"cpu_diff":0,"pcp_count":0,"free_factor":0,` +
    `"watermark_boost":0,"nr_reserved_highatomic":0,"flags":0,"nr_free":[${free},0,0]}`
  );
}

/** A whole recording: eight operations, a check point after every second. Line 2 is `t0`, line 10 `t1`, line 18 `t2`. */
export const RECORDING: readonly string[] = [
  META,
  dump('t0', [9, 11, 13], ',"lru_or_movable_ranges":[[14,2]]'),
  '["note",1]',
  '["a",0,3264,9,[["A",9,0,3264,1]]]',
  '["b",3264,3,2,[11,13],[["A",11,0,3264,1],["A",13,0,3264,1],["A",-1,0,3264,1]]]',
  checkPoint(2, 0),
  '["f",11,0,[["F",11,0]]]',
  '["x",4096,3264,11,[["A",11,0,3264,1]]]',
  checkPoint(4, 0),
  dump('t1', []),
  '["y",11,4096,[["F",11,0]]]',
  '["s",9,0,[]]',
  checkPoint(6, 1),
  '["note",100]',
  '["f",13,0,[["F",13,0]]]',
  '["d",[]]',
  checkPoint(8, 2),
  dump('t2', [13, 11]),
];

/** The recording as a file, with some lines replaced; `null` leaves a line out. Lines count from 1. */
export function recording(changes: Readonly<Record<number, string | null>> = {}): string {
  return RECORDING.map((line, i) => (changes[i + 1] === undefined ? line : changes[i + 1]))
    .filter((line) => line !== null)
    .map((line) => `${line}\n`)
    .join('');
}

/** The allocator of the machine above. */
export class TinyAllocator implements PageAllocatorUnderTest {
  readonly maxOrder: number;
  readonly pageShift = 12;
  readonly managedPages = 8;
  readonly nrPcpPages = 0;
  readonly #state: PageState;
  readonly #trace: TraceSink;
  readonly #free: number[];
  readonly #mine: ReadonlySet<number>;

  constructor(machine: RecordedMachine & { readonly trace: TraceSink }) {
    this.maxOrder = machine.maxOrder;
    this.#state = machine.state;
    this.#trace = machine.trace;
    this.#free = [...machine.state.zones[0].free['0']['1']];
    this.#mine = new Set(this.#free);
  }

  get nrFreePages(): number {
    return this.#free.length;
  }

  allocPages(gfp: number, order: number): number {
    const pfn = this.#free.shift() ?? NO_PAGE;
    this.#trace.mmPageAlloc(pfn, order, gfp, 1);
    return pfn;
  }

  allocPagesNode(): number {
    throw new Error('not recorded');
  }

  allocPagesNodemask(): number {
    throw new Error('not recorded');
  }

  freePages(pfn: number, order: number): void {
    this.#trace.mmPageFree(pfn, order);
    this.#trace.blockMerge(pfn, order);
    this.#free.unshift(pfn);
  }

  allocPagesBulk(gfp: number, nrPages: number, pages: Int32Array): number {
    for (let slot = 0; slot < nrPages; slot++) {
      pages[slot] = this.allocPages(gfp, 0);
      if (pages[slot] === NO_PAGE) return slot;
    }
    return nrPages;
  }

  allocPagesExact(_sizeBytes: number, gfp: number): number {
    return this.allocPages(gfp, 0);
  }

  freePagesExact(pfn: number): void {
    this.freePages(pfn, 0);
  }

  splitPage(pfn: number): void {
    if (!this.#mine.has(pfn) || this.#free.includes(pfn)) throw new RangeError(`page ${pfn} is not in use`);
  }

  getPage(): void {
    throw new Error('not recorded');
  }

  putPage(): void {
    throw new Error('not recorded');
  }

  pageCount(): number {
    throw new Error('not recorded');
  }

  drainLocalPages(): void {
    // No per-CPU lists.
  }

  drainAllPages(): void {
    throw new Error('not recorded');
  }

  assertValid(): void {
    // Nothing can go wrong.
  }

  exportState(): PageState {
    const [zone] = this.#state.zones;
    const free: Record<string, Record<string, number[]>> = this.#free.length === 0 ? {} : { 0: { 1: [...this.#free] } };
    return { zones: [{ ...zone, nr_free_pages: this.#free.length, free }] };
  }

  buddyinfo(): string {
    return `Node 0, zone   Normal      ${this.#free.length}      0      0 \n`;
  }

  pagetypeinfo(): string {
    return `Page block order: 1\n\nFree pages ${this.#free.length}\n`;
  }
}

export const IMPLEMENTATIONS: Implementations = { loadPages: (machine) => new TinyAllocator(machine) };
