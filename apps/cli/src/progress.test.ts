import { expect, test } from 'vitest';
import { Progress } from './progress.js';
import { Terminal } from './terminal.js';

/** Feeds a progress with a clock that moves 50 ms a step, and returns what was written to standard error. */
function written(isTTY: boolean, steps: number): string {
  let text = '';
  const nothing = { write: () => true };
  const terminal = new Terminal(nothing, { isTTY, write: (piece: string) => (text += piece) }, false);
  let now = 0;
  const progress = new Progress(terminal, () => now);
  for (let step = 0; step < steps; step++, now += 50) progress.update(`step ${step}`);
  progress.clear();
  return text;
}

test('what takes less than a second is done in silence', () => {
  expect(written(true, 20)).toBe('');
  expect(written(false, 20)).toBe('');
});

test('a person sees one line that changes, and is gone at the end', () => {
  expect(written(true, 23)).toBe('\rstep 20\rstep 22\r       \r');
});

test('a log gets a line every five seconds', () => {
  expect(written(false, 221)).toBe('kmem: step 20\nkmem: step 120\nkmem: step 220\n');
});
