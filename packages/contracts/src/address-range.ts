/** AddressSpaceState: how an address space is divided, as data. */

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
