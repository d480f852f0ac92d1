/**
 * Groups whose kernel memory is counted and limited (slab spec 15).
 *
 * ```
 *  root -- a group -- a group        a page counts for its group and all above it; the root has no limit
 *             ^
 *  each CPU:  | group, pages  up to 64 |   | group, bytes  less than a page |     charged already, for its next requests
 * ```
 * ```
 *   usage of a group = pages charged to it and to the groups below = pages in use, and in the stocks of CPUs
 *   usage <= limit, but for requests that must not fail
 *   bytes in use of a group + bytes in stocks + bytes left over = pages charged for bytes * page size
 * ```
 */
import { __GFP_DIRECT_RECLAIM, __GFP_NOFAIL } from '@kmem/contracts';
import type { CpuContext, Gfp } from '@kmem/contracts';
import { SINGLE_CPU } from '../defaults.js';
import { requireInteger } from '../option-checks.js';

/** Pages that are charged at once where the limit allows, the rest of them for later requests. */
const CHARGE_BATCH = 64;
/** Times that a group is reclaimed from before a request fails. */
const RECLAIM_RETRIES = 16;

/** A group. */
export interface MemoryGroup {
  /** Its name. */
  readonly name: string;
  /** The group above it; null for the root. */
  readonly parent: MemoryGroup | null;
  /** Pages that count for it, those in the stocks of CPUs included. */
  readonly usagePages: number;
  /** Pages that may; Infinity for no limit. */
  readonly limitPages: number;
  /** Requests that failed at its limit. */
  readonly failures: number;
}

/** Options of {@link createMemoryGroups}. */
export interface MemoryGroupsOptions {
  /**
   * The current CPU.
   * @defaultValue one CPU
   */
  readonly cpus?: CpuContext;
  /**
   * log2 of the page size in bytes.
   * @defaultValue 12
   */
  readonly pageShift?: number;
  /**
   * Frees memory of a group that is at its limit: true when another attempt is worth it.
   * @defaultValue nothing can be freed
   */
  readonly reclaim?: (group: MemoryGroup, pages: number) => boolean;
}

/** The groups. */
export interface MemoryGroups {
  /** The group of all that are in no other. It is not charged. */
  readonly root: MemoryGroup;
  /**
   * Makes a group.
   *
   * @param name - its name.
   * @param limitPages - pages that may count for it.
   * @param parent - the group above it; the root unless stated.
   * @returns the group.
   * @throws RangeError when the limit is not an integer from 0 on, or Infinity.
   */
  create(name: string, limitPages?: number, parent?: MemoryGroup): MemoryGroup;
  /**
   * Sets the limit of a group. One below what is used is taken: nothing more is charged until enough has come back.
   *
   * @param group - the group.
   * @param limitPages - as for {@link MemoryGroups.create}.
   * @throws RangeError as {@link MemoryGroups.create}.
   */
  setLimit(group: MemoryGroup, limitPages: number): void;
  /**
   * Charges pages.
   *
   * @param group - the group; the root is not charged.
   * @param pages - how many.
   * @param gfp - `__GFP_DIRECT_RECLAIM` lets the group be reclaimed from, `__GFP_NOFAIL` goes over the limit.
   * @returns false when the limit of the group, or of one above it, does not allow it: nothing was charged.
   * @kernelName obj_cgroup_charge_pages
   */
  chargePages(group: MemoryGroup, pages: number, gfp: Gfp): boolean;
  /**
   * Takes a charge of pages back.
   *
   * @param group - the group that was charged.
   * @param pages - how many.
   */
  unchargePages(group: MemoryGroup, pages: number): void;
  /**
   * Charges bytes, out of the stock of the CPU where it has enough of the group's, otherwise of new pages.
   *
   * @param group - as for {@link MemoryGroups.chargePages}.
   * @param bytes - how many.
   * @param gfp - as for {@link MemoryGroups.chargePages}.
   * @returns false as {@link MemoryGroups.chargePages}.
   * @kernelName obj_cgroup_charge
   */
  chargeBytes(group: MemoryGroup, bytes: number, gfp: Gfp): boolean;
  /**
   * Takes a charge of bytes back, into the stock of the CPU; whole pages of it go on.
   *
   * @param group - the group that was charged.
   * @param bytes - how many.
   * @kernelName obj_cgroup_uncharge
   */
  unchargeBytes(group: MemoryGroup, bytes: number): void;
  /**
   * Empties the stocks of all CPUs.
   *
   * @kernelName drain_all_stock
   */
  drain(): void;
}

/** A group, as it is kept. */
interface Group extends MemoryGroup {
  readonly parent: Group | null;
  usagePages: number;
  limitPages: number;
  failures: number;
  /** Bytes of charged pages that no stock has. */
  spareBytes: number;
}

/** What a CPU has charged already. */
interface Stock {
  pagesOf: Group | null;
  pages: number;
  bytesOf: Group | null;
  bytes: number;
}

/**
 * Makes the groups, the root alone.
 *
 * @param options - CPUs, page size, and how a group is reclaimed from.
 * @returns the groups.
 * @example
 * ```ts
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createMemoryGroups } from '@kmem/slab';
 *
 * const groups = createMemoryGroups();
 * const web = groups.create('web', 2);
 * groups.chargeBytes(web, 5000, GFP_KERNEL); // -> true
 * groups.chargeBytes(web, 5000, GFP_KERNEL); // -> false
 * web.usagePages; // -> 2
 * ```
 */
export function createMemoryGroups(options: MemoryGroupsOptions = {}): MemoryGroups {
  const { cpus = SINGLE_CPU, pageShift = 12, reclaim = () => false } = options;
  const pageSize = 2 ** pageShift;
  const stocks = Array.from({ length: cpus.nrCpus }, (): Stock => ({ pagesOf: null, pages: 0, bytesOf: null, bytes: 0 }));
  const groups = new Map<MemoryGroup, Group>();
  const root = add('root', Infinity, null);

  function add(name: string, limitPages: number, parent: Group | null): Group {
    const group: Group = { name, parent, usagePages: 0, limitPages, failures: 0, spareBytes: 0 };
    groups.set(group, group);
    return group;
  }

  function kept(group: MemoryGroup): Group {
    const found = groups.get(group);
    if (found === undefined) throw new TypeError(`group: ${group.name} is not one of these groups`);
    return found;
  }

  function create(name: string, limitPages = Infinity, parent: MemoryGroup = root): MemoryGroup {
    checkLimit(limitPages);
    return add(name, limitPages, kept(parent));
  }

  function setLimit(group: MemoryGroup, limitPages: number): void {
    checkLimit(limitPages);
    kept(group).limitPages = limitPages;
  }

  function chargePages(outer: MemoryGroup, pages: number, gfp: Gfp): boolean {
    const group = kept(outer);
    if (group === root) return true;
    const stock = stocks[cpus.cpu];
    if (stock.pagesOf === group && stock.pages >= pages) {
      stock.pages -= pages;
      return true;
    }
    const batch = Math.max(CHARGE_BATCH, pages);
    if (countUp(group, batch) === null) {
      putPages(stock, group, batch - pages);
      return true;
    }
    for (let tries = 0; ; tries++) {
      const full = countUp(group, pages);
      if (full === null) return true;
      // What lies in stocks may be all that is missing.
      if (tries === 0) drain();
      else if ((gfp & __GFP_DIRECT_RECLAIM) === 0 || tries > RECLAIM_RETRIES || !reclaim(full, pages)) {
        if ((gfp & __GFP_NOFAIL) === 0) {
          full.failures++;
          return false;
        }
        for (let each: Group | null = group; each !== null; each = each.parent) each.usagePages += pages;
        return true;
      }
    }
  }

  /** Charges a group and all above it, or none; returns the one that is full. */
  function countUp(group: Group, pages: number): Group | null {
    for (let each: Group | null = group; each !== null; each = each.parent) if (each.usagePages + pages > each.limitPages) return each;
    for (let each: Group | null = group; each !== null; each = each.parent) each.usagePages += pages;
    return null;
  }

  function countDown(group: Group, pages: number): void {
    for (let each: Group | null = group; each !== null; each = each.parent) each.usagePages -= pages;
  }

  function unchargePages(outer: MemoryGroup, pages: number): void {
    const group = kept(outer);
    if (group !== root) putPages(stocks[cpus.cpu], group, pages);
  }

  function putPages(stock: Stock, group: Group, pages: number): void {
    if (stock.pagesOf !== group) {
      drainPages(stock);
      stock.pagesOf = group;
    }
    stock.pages += pages;
    if (stock.pages > CHARGE_BATCH) drainPages(stock);
  }

  function drainPages(stock: Stock): void {
    if (stock.pagesOf !== null) countDown(stock.pagesOf, stock.pages);
    stock.pages = 0;
    stock.pagesOf = null;
  }

  function chargeBytes(outer: MemoryGroup, bytes: number, gfp: Gfp): boolean {
    const group = kept(outer);
    if (group === root) return true;
    const stock = stocks[cpus.cpu];
    if (stock.bytesOf === group && stock.bytes >= bytes) {
      stock.bytes -= bytes;
      return true;
    }
    const pages = Math.ceil(bytes / pageSize);
    if (!chargePages(group, pages, gfp)) return false;
    putBytes(stock, group, pages * pageSize - bytes);
    return true;
  }

  function unchargeBytes(outer: MemoryGroup, bytes: number): void {
    const group = kept(outer);
    if (group !== root) putBytes(stocks[cpus.cpu], group, bytes);
  }

  function putBytes(stock: Stock, group: Group, bytes: number): void {
    if (stock.bytesOf !== group) {
      drainBytes(stock);
      stock.bytesOf = group;
      stock.bytes = group.spareBytes;
      group.spareBytes = 0;
    }
    stock.bytes += bytes;
    if (stock.bytes <= pageSize) return;
    const pages = Math.floor(stock.bytes / pageSize);
    stock.bytes %= pageSize;
    putPages(stock, group, pages);
  }

  /** Whole pages go, the rest waits with the group. */
  function drainBytes(stock: Stock): void {
    const group = stock.bytesOf;
    if (group === null) return;
    const bytes = stock.bytes + group.spareBytes;
    group.spareBytes = bytes % pageSize;
    countDown(group, Math.floor(bytes / pageSize));
    stock.bytes = 0;
    stock.bytesOf = null;
  }

  function drain(): void {
    for (const stock of stocks) {
      drainBytes(stock);
      drainPages(stock);
    }
  }

  return { root, create, setLimit, chargePages, unchargePages, chargeBytes, unchargeBytes, drain };
}

function checkLimit(limitPages: number): void {
  if (limitPages !== Infinity) requireInteger('limitPages', limitPages, 0, Number.MAX_SAFE_INTEGER);
}
