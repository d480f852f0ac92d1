import { expect, test } from 'vitest';
import { isColored } from './terminal.js';

const tty = { isTTY: true, write: () => true };
const pipe = { write: () => true };

test.each([
  [true, {}, tty, true],
  [false, {}, tty, false],
  [true, { NO_COLOR: '1' }, tty, false],
  [true, { NO_COLOR: '' }, tty, true],
  [true, { TERM: 'dumb' }, tty, false],
  [true, {}, pipe, false],
])('colours wanted %s, environment %j: %s', (wanted, environment, stream, colored) => {
  expect(isColored(wanted, environment, stream)).toBe(colored);
});
