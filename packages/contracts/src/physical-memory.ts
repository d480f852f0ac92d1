/**
 * PhysicalMemory: the bytes of RAM, physical address 0 at byte 0.
 *
 * One object in a program hands out views, so that a memory which grows or moves has a single place to
 * change. An allocator that only manages numbers works without any PhysicalMemory.
 */
import type { PhysAddr } from './units.js';

/**
 * What stands behind the bytes: one ArrayBuffer (`dense`), one SharedArrayBuffer (`shared`), a
 * WebAssembly.Memory (`wasm`), pieces made on first use (`sparse`), or nothing at all (`none`).
 */
export type MemoryBacking = 'dense' | 'shared' | 'wasm' | 'sparse' | 'none';

/** The bytes of a machine's RAM. */
export interface PhysicalMemory {
  /** What stands behind the bytes. */
  readonly backing: MemoryBacking;
  /** First address past the end, in bytes. */
  readonly sizeBytes: number;

  /**
   * Gives a view of a range. The view is valid until the memory is replaced or grown.
   *
   * @param addr - first byte, from 0.
   * @param sizeBytes - length in bytes; the range must end within the memory.
   * @returns the bytes themselves, not a copy.
   * @throws RangeError when the range leaves the memory, or crosses a piece of a `sparse` memory.
   * @throws KernelBug `NO_BACKING` when the memory has no bytes.
   */
  view(addr: PhysAddr, sizeBytes: number): Uint8Array;

  /**
   * Sets every byte of a range. Does nothing on a memory without bytes.
   *
   * @param addr - first byte, from 0.
   * @param sizeBytes - length in bytes.
   * @param value - byte to write, from 0 to 255.
   * @throws RangeError when the range leaves the memory.
   */
  fill(addr: PhysAddr, sizeBytes: number, value: number): void;
}
