import { expect, test } from 'vitest';
import { formatCpuList, formatCpuMask, parseCpuList, parseCpuMask } from './cpu-masks.js';

test('masks have a digit for every four CPUs, in groups of eight', () => {
  expect(formatCpuMask(3, 2)).toBe('3');
  expect(formatCpuMask(1, 12)).toBe('001');
  expect(formatCpuMask(2 ** 35 + 255, 36)).toBe('8,000000ff');
  expect(formatCpuMask(-1, 4)).toBe('f');
});

test('lists join neighbours', () => {
  expect(formatCpuList(0b1011, 4)).toBe('0-1,3');
  expect(formatCpuList(0, 4)).toBe('');
});

test('what is printed is read again; CPUs that cannot be there overflow', () => {
  expect([parseCpuMask('8,000000ff', 36), parseCpuList('0-1,3', 4)]).toEqual([2 ** 35 + 255, 0b1011]);
  expect([parseCpuMask('10', 4), parseCpuList('4', 4)]).toEqual([-75, -75]);
  expect(['', 'x', '1,,2'].map((text) => parseCpuMask(text, 4))).toEqual([-22, -22, -22]);
  expect(['', '1-', '3-1'].map((text) => parseCpuList(text, 4))).toEqual([-22, -22, -22]);
});
