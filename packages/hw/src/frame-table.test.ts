import { describe, expect, test } from 'vitest';
import { attachFrameTable, createFrameTable, FRAME_BYTES, frameTableBytes } from './frame-table.js';

describe('createFrameTable', () => {
  test('costs 24 bytes a frame and one a pageblock', () => {
    const frames = createFrameTable({ nrFrames: 4096 });
    const columns = [frames.flags, frames.refcount, frames.block, frames.owner, frames.next, frames.prev];
    expect(columns.reduce((sum, column) => sum + column.BYTES_PER_ELEMENT, 0)).toBe(FRAME_BYTES);
    expect(frames.buffer.byteLength).toBe(4096 * 24 + 8);
    expect(frameTableBytes({ nrFrames: 4096 })).toBe(frames.buffer.byteLength);
  });

  test('describes every frame as unused', () => {
    const frames = createFrameTable({ nrFrames: 1024 });
    expect(new Uint8Array(frames.buffer).every((byte) => byte === 0)).toBe(true);
  });

  test('rounds the frames up to whole blocks of the largest order', () => {
    expect(createFrameTable({ nrFrames: 1 }).nrFrames).toBe(1024);
    expect(createFrameTable({ nrFrames: 1025 }).nrFrames).toBe(2048);
    expect(createFrameTable({ nrFrames: 3, maxOrder: 1, pageblockOrder: 0 }).nrFrames).toBe(3);
  });

  test('columns and pageblocks do not overlap', () => {
    const frames = createFrameTable({ nrFrames: 16, maxOrder: 3, pageblockOrder: 2 });
    const parts = [frames.flags, frames.refcount, frames.block, frames.owner, frames.next, frames.prev, frames.pageblocks];
    parts.forEach((part, i) => part.fill(i + 1));
    parts.forEach((part, i) => expect(new Set(part)).toEqual(new Set([i + 1])));
    expect(frames.pageblocks.length).toBe(4);
  });

  test('takes the page size and the pageblock order of the machine', () => {
    const frames = createFrameTable({ nrFrames: 2048, pageShift: 13, pageblockOrder: 10 });
    expect([frames.pageShift, frames.pageblockOrder, frames.pageblocks.length]).toEqual([13, 10, 2]);
  });

  test('is shared on request only', () => {
    expect(createFrameTable({ nrFrames: 8 }).buffer).toBeInstanceOf(ArrayBuffer);
    expect(createFrameTable({ nrFrames: 8, shared: true }).buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe('attachFrameTable', () => {
  test('sees what the other owner of the buffer writes', () => {
    const options = { nrFrames: 64, maxOrder: 4, pageblockOrder: 3, shared: true };
    const made = createFrameTable(options);
    const attached = attachFrameTable(made.buffer, options);
    made.refcount[5] = 7;
    attached.prev[63] = 9;
    attached.pageblocks[7] = 1;
    expect([attached.refcount[5], made.prev[63], made.pageblocks[7]]).toEqual([7, 9, 1]);
  });

  test('pageblocks are no larger than blocks', () => {
    expect([1, 5, 11, 16].map((maxOrder) => createFrameTable({ nrFrames: 8, maxOrder }).pageblockOrder)).toEqual([0, 4, 9, 9]);
  });

  test('leaves the bytes past the table alone', () => {
    const options = { nrFrames: 8, maxOrder: 1, pageblockOrder: 0 };
    const buffer = new ArrayBuffer(frameTableBytes(options) + 16);
    attachFrameTable(buffer, options).pageblocks.fill(0xff);
    expect([...new Uint8Array(buffer).subarray(-16)]).toEqual(new Array(16).fill(0));
  });
});
