/**
 * The pages that SLOB cuts into blocks of any size (slab spec 10).
 *
 * ```
 *  page of 2048 units    | in use | free | in use | in use | free |
 *                                   first free block ------> next --> UNITS, the end
 *
 *  three rings of pages with free units, by what was asked for: below 256 bytes, below 1024, more
 *  first --> P <--> P <--> P <--> (first)         the search begins at first, which the last search moved
 * ```
 * A page has a slot of words here. Of every unit two things are known:
 * ```
 *                          sizes                links
 *   a block in use begins  its bytes            number of its cache, 0 for kmalloc; negative while it waits for readers
 *   a free block begins    its units, negative  the next free block of the page, `units` for none
 *   inside a block         0                    -
 * ```
 * Parts of a page that were in use when its state was loaded have no block here: nobody can free them.
 * ```
 *   FREE of a page = sum of its free blocks;  a page is in a ring exactly when FREE > 0;  FREE < units per page
 *   free blocks of a page are in address order, and no two of them touch
 *   slotOf[frame of the page] = the slot
 * ```
 */
import { KernelBug, NO_PAGE, NULL } from '@kmem/contracts';
import type { Gfp, Pfn, PhysAddr, SlobPageState, SlobState } from '@kmem/contracts';

/** Bytes of a unit. */
export const UNIT = 2;
/** Requests below these many bytes have a ring of their own. */
const RING_LIMITS = [256, 1024] as const;
const NR_RINGS = 3;

/** Words of a slot. */
const SLOT_WORDS = 8;
/** Slot: frame of the page; of an unused slot, 0. */
const P_PFN = 0;
/** Slot: free units. */
const P_FREE = 1;
/** Slot: first free block. */
const P_FIRST = 2;
/** Slot: next one in the ring; of an unused slot, the next unused one. */
const P_NEXT = 3;
/** Slot: previous one in the ring. */
const P_PREV = 4;
/** Slot: number of its ring; meaningful while it is in one. */
const P_RING = 5;

/** No block. */
export const NO_BLOCK = -1;

/** What the pages stand on. */
export interface SlobPagesOptions {
  /** Takes one page: its frame, or `NO_PAGE`. */
  readonly takePage: (gfp: Gfp) => Pfn;
  /** Gives it back. */
  readonly givePage: (pfn: Pfn) => void;
  /** By frame: the slot of its page. Others may use negative numbers. */
  readonly slotOf: Int32Array;
  /** log2 of the page size in bytes. */
  readonly pageShift: number;
}

/** The pages. A block is called by slot and unit. */
export interface SlobPages {
  /** Takes a block for somebody: its address, or `NULL`. `alignOffset` bytes behind its start are aligned. */
  readonly take: (sizeBytes: number, align: number, alignOffset: number, gfp: Gfp, owner: number) => PhysAddr;
  /** Gives the block in use back that begins there. */
  readonly give: (slot: number, unit: number) => void;
  /** The unit at which the block around a unit begins; `NO_BLOCK` for parts that nobody here took. */
  readonly blockAround: (slot: number, unit: number) => number;
  /** Bytes of the block in use that begins there; of a free one its units, negative; 0 when none begins there. */
  readonly sizeAt: (slot: number, unit: number) => number;
  /** Whose the block in use is that begins there. */
  readonly ownerAt: (slot: number, unit: number) => number;
  /** Marks a block in use. */
  readonly setOwner: (slot: number, unit: number, owner: number) => void;
  /** Goes on from a state. Its frames are in use already. */
  readonly load: (state: SlobState) => void;
  /** Writes the rings down. */
  readonly exportState: () => SlobState;
  /** Throws `CORRUPT_STATE` naming the first equation that does not hold. */
  readonly assertValid: () => void;
}

/**
 * Makes the pages, none of them there yet.
 *
 * @param options - where pages come from.
 * @returns the calls.
 */
export function createSlobPages({ takePage, givePage, slotOf, pageShift }: SlobPagesOptions): SlobPages {
  const pageSize = 2 ** pageShift;
  const units = pageSize / UNIT;
  /** By ring: the page that is searched first, 0 for none. */
  const rings = new Int32Array(NR_RINGS);
  let words = new Int32Array(SLOT_WORDS * 16);
  let sizes = new Int32Array(units * 16);
  let links = new Int32Array(units * 16);
  let nrSlots = 1;
  let spare = 0;

  function take(sizeBytes: number, align: number, alignOffset: number, gfp: Gfp, owner: number): PhysAddr {
    const wanted = unitsOf(sizeBytes);
    const ring = ringFor(sizeBytes);
    let slot = rings[ring];
    if (slot !== 0) {
      do {
        if (words[slot * SLOT_WORDS + P_FREE] >= wanted) {
          const unit = carve(slot, sizeBytes, align, alignOffset, owner);
          if (unit !== NO_BLOCK) {
            if (words[slot * SLOT_WORDS + P_FREE] === 0) unlink(slot);
            else rings[ring] = slot;
            return addressOf(slot, unit);
          }
        }
        slot = words[slot * SLOT_WORDS + P_NEXT];
      } while (slot !== rings[ring]);
    }
    const pfn = takePage(gfp);
    if (pfn === NO_PAGE) return NULL;
    const fresh = addPage(pfn);
    freeBlock(fresh, 0, units, units);
    words[fresh * SLOT_WORDS + P_FIRST] = 0;
    words[fresh * SLOT_WORDS + P_FREE] = units;
    const unit = carve(fresh, sizeBytes, align, alignOffset, owner);
    if (words[fresh * SLOT_WORDS + P_FREE] > 0) pushFirst(fresh, ring);
    return addressOf(fresh, unit);
  }

  /** First fit in address order; what is skipped for the alignment stays free (slab spec 10.3). */
  function carve(slot: number, sizeBytes: number, align: number, alignOffset: number, owner: number): number {
    const wanted = unitsOf(sizeBytes);
    const base = slot * units;
    let before = NO_BLOCK;
    for (let unit = words[slot * SLOT_WORDS + P_FIRST]; unit < units; unit = links[base + unit]) {
      const aligned = (((unit * UNIT + alignOffset + align - 1) & -align) - alignOffset) / UNIT;
      const skipped = aligned - unit;
      const rest = -sizes[base + unit] - skipped - wanted;
      if (rest >= 0) {
        let next = links[base + unit];
        if (rest > 0) next = freeBlock(slot, aligned + wanted, rest, next);
        if (skipped > 0) next = freeBlock(slot, unit, skipped, next);
        setNext(slot, before, next);
        words[slot * SLOT_WORDS + P_FREE] -= wanted;
        sizes[base + aligned] = sizeBytes;
        links[base + aligned] = owner;
        return aligned;
      }
      before = unit;
    }
    return NO_BLOCK;
  }

  function give(slot: number, unit: number): void {
    const at = slot * SLOT_WORDS;
    const base = slot * units;
    const sizeBytes = sizes[base + unit];
    const size = unitsOf(sizeBytes);
    const free = words[at + P_FREE];
    if (free + size === units) {
      if (free > 0) unlink(slot);
      removePage(slot);
      return;
    }
    words[at + P_FREE] = free + size;
    if (free === 0) {
      words[at + P_FIRST] = freeBlock(slot, unit, size, units);
      pushFirst(slot, ringFor(sizeBytes));
      return;
    }
    insert(slot, unit, size);
  }

  /** Puts a block among the free ones, and joins it with those that it touches. */
  function insert(slot: number, unit: number, size: number): void {
    const base = slot * units;
    let before = NO_BLOCK;
    let next = words[slot * SLOT_WORDS + P_FIRST];
    while (next < unit) {
      before = next;
      next = links[base + next];
    }
    let length = size;
    if (next === unit + size && next < units) {
      length -= sizes[base + next];
      sizes[base + next] = 0;
      next = links[base + next];
    }
    if (before !== NO_BLOCK && before - sizes[base + before] === unit) {
      sizes[base + unit] = 0;
      freeBlock(slot, before, length - sizes[base + before], next);
    } else {
      setNext(slot, before, freeBlock(slot, unit, length, next));
    }
  }

  function freeBlock(slot: number, unit: number, size: number, next: number): number {
    sizes[slot * units + unit] = -size;
    links[slot * units + unit] = next;
    return unit;
  }

  function setNext(slot: number, before: number, next: number): void {
    if (before === NO_BLOCK) words[slot * SLOT_WORDS + P_FIRST] = next;
    else links[slot * units + before] = next;
  }

  function addressOf(slot: number, unit: number): PhysAddr {
    return words[slot * SLOT_WORDS + P_PFN] * pageSize + unit * UNIT;
  }

  function pushFirst(slot: number, ring: number): void {
    pushLast(slot, ring);
    rings[ring] = slot;
  }

  function pushLast(slot: number, ring: number): void {
    const first = rings[ring] === 0 ? slot : rings[ring];
    const last = first === slot ? slot : words[first * SLOT_WORDS + P_PREV];
    words[slot * SLOT_WORDS + P_RING] = ring;
    words[slot * SLOT_WORDS + P_NEXT] = first;
    words[slot * SLOT_WORDS + P_PREV] = last;
    words[last * SLOT_WORDS + P_NEXT] = slot;
    words[first * SLOT_WORDS + P_PREV] = slot;
    rings[ring] = first;
  }

  function unlink(slot: number): void {
    const next = words[slot * SLOT_WORDS + P_NEXT];
    const prev = words[slot * SLOT_WORDS + P_PREV];
    const ring = words[slot * SLOT_WORDS + P_RING];
    words[prev * SLOT_WORDS + P_NEXT] = next;
    words[next * SLOT_WORDS + P_PREV] = prev;
    if (rings[ring] === slot) rings[ring] = next === slot ? 0 : next;
  }

  function addPage(pfn: Pfn): number {
    const slot = spare === 0 ? nrSlots++ : spare;
    if (spare !== 0) spare = words[spare * SLOT_WORDS + P_NEXT];
    else if (nrSlots * SLOT_WORDS > words.length) enlarge();
    words[slot * SLOT_WORDS + P_PFN] = pfn;
    words[slot * SLOT_WORDS + P_FREE] = 0;
    words[slot * SLOT_WORDS + P_FIRST] = units;
    slotOf[pfn] = slot;
    return slot;
  }

  function removePage(slot: number): void {
    const pfn = words[slot * SLOT_WORDS + P_PFN];
    sizes.fill(0, slot * units, (slot + 1) * units);
    slotOf[pfn] = 0;
    words[slot * SLOT_WORDS + P_PFN] = 0;
    words[slot * SLOT_WORDS + P_NEXT] = spare;
    spare = slot;
    givePage(pfn);
  }

  function enlarge(): void {
    const slots = (words.length / SLOT_WORDS) * 2;
    const more = [new Int32Array(slots * SLOT_WORDS), new Int32Array(slots * units), new Int32Array(slots * units)] as const;
    more[0].set(words);
    more[1].set(sizes);
    more[2].set(links);
    [words, sizes, links] = more;
  }

  function blockAround(slot: number, unit: number): number {
    const base = slot * units;
    let start = unit;
    while (start >= 0 && sizes[base + start] === 0) start--;
    if (start < 0) return NO_BLOCK;
    const size = sizes[base + start];
    return start + (size < 0 ? -size : unitsOf(size)) > unit ? start : NO_BLOCK;
  }

  function load({ small, medium, large }: SlobState): void {
    [small, medium, large].forEach((states, ring) => {
      for (const [pfn, free, blocks] of states) {
        const slot = addPage(pfn);
        words[slot * SLOT_WORDS + P_FREE] = free;
        let next = units;
        for (const [offset, length] of blocks.toReversed()) next = freeBlock(slot, offset, length, next);
        words[slot * SLOT_WORDS + P_FIRST] = next;
        pushLast(slot, ring);
      }
    });
  }

  function exportState(): SlobState {
    const [small, medium, large] = Array.from(rings, (_, ring) => ringSlots(ring).map(exportPage));
    return { small, medium, large };
  }

  function exportPage(slot: number): SlobPageState {
    const blocks: [number, number][] = [];
    const base = slot * units;
    for (let unit = words[slot * SLOT_WORDS + P_FIRST]; unit < units; unit = links[base + unit]) blocks.push([unit, -sizes[base + unit]]);
    return [words[slot * SLOT_WORDS + P_PFN], words[slot * SLOT_WORDS + P_FREE], blocks];
  }

  function ringSlots(ring: number): number[] {
    const slots: number[] = [];
    const first = rings[ring];
    for (let slot = first; slot !== 0; slot = words[slot * SLOT_WORDS + P_NEXT]) {
      if (slots.length > 0 && slot === first) break;
      slots.push(slot);
    }
    return slots;
  }

  function assertValid(): void {
    const listed = new Set(Array.from(rings, (_, ring) => ringSlots(ring)).flat());
    for (let slot = 1; slot < nrSlots; slot++) {
      const pfn = words[slot * SLOT_WORDS + P_PFN];
      if (pfn === 0) continue;
      const [, free, blocks] = exportPage(slot);
      const sum = blocks.reduce((total, [, length]) => total + length, 0);
      const touching = blocks.some(([offset, length], i) => i + 1 < blocks.length && offset + length >= blocks[i + 1][0]);
      if (slotOf[pfn] !== slot) corrupt('slotOf[frame of the page] = the slot', pfn);
      if (free !== sum) corrupt(`FREE of a page = sum of its free blocks: ${String(free)}, ${String(sum)}`, pfn);
      if (touching) corrupt('free blocks are in address order, and no two of them touch', pfn);
      if (free >= units) corrupt('a page is not wholly free', pfn);
      if (listed.has(slot) !== free > 0) corrupt('a page is in a ring exactly when FREE > 0', pfn);
    }
  }

  const sizeAt = (slot: number, unit: number): number => sizes[slot * units + unit];
  const ownerAt = (slot: number, unit: number): number => links[slot * units + unit];
  const setOwner = (slot: number, unit: number, owner: number): void => {
    links[slot * units + unit] = owner;
  };
  return { take, give, blockAround, sizeAt, ownerAt, setOwner, load, exportState, assertValid };
}

/**
 * Computes what a request takes of a page.
 *
 * @param sizeBytes - bytes asked for.
 * @returns units.
 */
export function unitsOf(sizeBytes: number): number {
  return (sizeBytes + UNIT - 1) >> 1;
}

function ringFor(sizeBytes: number): number {
  if (sizeBytes < RING_LIMITS[0]) return 0;
  return sizeBytes < RING_LIMITS[1] ? 1 : 2;
}

function corrupt(equation: string, pfn: Pfn): never {
  throw new KernelBug('CORRUPT_STATE', `slob, page ${String(pfn)}: ${equation}`, { pfn });
}
