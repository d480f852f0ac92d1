/** Checks of a heap's options: what is managed, from where to where, up to how much. */
import type { HeapAllocator } from './heap-allocator.js';
import { bufferMemory, noMemory, type HeapBuffer, type HeapMemory } from './heap-memory.js';
import type { SizeSet } from './size-classes.js';

/** Makes the allocator behind a heap. */
export type HeapAllocatorFactory = (space: HeapSpace) => HeapAllocator;

/** The address range that an allocator is made for. */
export interface HeapSpace {
  /** First byte that may be handed out. */
  readonly start: number;
  /** Byte behind the last one. */
  readonly end: number;
  /** Byte behind the last one that there can ever be. */
  readonly limit: number;
  /** Asks for more bytes in a row; true when some have been added. */
  readonly onShortage: (bytes: number) => boolean;
}

/** Options of {@link createHeap}. One of `bytes` and `buffer` is needed. */
export interface HeapOptions {
  /** Size in bytes of a memory that is made for the heap: 1024 to 2^32. */
  readonly bytes?: number;
  /** Memory to be managed: an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory. */
  readonly buffer?: HeapBuffer;
  /**
   * With `bytes`: false hands out addresses with nothing behind them, for memory that lies elsewhere: on a graphics card, in a file.
   * @defaultValue true
   */
  readonly memory?: boolean;
  /**
   * First byte that may be handed out; what lies below is left alone.
   * @defaultValue 0; address 0 is no block all the same
   */
  readonly startBytes?: number;
  /**
   * Bytes up to which the heap may grow, 2^32 at most. What is known about blocks takes a part of that many bytes from the start.
   * @defaultValue the size, or the `maxByteLength` of the buffer
   */
  readonly maxBytes?: number;
  /**
   * What small blocks are rounded up to: `linux`, the kernel's kmalloc sizes, for speed; `fine`, many sizes, for least memory.
   * @defaultValue 'linux'
   */
  readonly sizes?: SizeSet;
  /**
   * Another allocator, for example `kernelAllocator(slub)`; it chooses its own sizes.
   * @defaultValue the heap's own
   */
  readonly allocator?: HeapAllocatorFactory;
}

/** Options, worked out. */
export interface CheckedOptions {
  /** The bytes. */
  readonly memory: HeapMemory;
  /** First byte that may be handed out. */
  readonly start: number;
  /** Byte behind the last one that there can ever be. */
  readonly limit: number;
  /** Sizes for the heap's own allocator. */
  readonly sizes: SizeSet;
  /** Another allocator, or null. */
  readonly allocator: HeapAllocatorFactory | null;
}

const LEAST_BYTES = 1024;
const MOST_BYTES = 2 ** 32;

/**
 * Checks and completes the options.
 *
 * @param options - as given.
 * @returns memory and limits.
 * @throws TypeError or RangeError naming the option.
 */
export function checkOptions(options: HeapOptions): CheckedOptions {
  const { bytes, buffer, memory: hasMemory = true, startBytes = 0, maxBytes, sizes = 'linux', allocator = null } = options;
  if ((bytes === undefined) === (buffer === undefined)) throw new TypeError('bytes, buffer: expected one of the two');
  if (!hasMemory && buffer !== undefined) throw new TypeError('memory: false goes with bytes, not with a buffer');
  if (sizes !== 'linux' && sizes !== 'fine') throw new TypeError(`sizes: expected linux or fine, got ${String(sizes)}`);
  if (allocator !== null && options.sizes !== undefined) throw new TypeError('sizes: another allocator chooses its own');
  if (bytes !== undefined) requireInteger('bytes', bytes, LEAST_BYTES, MOST_BYTES);
  const size = bytes ?? sizeOf(buffer);
  if (buffer !== undefined) requireInteger('buffer.byteLength', size, LEAST_BYTES, Number.MAX_SAFE_INTEGER);
  const limit = Math.min(MOST_BYTES, maxBytes ?? Math.max(size, mostOf(buffer)));
  if (maxBytes !== undefined) requireInteger('maxBytes', maxBytes, Math.min(size, MOST_BYTES), MOST_BYTES);
  requireInteger('startBytes', startBytes, 0, Math.min(size, limit) - LEAST_BYTES);
  return { memory: makeMemory(size, limit, hasMemory, buffer), start: startBytes, limit, sizes, allocator };
}

function makeMemory(size: number, limit: number, hasMemory: boolean, buffer: HeapBuffer | undefined): HeapMemory {
  if (buffer !== undefined) return bufferMemory(buffer);
  if (!hasMemory) return noMemory(size, limit);
  if (limit === size) return bufferMemory(new ArrayBuffer(size));
  // The second argument is newer than the types at hand.
  const Growing = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
  return bufferMemory(new Growing(size, { maxByteLength: limit }));
}

function sizeOf(buffer: HeapBuffer | undefined): number {
  // A caller without types may have passed anything.
  const source: unknown = buffer !== undefined && 'buffer' in Object(buffer) ? (buffer as { buffer: unknown }).buffer : buffer;
  const kind = Object.prototype.toString.call(source);
  if (kind !== '[object ArrayBuffer]' && kind !== '[object SharedArrayBuffer]') {
    throw new TypeError(`buffer: expected an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory, got ${kind.slice(8, -1)}`);
  }
  // It is one of the two.
  return (source as ArrayBufferLike).byteLength;
}

/** What the buffer itself allows. A WebAssembly.Memory does not tell. */
function mostOf(buffer: HeapBuffer | undefined): number {
  // Newer than the types at hand.
  return buffer === undefined || 'buffer' in buffer ? 0 : ((buffer as { maxByteLength?: number }).maxByteLength ?? 0);
}

/**
 * Requires an integer within limits.
 *
 * @param name - of the option.
 * @param value - what was given.
 * @param min - smallest allowed value.
 * @param max - largest allowed value.
 * @throws TypeError or RangeError naming the option.
 */
export function requireInteger(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number') throw new TypeError(`${name}: expected an integer from ${min} to ${max}, got ${typeof value}`);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`${name}: expected an integer from ${min} to ${max}, got ${value}`);
  }
}
