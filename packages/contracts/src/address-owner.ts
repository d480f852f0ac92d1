/** AddressOwner: who has, or had, the kernel addresses around one of them. */
import type { KAddr } from './units.js';

/** What an address belongs to. */
export interface OwnedAddresses {
  /** `area`: inside it. `guard`: in the guard page behind it. `freed`: it was an area's, which is gone. `hole`: nobody's. */
  readonly kind: 'area' | 'guard' | 'freed' | 'hole';
  /** First address of the area, or of the nearest one below a hole; null when there is none. */
  readonly addr: KAddr | null;
  /** Bytes that its user may touch; 0 without an area. */
  readonly sizeBytes: number;
  /** Who asked for it, as a symbol; empty when it is not known. */
  readonly caller: string;
}

/** Knows whose addresses are. */
export interface AddressOwner {
  /**
   * Says whose an address is.
   *
   * @param addr - any address.
   * @returns what it belongs to.
   * @context any.
   */
  ownerOf(addr: KAddr): OwnedAddresses;
}
