import pc from 'picocolors';
import { expect, test } from 'vitest';
import { count, drawTable, memory, oneLine, percent, wrap } from './text.js';

test('one is singular', () => {
  expect([count(0, 'page'), count(1, 'page'), count(2, 'page')]).toEqual(['0 pages', '1 page', '2 pages']);
  expect(count(2, 'index', 'indices')).toBe('2 indices');
});

test('a share is rounded down, so that 100 % means all', () => {
  expect([percent(0, 0), percent(1, 3), percent(999, 1000), percent(5, 5)]).toEqual(['0 %', '33 %', '99 %', '100 %']);
});

test('memory is in KiB below 1 MiB', () => {
  expect([memory(128, 12), memory(255, 12), memory(256, 12), memory(1, 0)]).toEqual(['512 KiB', '1020 KiB', '1 MiB', '0 KiB']);
});

test('lines break at spaces, and only there', () => {
  expect(wrap('aa bb cc', 5)).toEqual(['aa bb', 'cc']);
  expect(wrap('aaaaaaaa b', 5)).toEqual(['aaaaaaaa', 'b']);
  expect(wrap('', 5)).toEqual([]);
});

test('columns of numbers stand to the right, all others to the left, and no line ends in a space', () => {
  const rows = [['a', 5, 'x'], ['bbb', 1000, '']];
  expect(drawTable({ columns: ['name', 'n', 'word'], rows }, pc.createColors(false))).toEqual(['name     n  word', 'a        5  x', 'bbb   1000']);
});

test('quoted text cannot leave its line or steer the terminal', () => {
  expect(oneLine(' a\r\n  b\u001b[31mc\u0007 ')).toBe('a b?[31mc?');
});
