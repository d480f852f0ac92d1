/** A text of /proc/buddyinfo as a state to go on from. */
import { Random, readBuddyinfoMachine } from '@kmem/conformance';
import { createFrameTable } from '@kmem/hw';
import { expect, test } from 'vitest';
import { BuddyAllocator } from '../src/index.js';

function row(zone: string, counts: readonly number[], node = 0): string {
  return `Node ${node}, zone ${zone.padStart(8)} ${counts.map((n) => `${String(n).padStart(6)} `).join('')}\n`;
}

function load(text: string): BuddyAllocator {
  const { nrFrames, maxOrder, pageblockOrder, nrMigratetypes, state } = readBuddyinfoMachine('buddyinfo', text);
  return new BuddyAllocator({ frames: createFrameTable({ nrFrames, maxOrder, pageblockOrder }), maxOrder, nrMigratetypes, state });
}

test.each([1, 2, 3, 4, 5])('any counts come out again, and the state is valid (seed %i)', (seed) => {
  const random = new Random(seed);
  const counts = () => Array.from({ length: 11 }, () => random.below(random.below(2) === 0 ? 3 : 200));
  const text = row('DMA', counts()) + row('DMA32', counts()) + row('Normal', counts());
  const pages = load(text);
  pages.assertValid();
  expect(pages.buddyinfo()).toBe(text);
});

test('other numbers of orders, and zones without a free block', () => {
  for (const text of [row('Normal', [0, 0]), row('Normal', [3, 5]), row('DMA', [0, 0, 0, 0]) + row('HighMem', [1, 0, 2, 7])]) {
    const pages = load(text);
    pages.assertValid();
    expect(pages.buddyinfo()).toBe(text);
  }
});
