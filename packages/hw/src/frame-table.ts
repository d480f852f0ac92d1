/**
 * Frame tables: the columns of {@link FrameTable}, carved out of one buffer.
 *
 * ```
 * byte 0            4n          8n         12n         16n         20n         24n        24n + n / pageblock
 *   | flags         | refcount  | block     | owner     | next      | prev      | pageblocks |
 *   | Uint32        | Int32     | Int32     | Int32     | Int32     | Int32     | Uint8      |
 * ```
 * with `n = nrFrames`. Zeroes are the valid initial state, so creation writes nothing: the host hands out
 * zero pages on first touch, and the untouched part of a 64 GiB machine's table costs nothing.
 */
import type { FrameTable, Order } from '@kmem/contracts';
import { isBuffer, requireInteger, shown } from './option-checks.js';

/** Bytes a frame costs in the table, the pageblock bytes aside. */
export const FRAME_BYTES = 24;

// Frame numbers live in signed 32-bit columns; one bit is left so that a sum of two never overflows.
const MAX_FRAMES = 2 ** 30;
// The block column has four bits for an order.
const MAX_MAX_ORDER = 16;
// The largest page with which every address of 2 ** 30 frames is an exact number.
const MAX_PAGE_SHIFT = 22;

/** What a frame table is for. */
export interface FrameTableOptions {
  /**
   * Number of frames, from 1 to 2^30. Rounded up to a multiple of the largest block, so that the number
   * of a buddy never leaves the table.
   */
  readonly nrFrames: number;
  /** log2 of the page size in bytes, from 0 to 22. @default 12 */
  readonly pageShift?: number;
  /** log2 of the frames in a pageblock, from 0 to `maxOrder - 1`. @default 9, or the largest order where that is less */
  readonly pageblockOrder?: Order;
  /** Number of block orders, from 1 to 16. @default 11 */
  readonly maxOrder?: number;
  /** True for a SharedArrayBuffer, which other workers can attach to. @default false */
  readonly shared?: boolean;
}

/** The numbers behind a table, options filled in and checked. */
interface FrameTableLayout {
  readonly nrFrames: number;
  readonly pageShift: number;
  readonly pageblockOrder: Order;
  readonly nrPageblocks: number;
  readonly sizeBytes: number;
}

/**
 * Makes a table in which every frame is unused.
 *
 * @param options - number of frames, and the sizes that decide the layout.
 * @returns the table; `nrFrames` may be larger than asked for.
 * @throws TypeError when an option has the wrong type, or `shared` is asked for on a host without SharedArrayBuffer.
 * @throws RangeError when an option is out of range, or the host cannot allocate a buffer of that size.
 * @example
 * ```ts
 * import { createFrameTable } from '@kmem/hw';
 * const frames = createFrameTable({ nrFrames: 4000 });
 * frames.nrFrames; // -> 4096
 * frames.refcount[1]; // -> 0
 * ```
 */
export function createFrameTable(options: FrameTableOptions): FrameTable {
  const layout = layOut(options);
  if (options.shared !== true) return carve(new ArrayBuffer(layout.sizeBytes), layout);
  if (typeof SharedArrayBuffer === 'undefined') {
    throw new TypeError('shared: this host has no SharedArrayBuffer');
  }
  return carve(new SharedArrayBuffer(layout.sizeBytes), layout);
}

/**
 * Sees a buffer that already holds a table: one made by another worker, or bytes set aside by the caller.
 *
 * @param buffer - the table's buffer, or at least {@link frameTableBytes} zero bytes.
 * @param options - the options the table was made with; `shared` is read off the buffer.
 * @returns a table over the same bytes.
 * @throws TypeError when `buffer` is no buffer, or an option has the wrong type.
 * @throws RangeError when the buffer is too small, or an option is out of range.
 */
export function attachFrameTable(buffer: ArrayBufferLike, options: FrameTableOptions): FrameTable {
  const layout = layOut(options);
  if (!isBuffer(buffer)) {
    throw new TypeError(`buffer: expected an ArrayBuffer or a SharedArrayBuffer, got ${shown(buffer)}`);
  }
  if (buffer.byteLength < layout.sizeBytes) {
    throw new RangeError(
      `buffer: a table of ${layout.nrFrames} frames needs ${layout.sizeBytes} bytes, got ${buffer.byteLength}`,
    );
  }
  return carve(buffer, layout);
}

/**
 * Computes how many bytes a table takes.
 *
 * @param options - as for {@link createFrameTable}.
 * @returns bytes: 24 a frame and 1 a pageblock.
 * @throws TypeError or RangeError as {@link createFrameTable}.
 */
export function frameTableBytes(options: FrameTableOptions): number {
  return layOut(options).sizeBytes;
}

function layOut(options: FrameTableOptions): FrameTableLayout {
  const { nrFrames, pageShift = 12, maxOrder = 11, shared = false } = options;
  requireInteger('nrFrames', nrFrames, 1, MAX_FRAMES);
  requireInteger('pageShift', pageShift, 0, MAX_PAGE_SHIFT);
  requireInteger('maxOrder', maxOrder, 1, MAX_MAX_ORDER);
  const { pageblockOrder = Math.min(9, maxOrder - 1) } = options;
  requireInteger('pageblockOrder', pageblockOrder, 0, maxOrder - 1);
  if (typeof shared !== 'boolean') throw new TypeError(`shared: expected true or false, got ${shown(shared)}`);

  // A pageblock is never larger than the largest block, so this is a multiple of both.
  const largestBlock = 1 << (maxOrder - 1);
  const rounded = Math.ceil(nrFrames / largestBlock) * largestBlock;
  const nrPageblocks = rounded >>> pageblockOrder;
  return { nrFrames: rounded, pageShift, pageblockOrder, nrPageblocks, sizeBytes: rounded * FRAME_BYTES + nrPageblocks };
}

/** The one place that knows where a column is. */
function carve(buffer: ArrayBufferLike, layout: FrameTableLayout): FrameTable {
  const { nrFrames, pageShift, pageblockOrder, nrPageblocks } = layout;
  const column = 4 * nrFrames;
  return {
    nrFrames,
    pageShift,
    pageblockOrder,
    buffer,
    flags: new Uint32Array(buffer, 0, nrFrames),
    refcount: new Int32Array(buffer, column, nrFrames),
    block: new Int32Array(buffer, 2 * column, nrFrames),
    owner: new Int32Array(buffer, 3 * column, nrFrames),
    next: new Int32Array(buffer, 4 * column, nrFrames),
    prev: new Int32Array(buffer, 5 * column, nrFrames),
    pageblocks: new Uint8Array(buffer, 6 * column, nrPageblocks),
  };
}
