/**
 * The bytes behind a heap: one buffer, with a view for each type of number.
 *
 * | memory                        | grows                                                         |
 * | ----------------------------- | ------------------------------------------------------------- |
 * | ArrayBuffer, SharedArrayBuffer | where it was made with a `maxByteLength`                      |
 * | WebAssembly.Memory            | up to its `maximum`; the module may grow it as well           |
 * | none                          | up to `maxBytes`: there are addresses, and nothing behind them |
 */
import { KernelBug } from '@kmem/contracts';

/** What is used of a `WebAssembly.Memory`. */
export interface WasmMemory {
  /** The current bytes. */
  readonly buffer: ArrayBufferLike;
  /**
   * Adds pages of 64 KiB.
   *
   * @param pages - how many.
   * @returns pages that there were.
   */
  grow(pages: number): number;
}

/** What a heap can lie in. */
export type HeapBuffer = ArrayBufferLike | WasmMemory;

/** Views of all bytes of a heap, by type of element. Another set after the heap has grown. */
export interface HeapViews {
  /** Signed bytes. */
  readonly i8: Int8Array;
  /** Bytes. */
  readonly u8: Uint8Array;
  /** Signed numbers of 2 bytes. */
  readonly i16: Int16Array;
  /** Numbers of 2 bytes. */
  readonly u16: Uint16Array;
  /** Signed numbers of 4 bytes. */
  readonly i32: Int32Array;
  /** Numbers of 4 bytes. */
  readonly u32: Uint32Array;
  /** Floating-point numbers of 4 bytes. */
  readonly f32: Float32Array;
  /** Floating-point numbers of 8 bytes. */
  readonly f64: Float64Array;
  /** Signed numbers of 8 bytes. */
  readonly i64: BigInt64Array;
  /** Numbers of 8 bytes. */
  readonly u64: BigUint64Array;
}

/** Resizable buffers, which the library's types do not know yet. */
interface Resizable {
  readonly resizable?: boolean;
  readonly growable?: boolean;
  readonly maxByteLength?: number;
  resize?(bytes: number): void;
  grow?(bytes: number): void;
}

const WASM_PAGE_BYTES = 65536;

/** The memory of a heap. */
export interface HeapMemory {
  /** Bytes that there are now. */
  readonly sizeBytes: number;
  /** Views of all bytes. A KernelBug `NO_BACKING` where there are none. */
  readonly views: HeapViews;
  /** False where there are addresses alone. */
  readonly hasBytes: boolean;
  /**
   * Adds bytes.
   *
   * @param bytes - how many at least.
   * @returns false when it cannot.
   */
  grow(bytes: number): boolean;
}

/**
 * Makes the memory of a heap of a buffer.
 *
 * @param source - the buffer.
 * @returns the memory.
 */
export function bufferMemory(source: HeapBuffer): HeapMemory {
  const buffer = (): ArrayBufferLike => ('buffer' in source ? source.buffer : source);
  let views = viewsOf(buffer());
  return {
    hasBytes: true,
    get sizeBytes() {
      return buffer().byteLength;
    },
    get views() {
      // A module that has grown its memory has left the old buffer empty.
      if (views.u8.length === 0) views = viewsOf(buffer());
      return views;
    },
    grow(bytes) {
      try {
        if (!enlarge(source, bytes)) return false;
      } catch (error) {
        // The host has no more.
        if (error instanceof RangeError) return false;
        throw error;
      }
      views = viewsOf(buffer());
      return true;
    },
  };
}

function enlarge(source: HeapBuffer, bytes: number): boolean {
  if ('buffer' in source) {
    source.grow(Math.ceil(bytes / WASM_PAGE_BYTES));
    return true;
  }
  // What of it there is depends on the host and is asked for.
  const buffer = source as ArrayBufferLike & Resizable;
  const size = buffer.byteLength + bytes;
  if (size > (buffer.maxByteLength ?? 0)) return false;
  if (buffer.growable === true) buffer.grow?.(size);
  else if (buffer.resizable === true) buffer.resize?.(size);
  return buffer.byteLength === size;
}

/**
 * Makes the memory of a heap that hands out addresses alone.
 *
 * @param sizeBytes - at first.
 * @param maxBytes - at most.
 * @returns the memory.
 */
export function noMemory(sizeBytes: number, maxBytes: number): HeapMemory {
  let size = sizeBytes;
  return {
    hasBytes: false,
    get sizeBytes() {
      return size;
    },
    get views(): HeapViews {
      throw new KernelBug('NO_BACKING', 'the heap has addresses alone: there are no bytes to be read or written');
    },
    grow(bytes) {
      if (size + bytes > maxBytes) return false;
      size += bytes;
      return true;
    },
  };
}

function viewsOf(buffer: ArrayBufferLike): HeapViews {
  const whole = (bytes: number): number => Math.floor(buffer.byteLength / bytes);
  return {
    i8: new Int8Array(buffer, 0, whole(1)),
    u8: new Uint8Array(buffer, 0, whole(1)),
    i16: new Int16Array(buffer, 0, whole(2)),
    u16: new Uint16Array(buffer, 0, whole(2)),
    i32: new Int32Array(buffer, 0, whole(4)),
    u32: new Uint32Array(buffer, 0, whole(4)),
    f32: new Float32Array(buffer, 0, whole(4)),
    f64: new Float64Array(buffer, 0, whole(8)),
    i64: new BigInt64Array(buffer, 0, whole(8)),
    u64: new BigUint64Array(buffer, 0, whole(8)),
  };
}
