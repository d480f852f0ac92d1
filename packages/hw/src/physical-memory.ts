/**
 * Physical memories: the implementations of {@link PhysicalMemory}, physical address 0 at byte 0.
 *
 * | backing  | behind it                        | for                                                     |
 * | -------- | -------------------------------- | ------------------------------------------------------- |
 * | `dense`  | one ArrayBuffer                  | a machine of moderate size in one thread                |
 * | `shared` | one SharedArrayBuffer            | several workers, each a CPU                             |
 * | `wasm`   | a WebAssembly.Memory             | C modules that run on this RAM                          |
 * | `sparse` | pieces of 4 MiB, made on use     | a large machine of which little is touched              |
 * | `none`   | nothing                          | managing numbers only: GPU memory, files, replay        |
 *
 * The size is fixed when the object is made. `view` is the only way to the bytes.
 */
import { KernelBug } from '@kmem/contracts';
import type { MemoryBacking, PhysAddr, PhysicalMemory } from '@kmem/contracts';
import { isBuffer, requireInteger, shown } from './option-checks.js';

/** Default size of a piece of `sparse` memory: the largest block of 4 KiB pages, so a block never crosses pieces. */
export const SPARSE_PIECE_BYTES = 4 * 2 ** 20;

// Every address of a memory is exact in a double, and so is the sum of two.
const MAX_SIZE_BYTES = 2 ** 52;
const WASM_PAGE_BYTES = 65536;

/** What is used of a `WebAssembly.Memory`: its buffer, which is another one after a `grow`. */
export interface WasmMemoryLike {
  /** The current bytes. */
  readonly buffer: ArrayBufferLike;
}

/** Size and kind of a memory that is to be made. */
export interface MemoryOptions {
  /** Size in bytes, from 1 to 2^52; what fits in one buffer unless `sparse` or `none`. */
  readonly sizeBytes: number;
  /** What stands behind the bytes. */
  readonly backing: MemoryBacking;
  /** Size of a piece of `sparse` memory: a power of two from 4096 to 2^30. @default 4 MiB */
  readonly pieceBytes?: number;
}

/**
 * Makes a memory full of zeroes.
 *
 * @param options - size and kind.
 * @returns the memory.
 * @throws TypeError when an option has the wrong type, or the host lacks what `backing` needs.
 * @throws RangeError when an option is out of range, or the host cannot give that much in one buffer.
 * @example
 * ```ts
 * import { createMemory } from '@kmem/hw';
 * const memory = createMemory({ sizeBytes: 64 * 2 ** 30, backing: 'sparse' });
 * memory.view(0x1000, 4096)[0]; // -> 0
 * ```
 */
export function createMemory(options: MemoryOptions): PhysicalMemory {
  const { sizeBytes, backing, pieceBytes = SPARSE_PIECE_BYTES } = options;
  requireInteger('sizeBytes', sizeBytes, 1, MAX_SIZE_BYTES);
  switch (backing) {
    case 'dense':
      return new BufferMemory('dense', oneBuffer(backing, sizeBytes, () => new ArrayBuffer(sizeBytes)), sizeBytes);
    case 'shared':
      if (typeof SharedArrayBuffer === 'undefined') throw new TypeError('backing: this host has no SharedArrayBuffer');
      return new BufferMemory('shared', oneBuffer(backing, sizeBytes, () => new SharedArrayBuffer(sizeBytes)), sizeBytes);
    case 'wasm': {
      if (typeof WebAssembly === 'undefined') throw new TypeError('backing: this host has no WebAssembly');
      const pages = Math.ceil(sizeBytes / WASM_PAGE_BYTES);
      const make = (): WasmMemoryLike => new WebAssembly.Memory({ initial: pages, maximum: pages });
      return new WasmMemory(oneBuffer(backing, sizeBytes, make), sizeBytes);
    }
    case 'sparse':
      requireInteger('pieceBytes', pieceBytes, 4096, 2 ** 30);
      if ((pieceBytes & (pieceBytes - 1)) !== 0) {
        throw new RangeError(`pieceBytes: expected a power of two from 4096 to ${2 ** 30}, got ${pieceBytes}`);
      }
      return new SparseMemory(sizeBytes, pieceBytes);
    case 'none':
      return new NoMemory(sizeBytes);
    default:
      throw new TypeError(`backing: expected dense, shared, wasm, sparse or none, got ${shown(backing)}`);
  }
}

/**
 * Makes a memory out of bytes that come from outside. Nothing is copied or cleared.
 *
 * @param source - the bytes. The size is what it has now: a WebAssembly.Memory may grow later, the machine does not.
 * @returns a memory of kind `dense`, `shared` or `wasm`, after the source.
 * @throws TypeError when `source` is none of the three.
 * @throws RangeError when it is empty.
 */
export function wrapMemory(source: ArrayBufferLike | WasmMemoryLike): PhysicalMemory {
  // A caller without types may have passed anything; the next line decides.
  const buffer: unknown = isBuffer(source) ? source : (source as WasmMemoryLike | null | undefined)?.buffer;
  if (!isBuffer(buffer)) {
    throw new TypeError(
      `source: expected an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory, got ${shown(source)}`,
    );
  }
  requireInteger('source.byteLength', buffer.byteLength, 1, MAX_SIZE_BYTES);
  if (!isBuffer(source)) return new WasmMemory(source, buffer.byteLength);
  const isShared = Object.prototype.toString.call(source) === '[object SharedArrayBuffer]';
  return new BufferMemory(isShared ? 'shared' : 'dense', source, source.byteLength);
}

class BufferMemory implements PhysicalMemory {
  readonly backing: MemoryBacking;
  readonly sizeBytes: number;
  readonly #buffer: ArrayBufferLike;
  readonly #bytes: Uint8Array;

  constructor(backing: 'dense' | 'shared', buffer: ArrayBufferLike, sizeBytes: number) {
    this.backing = backing;
    this.sizeBytes = sizeBytes;
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer, 0, sizeBytes);
  }

  view(addr: PhysAddr, sizeBytes: number): Uint8Array {
    requireRange(this.sizeBytes, addr, sizeBytes);
    return new Uint8Array(this.#buffer, addr, sizeBytes);
  }

  fill(addr: PhysAddr, sizeBytes: number, value: number): void {
    requireRange(this.sizeBytes, addr, sizeBytes);
    requireByte(value);
    this.#bytes.fill(value, addr, addr + sizeBytes);
  }
}

class WasmMemory implements PhysicalMemory {
  readonly backing = 'wasm';
  readonly sizeBytes: number;
  readonly #memory: WasmMemoryLike;

  constructor(memory: WasmMemoryLike, sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#memory = memory;
  }

  view(addr: PhysAddr, sizeBytes: number): Uint8Array {
    requireRange(this.sizeBytes, addr, sizeBytes);
    // Asked anew each time: growing the memory detaches the former buffer.
    return new Uint8Array(this.#memory.buffer, addr, sizeBytes);
  }

  fill(addr: PhysAddr, sizeBytes: number, value: number): void {
    requireByte(value);
    this.view(addr, sizeBytes).fill(value);
  }
}

class SparseMemory implements PhysicalMemory {
  readonly backing = 'sparse';
  readonly sizeBytes: number;
  readonly #pieceBytes: number;
  readonly #pieces: (Uint8Array | undefined)[];

  constructor(sizeBytes: number, pieceBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#pieceBytes = pieceBytes;
    this.#pieces = [];
  }

  view(addr: PhysAddr, sizeBytes: number): Uint8Array {
    requireRange(this.sizeBytes, addr, sizeBytes);
    const index = Math.floor(addr / this.#pieceBytes);
    const offset = addr - index * this.#pieceBytes;
    if (offset + sizeBytes > this.#pieceBytes) {
      throw new RangeError(
        `${sizeBytes} bytes at ${hex(addr)} cross a piece of sparse memory; pieces are ${this.#pieceBytes} bytes long`,
      );
    }
    const piece = (this.#pieces[index] ??= new Uint8Array(Math.min(this.#pieceBytes, this.sizeBytes - index * this.#pieceBytes)));
    return piece.subarray(offset, offset + sizeBytes);
  }

  fill(addr: PhysAddr, sizeBytes: number, value: number): void {
    requireRange(this.sizeBytes, addr, sizeBytes);
    requireByte(value);
    let at = addr;
    while (at < addr + sizeBytes) {
      const index = Math.floor(at / this.#pieceBytes);
      const end = Math.min(addr + sizeBytes, (index + 1) * this.#pieceBytes);
      // A piece that does not exist reads as zeroes: clearing it must not make it.
      if (value !== 0 || this.#pieces[index] !== undefined) this.view(at, end - at).fill(value);
      at = end;
    }
  }
}

class NoMemory implements PhysicalMemory {
  readonly backing = 'none';
  readonly sizeBytes: number;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  view(addr: PhysAddr, sizeBytes: number): Uint8Array {
    requireRange(this.sizeBytes, addr, sizeBytes);
    throw new KernelBug('NO_BACKING', `${sizeBytes} bytes at ${hex(addr)} were asked for, but this memory has no bytes`, {
      addr,
      sizeBytes,
    });
  }

  fill(addr: PhysAddr, sizeBytes: number, value: number): void {
    requireRange(this.sizeBytes, addr, sizeBytes);
    requireByte(value);
  }
}

/** Turns the host's refusal of a large buffer, whose text names nothing, into one that says what to do. */
function oneBuffer<T>(backing: MemoryBacking, sizeBytes: number, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new RangeError(`sizeBytes: this host gives no ${backing} buffer of ${sizeBytes} bytes; try backing 'sparse'`, { cause });
  }
}

function requireRange(total: number, addr: PhysAddr, sizeBytes: number): void {
  if (!Number.isSafeInteger(addr) || !Number.isSafeInteger(sizeBytes) || addr < 0 || sizeBytes < 0 || addr + sizeBytes > total) {
    throw new RangeError(`${sizeBytes} bytes at ${hex(addr)} leave the memory, which ends at ${hex(total)}`);
  }
}

function requireByte(value: number): void {
  if ((value & 0xff) !== value) throw new RangeError(`value: expected an integer from 0 to 255, got ${value}`);
}

function hex(addr: number): string {
  if (!Number.isSafeInteger(addr)) return String(addr);
  return addr < 0 ? `-0x${(-addr).toString(16)}` : `0x${addr.toString(16)}`;
}
