/** Checks of numbers that a caller passes in. */
import { KernelBug, type AddressRanges, type AddressRangesOptions } from '@kmem/contracts';

/**
 * Requires an integer within bounds.
 *
 * @param name - the option, for the error.
 * @param value - what was passed.
 * @param min - smallest allowed.
 * @param max - largest allowed.
 * @throws RangeError naming the option, the value and the bounds.
 */
export function requireInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`${name}: expected an integer from ${String(min)} to ${String(max)}, got ${String(value)}`);
}

/**
 * Checks the numbers that describe an address space.
 *
 * @param options - what an allocator of ranges is made with.
 * @returns them, with the defaults filled in.
 * @throws RangeError naming the first that is out of range.
 */
export function checkSpace(options: AddressRangesOptions): Pick<AddressRanges, 'start' | 'end' | 'granule' | 'lazyMax'> {
  const { start = 0, end, granule = 1, lazyMax = 0 } = options;
  requireInteger('start', start, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  requireInteger('end', end, start + 1, Math.min(start + Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER));
  requireInteger('granule', granule, 1, 2 ** 52);
  if (!isPowerOfTwo(granule)) throw new RangeError(`granule: expected a power of two, got ${granule}`);
  if (lazyMax !== Infinity) requireInteger('lazyMax', lazyMax, 0, Number.MAX_SAFE_INTEGER);
  return { start, end, granule, lazyMax };
}

/**
 * Checks a request for a range.
 *
 * @param space - the space that is asked.
 * @param sizeBytes - its size.
 * @param align - its alignment.
 * @param from - lowest address allowed.
 * @param to - first address past what is allowed.
 * @throws KernelBug `BAD_SIZE` or `BAD_RANGE`.
 */
export function checkRequest(space: Pick<AddressRanges, 'start' | 'end' | 'granule'>, sizeBytes: number, align: number, from: number, to: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % space.granule !== 0) {
    throw new KernelBug('BAD_SIZE', `a size must be a positive multiple of ${space.granule}, got ${sizeBytes}`, { sizeBytes });
  }
  if (!isPowerOfTwo(align)) throw new KernelBug('BAD_RANGE', `an alignment must be a power of two, got ${align}`, { align });
  if (!(from >= space.start && to <= space.end && Number.isSafeInteger(from) && Number.isSafeInteger(to))) {
    throw new KernelBug('BAD_RANGE', `bounds must lie in ${space.start}..${space.end}, got ${from}..${to}`, { from, to });
  }
}

/** True for 1, 2, 4 and so on, up to 2^52. */
function isPowerOfTwo(value: number): boolean {
  if (!Number.isSafeInteger(value) || value <= 0) return false;
  return value <= 2 ** 30 ? (value & (value - 1)) === 0 : 2 ** Math.round(Math.log2(value)) === value;
}
