/**
 * Areas that lie as far from each other as given: per-CPU memory, a group of CPUs each (vmalloc spec 8).
 *
 * ```
 *   base               base + offsets[0]             base + offsets[1]
 *   |                  |<- sizes[0] ->|              |<- sizes[1] ->|        all of it as high as it fits
 * ```
 * The highest group is tried first. Whenever one does not fit, the base goes down and all the others are tried again, round and round.
 */
import { KernelBug, NO_RANGE, type AddressRange, type AddressRanges } from '@kmem/contracts';

/** What is looked for. */
export interface CongruentAreas {
  /** By group: from the base, multiples of the alignment. */
  readonly offsets: readonly number[];
  /** By group: bytes, multiples of the alignment. */
  readonly sizes: readonly number[];
  /** Alignment of the base, a power of two. */
  readonly align: number;
  /** Lowest address allowed. */
  readonly start: number;
  /** First address past what is allowed. */
  readonly end: number;
}

/**
 * Finds room for all groups.
 *
 * @param ranges - the space.
 * @param wanted - the groups, which do not overlap.
 * @returns the base, or `NO_RANGE`.
 * @throws KernelBug `BAD_SIZE` for no groups, and for an offset or size that is not a multiple of the alignment or of the granule.
 */
export function findCongruent(ranges: AddressRanges, wanted: CongruentAreas): number {
  const { align, offsets, sizes } = wanted;
  const nr = offsets.length;
  const unit = Math.max(align, ranges.granule);
  if (nr === 0 || !offsets.every((offset, group) => offset % unit === 0 && sizes[group] > 0 && sizes[group] % unit === 0)) {
    throw new KernelBug('BAD_SIZE', `offsets and sizes must be multiples of ${unit}, got ${offsets.join()} and ${sizes.join()}`, { align });
  }
  const top = Math.floor(wanted.end / align) * align;
  const bottom = Math.ceil(wanted.start / align) * align;
  const pastOf = (group: number): number => offsets[group] + sizes[group];
  let group = offsets.indexOf(Math.max(...offsets));
  let terminal = group;
  let free = ranges.findFreeRange(top);
  let base = NO_RANGE;

  /** Moves down to the first range with room below the top, and the base so that the group ends there. */
  const place = (): void => {
    for (; free !== null; free = below(ranges, free)) {
      const past = Math.min(Math.floor((free.addr + free.sizeBytes) / align) * align, top);
      if (free.addr >= past) continue;
      base = past - pastOf(group);
      return;
    }
  };
  const placeAnew = (): void => {
    place();
    terminal = group;
  };

  place();
  while (free !== null && base >= bottom) {
    if (base + pastOf(group) > free.addr + free.sizeBytes) {
      placeAnew();
    } else if (base + offsets[group] < free.addr) {
      free = below(ranges, free);
      placeAnew();
    } else {
      group = (group + nr - 1) % nr;
      if (group === terminal) return base;
      free = ranges.findFreeRange(base + pastOf(group));
    }
  }
  return NO_RANGE;
}

function below(ranges: AddressRanges, free: AddressRange): AddressRange | null {
  return ranges.findFreeRange(free.addr - 1);
}
