/** AddressRanges: hands out ranges of an address space. AddressSpaceState: how one is divided, as data. */

/** What allocations of ranges return when none fits. It is below every address. */
export const NO_RANGE = -(2 ** 53);

/** Addresses from `addr` on. */
export interface AddressRange {
  /** First address. */
  readonly addr: number;
  /** Addresses there are. */
  readonly sizeBytes: number;
}

/** A free range, and where it hangs in the red-black tree of free ranges. */
export interface FreeAddressRange extends AddressRange {
  /** First address of its lower child; null when there is none. */
  readonly left: number | null;
  /** First address of its upper child; null when there is none. */
  readonly right: number | null;
  /** Its colour. */
  readonly black: boolean;
}

/** An address space: each list by ascending address. Every address is in one range of one list. */
export interface AddressSpaceState {
  /** Free ranges; no two touch. */
  readonly free: readonly FreeAddressRange[];
  /** First address of the free range at the root of the tree; null when nothing is free. */
  readonly root: number | null;
  /** Ranges in use. */
  readonly used: readonly AddressRange[];
  /** Ranges freed and not purged; no two touch. */
  readonly lazy: readonly AddressRange[];
}

/** What an implementation is made with. */
export interface AddressRangesOptions {
  /** First address: a safe integer, negative or not. @default 0 */
  readonly start?: number;
  /** First address past the space; at most 2^53 - 1 above `start`. */
  readonly end: number;
  /** The unit of sizes and addresses, a power of two: the page size of a kernel. @default 1 */
  readonly granule?: number;
  /** Bytes that may wait for a purge; one more makes a free purge at once. Infinity leaves it to the caller. @default 0 */
  readonly lazyMax?: number;
  /** A state to go on from; it must fill the space. Without one all of it is free. */
  readonly state?: AddressSpaceState;
  /** Is called when nothing fits, before lazy ranges are purged: the place to free what can be spared. */
  readonly onShortage?: () => void;
  /**
   * Is called before lazy ranges become free: whoever remembers something about their addresses must forget it.
   *
   * @param start - first address of the lowest.
   * @param end - first address past the highest.
   */
  readonly onPurge?: (start: number, end: number) => void;
}

/**
 * Hands out ranges of an address space. Nothing is stored at the addresses.
 *
 * ```
 * every address is in exactly one range:   free + used + lazy bytes = end - start
 * for alignments of one granule            the lowest range that fits is taken
 * for larger ones                          a range with room for size + align - 1 is never missed
 * ```
 */
export interface AddressRanges {
  /** First address of the space. */
  readonly start: number;
  /** First address past it. */
  readonly end: number;
  /** Unit of sizes and addresses. */
  readonly granule: number;
  /** Bytes that may wait for a purge. */
  readonly lazyMax: number;
  /** Bytes of the ranges in use. */
  readonly usedBytes: number;
  /** Bytes that were freed and wait for a purge. */
  readonly lazyBytes: number;
  /** Bytes that can be handed out. */
  readonly freeBytes: number;

  /**
   * Takes a range. When none fits, what was freed is purged and the search made once more.
   *
   * @param sizeBytes - size, a multiple of the granule.
   * @param align - alignment of the address, a power of two. @default the granule
   * @param from - lowest address allowed. @default the start of the space
   * @param to - first address past what is allowed. @default its end
   * @returns the address, or {@link NO_RANGE}.
   * @throws KernelBug `BAD_SIZE` for a size, `BAD_RANGE` for an alignment or bounds that make no sense.
   * @context any.
   * @kernelName alloc_vmap_area
   */
  allocRange(sizeBytes: number, align?: number, from?: number, to?: number): number;

  /**
   * Frees a range. It becomes lazy and merges with lazy neighbours; when more than `lazyMax` bytes are lazy then, all are purged.
   *
   * @param addr - its first address.
   * @throws KernelBug `BAD_RANGE` when no range in use starts there.
   * @context any.
   * @kernelName free_vmap_area_noflush
   */
  freeRange(addr: number): void;

  /**
   * Makes all lazy ranges free, the lowest first.
   *
   * @returns bytes that became free.
   * @context any.
   * @kernelName __purge_vmap_area_lazy
   */
  purge(): number;

  /**
   * Finds the range in use that an address lies in.
   *
   * @param addr - any address.
   * @returns the first address of the range, or {@link NO_RANGE}.
   * @kernelName find_vmap_area
   */
  findRange(addr: number): number;

  /**
   * Finds the last free range that starts at or below an address.
   *
   * @param addr - any address.
   * @returns a copy, or null when there is none.
   */
  findFreeRange(addr: number): AddressRange | null;

  /**
   * Writes the state down.
   *
   * @returns a copy. An implementation without a tree gives the free ranges as a tree that leans to one side.
   */
  exportState(): AddressSpaceState;

  /**
   * Checks every invariant of the implementation.
   *
   * @throws KernelBug `CORRUPT_STATE` when one does not hold.
   */
  assertValid(): void;
}
