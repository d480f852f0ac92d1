/**
 * Kmap: addresses for frames that have none, a few at a time (buddy spec 13).
 *
 * ```
 *  PKMAP   | slot 0 | slot 1 | ... | slot size - 1 |     users[slot]: 0 free, 1 nobody uses it and CPUs remember it, n + 1 n users
 *  the search goes on from the last slot taken; at slot 0 it first flushes every slot with users = 1
 *  when every slot has users, a task waits until one has none any more
 *
 *  FIXMAP  16 slots for each CPU, a stack for each: the top of one CPU's stack lies below fixmapEnd - cpu * 16 pages
 * ```
 * A frame of the direct map has its address there, always.
 */
import {
  GFP_KERNEL,
  KernelBug,
  NULL,
  PAGE_KERNEL,
  TASK_NORMAL,
  TASK_UNINTERRUPTIBLE,
  WOULD_BLOCK,
  type KAddr,
  type Mmu,
  type PageAddresses,
  type Pfn,
  type Sleepable,
  type WaitHeadId,
  type WaitQueues,
} from '@kmem/contracts';
import { requireInteger } from './option-checks.js';

/** Slots of a CPU's stack. */
const KMAP_LOCAL_SLOTS = 16;

/** Options of {@link Kmap}. */
export interface KmapOptions {
  /** PKMAP_BASE. */
  readonly pkmapStart: KAddr;
  /** First address past the window. */
  readonly pkmapEnd: KAddr;
  /** First address past the fixed mappings, below which the stacks lie. */
  readonly fixmapEnd: KAddr;
  /** Maps. */
  readonly mmu: Mmu;
  /** The direct map. */
  readonly addresses: PageAddresses;
  /** CPUs. @default 1 */
  readonly nrCpus?: number;
  /** Where tasks wait for a slot. @default nobody waits */
  readonly waitQueues?: Pick<WaitQueues, 'createHead' | 'waitEvent' | 'wakeUp'>;
}

/** Temporary addresses of frames. */
export class Kmap {
  readonly #options: KmapOptions;
  readonly #pageSize: number;
  readonly #users: Int32Array;
  /** Slot by frame. */
  readonly #slots = new Map<Pfn, number>();
  /** Frame by slot. */
  readonly #frames: Int32Array;
  /** By CPU: addresses that kmapLocal gave out, the last one last. */
  readonly #stacks: KAddr[][];
  /** Who waits for a slot; null when nobody can. */
  readonly #head: WaitHeadId | null;
  #last = 0;

  /**
   * @param options - where the windows are.
   * @throws RangeError when a window is empty.
   */
  constructor(options: KmapOptions) {
    const { mmu, nrCpus = 1, pkmapEnd, pkmapStart, waitQueues } = options;
    this.#options = options;
    this.#pageSize = 2 ** mmu.pageShift;
    requireInteger('pkmapEnd', pkmapEnd, pkmapStart + this.#pageSize, Number.MAX_SAFE_INTEGER);
    requireInteger('nrCpus', nrCpus, 1, 8192);
    const size = Math.floor((pkmapEnd - pkmapStart) / this.#pageSize);
    this.#users = new Int32Array(size);
    this.#frames = new Int32Array(size);
    this.#stacks = Array.from({ length: nrCpus }, () => []);
    this.#head = waitQueues?.createHead() ?? null;
  }

  /**
   * Gives a frame an address; sleeps as long as every slot is in use.
   *
   * @param pfn - the frame.
   * @returns as {@link Kmap.tryKmap}; `WOULD_BLOCK` only where nobody can wait.
   * @context task, preempt_count 0.
   * @kernelName kmap
   */
  *kmap(pfn: Pfn): Sleepable<KAddr | typeof WOULD_BLOCK> {
    const { waitQueues } = this.#options;
    for (;;) {
      const addr = this.tryKmap(pfn);
      if (addr !== WOULD_BLOCK || waitQueues === undefined || this.#head === null) return addr;
      // Who is woken may find that others were faster, or that the frame has an address by now.
      yield* waitQueues.waitEvent(this.#head, () => this.#slots.has(pfn) || this.#users.some((users) => users <= 1), TASK_UNINTERRUPTIBLE);
    }
  }

  /**
   * Gives a frame an address, if that takes no sleep. Calls for one frame give the same address.
   *
   * @param pfn - the frame.
   * @returns the address; `WOULD_BLOCK` when every slot is in use; `NULL` without memory for page tables.
   * @context task.
   */
  tryKmap(pfn: Pfn): KAddr | typeof WOULD_BLOCK {
    const direct = this.#options.addresses.pageAddress(pfn);
    if (direct !== NULL) return direct;
    let slot = this.#slots.get(pfn);
    if (slot === undefined) {
      slot = this.#findSlot();
      if (slot === -1) return WOULD_BLOCK;
      if (this.#options.mmu.mapPages(this.#addrOf(slot), [pfn], PAGE_KERNEL, GFP_KERNEL) < 0) return NULL;
      this.#slots.set(pfn, slot);
      this.#frames[slot] = pfn;
      this.#users[slot] = 1;
    }
    this.#users[slot]++;
    return this.#addrOf(slot);
  }

  /**
   * Ends one use of an address. It stays mapped until the search comes round; a task that waits for a slot is woken.
   *
   * @param pfn - the frame.
   * @throws KernelBug `REFCOUNT` when nobody uses it.
   * @context task.
   * @kernelName kunmap
   */
  kunmap(pfn: Pfn): void {
    if (this.#options.addresses.pageAddress(pfn) !== NULL) return;
    const slot = this.#slots.get(pfn);
    if (slot === undefined || this.#users[slot] <= 1) throw new KernelBug('REFCOUNT', `kunmap: frame ${pfn} is not mapped`, { pfn });
    this.#users[slot]--;
    if (this.#users[slot] === 1 && this.#head !== null) this.#options.waitQueues?.wakeUp(this.#head, TASK_NORMAL, 1);
  }

  /**
   * Finds the address of a frame.
   *
   * @param pfn - the frame.
   * @returns its address in the direct map, or the one that kmap gave it; `NULL` when it has none.
   * @context any.
   * @kernelName page_address
   */
  pageAddress(pfn: Pfn): KAddr {
    const direct = this.#options.addresses.pageAddress(pfn);
    if (direct !== NULL) return direct;
    const slot = this.#slots.get(pfn);
    return slot === undefined ? NULL : this.#addrOf(slot);
  }

  /**
   * Counts the users of a frame's address, as the kernel does.
   *
   * @param pfn - the frame.
   * @returns 0 without an address, 1 when nobody uses it any more, n + 1 with n users.
   */
  users(pfn: Pfn): number {
    const slot = this.#slots.get(pfn);
    return slot === undefined ? 0 : this.#users[slot];
  }

  /**
   * Gives a frame an address on this CPU, on top of those given before.
   *
   * @param pfn - the frame.
   * @param cpu - the CPU.
   * @returns the address.
   * @throws KernelBug `BAD_MAPPING` when 16 are in use.
   * @context any.
   * @kernelName kmap_local_page
   */
  kmapLocal(pfn: Pfn, cpu = 0): KAddr {
    const direct = this.#options.addresses.pageAddress(pfn);
    if (direct !== NULL) return direct;
    const stack = this.#stacks[cpu];
    if (stack.length === KMAP_LOCAL_SLOTS) throw new KernelBug('BAD_MAPPING', `kmap_local: CPU ${cpu} has ${KMAP_LOCAL_SLOTS} addresses in use`, { pfn, cpu });
    const addr = this.#options.fixmapEnd - (cpu * KMAP_LOCAL_SLOTS + stack.length + 1) * this.#pageSize;
    if (this.#options.mmu.mapPages(addr, [pfn], PAGE_KERNEL, GFP_KERNEL) < 0) return NULL;
    stack.push(addr);
    return addr;
  }

  /**
   * Ends what {@link Kmap.kmapLocal} began last.
   *
   * @param addr - any address of the page.
   * @param cpu - the CPU.
   * @throws KernelBug `BAD_MAPPING` when another one was begun later, or none at all.
   * @context any.
   * @kernelName kunmap_local
   */
  kunmapLocal(addr: KAddr, cpu = 0): void {
    const page = Math.floor(addr / this.#pageSize) * this.#pageSize;
    if (this.#options.addresses.kaddrToPfn(page) !== -1) return;
    const stack = this.#stacks[cpu];
    if (stack.at(-1) !== page) throw new KernelBug('BAD_MAPPING', `kunmap_local: ${addr} is not what CPU ${cpu} mapped last`, { addr, cpu });
    stack.pop();
    this.#options.mmu.unmapRange(page, this.#pageSize);
    this.#options.mmu.flushTlbKernelRange(page, page + this.#pageSize);
  }

  #addrOf(slot: number): KAddr {
    return this.#options.pkmapStart + slot * this.#pageSize;
  }

  #findSlot(): number {
    const size = this.#users.length;
    for (let tried = 0; tried < size; tried++) {
      this.#last = (this.#last + 1) % size;
      if (this.#last === 0) this.#flushUnused();
      if (this.#users[this.#last] === 0) return this.#last;
    }
    return -1;
  }

  #flushUnused(): void {
    const { mmu, pkmapEnd, pkmapStart } = this.#options;
    let any = false;
    for (const [slot, users] of this.#users.entries()) {
      if (users !== 1) continue;
      any = true;
      this.#users[slot] = 0;
      this.#slots.delete(this.#frames[slot]);
      mmu.unmapRange(this.#addrOf(slot), this.#pageSize);
    }
    if (any) mmu.flushTlbKernelRange(pkmapStart, pkmapEnd);
  }
}
