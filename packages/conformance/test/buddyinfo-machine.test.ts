import { expect, test } from 'vitest';
import { isBuddyinfo, readBuddyinfoMachine } from '../src/index.js';

function row(zone: string, counts: readonly number[], node = 0): string {
  return `Node ${node}, zone ${zone.padStart(8)} ${counts.map((n) => `${String(n).padStart(6)} `).join('')}\n`;
}

test('only a text that begins like buddyinfo is one', () => {
  expect(isBuddyinfo(row('DMA', [1]))).toBe(true);
  expect(isBuddyinfo('{"recording":"buddy-exact"}')).toBe(false);
  expect(isBuddyinfo('')).toBe(false);
});

test.each([
  ['nothing', '', 'x:1:1: found the end of the file'],
  ['a row without counts', 'Node 0, zone DMA\n', 'x:1:1: found another line'],
  ['text behind the counts', `${row('DMA', [1, 2])}Node 0, zone DMA32 1 2 x\n`, 'x:2:1: found another line'],
  ['a negative count', 'Node 0, zone DMA -1 2\n', 'x:1:1: found another line'],
  ['another node', row('Normal', [1, 2], 1), 'x:1:6: found node 1'],
  ['an unknown zone', row('Big', [1, 2]), 'x:1:19: found zone Big'],
  ['zones in another order', row('Normal', [1, 2]) + row('DMA', [1, 2]), 'x:2:19: found zone DMA, expected one of HighMem'],
  ['a count too few', row('DMA', [1, 2, 3]) + row('Normal', [1, 2]), 'x:2:16: found 2 counts, expected 3 as in line 1'],
  ['one count', row('DMA', [1]), 'x:1:19: found 1 counts'],
  ['more memory than there are frames', row('DMA', [1, 2 ** 30]), 'x:1:19: found more memory'],
])('%s is refused', (_, text, message) => {
  expect(() => readBuddyinfoMachine('x', text)).toThrow(message);
});
