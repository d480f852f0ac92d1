import { expect, test } from 'vitest';
import { isKernelBug, KERNEL_BUG_CODES, KernelBug } from './kernel-bug.js';

test('a report has its code, its fields and a text that names both severity and code', () => {
  const bug = new KernelBug('DOUBLE_FREE', 'pfn 7: the page is free already', { pfn: 7 });
  expect(bug).toMatchObject({ name: 'KernelBug', code: 'DOUBLE_FREE', severity: 'bug', fields: { pfn: 7 } });
  expect(bug.message).toBe('BUG: DOUBLE_FREE: pfn 7: the page is free already');
  expect(bug).toBeInstanceOf(Error);
});

test('a warning says so', () => {
  expect(new KernelBug('BAD_GFP', 'odd flags', {}, 'warn')).toMatchObject({ severity: 'warn', message: 'WARNING: BAD_GFP: odd flags' });
});

test('a report made by another copy of the package is recognized', () => {
  const foreign = Object.assign(new Error('BUG: BAD_FREE: ...'), { [Symbol.for('kmem.KernelBug')]: true });
  expect(isKernelBug(foreign)).toBe(true);
  expect(isKernelBug(new KernelBug('BAD_FREE', '...'))).toBe(true);
});

test.each([[new Error('BUG: BAD_FREE: ...')], [{ code: 'BAD_FREE' }], ['BUG'], [null], [undefined], [7]])('%s is no report', (value) => {
  expect(isKernelBug(value)).toBe(false);
});

test('codes are a fixed table, each with its rule', () => {
  expect(Object.isFrozen(KERNEL_BUG_CODES)).toBe(true);
  for (const [code, rule] of Object.entries(KERNEL_BUG_CODES)) {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(rule.length).toBeGreaterThan(10);
  }
});
