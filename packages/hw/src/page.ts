/**
 * Questions about one page, asked of a {@link FrameTable}: what the kernel's page helpers answer.
 *
 * A page is its frame number. Every function checks the number, so these are for callers of an allocator;
 * an allocator's own hot paths index the columns directly.
 */
import { BLOCK_ORDER_MASK, BLOCK_TAIL, KernelBug, PAGE_FLAG_NAMES, PAGE_TYPE_MASK, PB_TOUCHED, PG_head } from '@kmem/contracts';
import type { FrameTable, Order, Pfn } from '@kmem/contracts';

/**
 * Reads how many references a page has.
 *
 * @param frames - the table.
 * @param pfn - the frame; a tail of a compound page answers for the head.
 * @returns references; 0 for a free page, and for any page but the first of a block that is not compound.
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @context any.
 * @kernelName page_count
 */
export function pageCount(frames: FrameTable, pfn: Pfn): number {
  return frames.refcount[compoundHead(frames, pfn)];
}

/**
 * Finds the first page of the compound page a frame belongs to.
 *
 * @param frames - the table.
 * @param pfn - the frame.
 * @returns the head; `pfn` itself when the page is not a tail.
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @context any.
 * @kernelName compound_head
 */
export function compoundHead(frames: FrameTable, pfn: Pfn): Pfn {
  requireFrame(frames, pfn);
  return (frames.block[pfn] & BLOCK_TAIL) !== 0 ? frames.owner[pfn] : pfn;
}

/**
 * Tells whether a frame belongs to a compound page.
 *
 * @param frames - the table.
 * @param pfn - the frame.
 * @returns true for the head and for every tail.
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @context any.
 * @kernelName PageCompound
 */
export function isCompound(frames: FrameTable, pfn: Pfn): boolean {
  requireFrame(frames, pfn);
  return (frames.block[pfn] & BLOCK_TAIL) !== 0 || (frames.flags[pfn] & (1 << PG_head)) !== 0;
}

/**
 * Reads the order of the compound page a frame belongs to.
 *
 * @param frames - the table.
 * @param pfn - the frame; a tail answers for the head (the kernel answers 0 for a tail).
 * @returns the order; 0 for a page that is not compound.
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @context any.
 * @kernelName compound_order
 */
export function compoundOrder(frames: FrameTable, pfn: Pfn): Order {
  const head = compoundHead(frames, pfn);
  return (frames.flags[head] & (1 << PG_head)) === 0 ? 0 : frames.block[head] & BLOCK_ORDER_MASK;
}

/**
 * Reads the page-type word as the kernel stores it: all ones, with one bit cleared per type.
 *
 * @param frames - the table.
 * @param pfn - the frame.
 * @returns unsigned 32 bits: `0xffffffff` without a type, `0xffffff7f` for the head of a free block (buddy spec 2).
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @context any.
 * @kernelName page_type
 */
export function pageTypeWord(frames: FrameTable, pfn: Pfn): number {
  requireFrame(frames, pfn);
  return ~(frames.block[pfn] & PAGE_TYPE_MASK) >>> 0;
}

/**
 * Tests one flag of a page.
 *
 * @param frames - the table.
 * @param pfn - the frame itself, also when it is a tail.
 * @param bit - one of `PG_*`, from 0 to 31.
 * @returns true when the flag is set.
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @throws RangeError when `bit` is out of range.
 * @context any.
 * @kernelName test_bit
 */
export function testPageFlag(frames: FrameTable, pfn: Pfn, bit: number): boolean {
  return (frames.flags[pfn] & flagMask(frames, pfn, bit)) !== 0;
}

/**
 * Sets one flag of a page.
 *
 * @remarks
 * A page that holds no reference may be inside somebody's block. Its pageblock is then marked
 * {@link PB_TOUCHED}, so that freeing the block looks at every page of it.
 *
 * @param frames - the table.
 * @param pfn - the frame itself, also when it is a tail.
 * @param bit - one of `PG_*`, from 0 to 31.
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @throws RangeError when `bit` is out of range.
 * @context any, by the holder of the page. Not atomic.
 * @kernelName __set_bit
 */
export function setPageFlag(frames: FrameTable, pfn: Pfn, bit: number): void {
  frames.flags[pfn] |= flagMask(frames, pfn, bit);
  touch(frames, pfn);
}

/**
 * Clears one flag of a page. Marks the pageblock like {@link setPageFlag}.
 *
 * @param frames - the table.
 * @param pfn - the frame itself, also when it is a tail.
 * @param bit - one of `PG_*`, from 0 to 31.
 * @throws KernelBug `BAD_FRAME` when `pfn` is not in the table.
 * @throws RangeError when `bit` is out of range.
 * @context any, by the holder of the page. Not atomic.
 * @kernelName __clear_bit
 */
export function clearPageFlag(frames: FrameTable, pfn: Pfn, bit: number): void {
  frames.flags[pfn] &= ~flagMask(frames, pfn, bit);
  touch(frames, pfn);
}

/**
 * Names the flags that are set, in the order in which the kernel prints them (buddy spec 2).
 *
 * @param flags - a value of the `flags` column. Bits without a name are left out.
 * @returns names joined by `|`; empty when no named flag is set.
 * @context any.
 * @example
 * ```ts
 * import { pageFlagNames } from '@kmem/hw';
 * pageFlagNames((1 << 16) | (1 << 0)); // -> 'locked|head'
 * ```
 */
export function pageFlagNames(flags: number): string {
  let names = '';
  for (const [name, bit] of PAGE_FLAG_NAMES) {
    if ((flags & (1 << bit)) !== 0) names += names === '' ? name : `|${name}`;
  }
  return names;
}

function flagMask(frames: FrameTable, pfn: Pfn, bit: number): number {
  requireFrame(frames, pfn);
  if (bit >>> 0 !== bit || bit > 31) throw new RangeError(`bit: expected an integer from 0 to 31, got ${bit}`);
  return 1 << bit;
}

function touch(frames: FrameTable, pfn: Pfn): void {
  // A reference is held by the head of a block only, unless somebody took one on a page inside a block, and
  // whoever did that has marked the pageblock already.
  if (frames.refcount[pfn] <= 0) frames.pageblocks[pfn >>> frames.pageblockOrder] |= PB_TOUCHED;
}

function requireFrame(frames: FrameTable, pfn: Pfn): void {
  // One comparison refuses NaN, fractions and negative numbers alike.
  if (pfn >>> 0 !== pfn || pfn >= frames.nrFrames) {
    throw new KernelBug('BAD_FRAME', `frame ${pfn} is not an integer from 0 to ${frames.nrFrames - 1}`, {
      pfn,
      nrFrames: frames.nrFrames,
    });
  }
}
