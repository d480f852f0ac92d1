/** Which call fits a request, asked of a machine just booted. */
import { expect, test } from 'vitest';
import { kmem, lines } from './kmem.js';

interface Row {
  readonly method: string;
  readonly fits: boolean;
  readonly takesBytes: number;
  readonly wasteBytes: number;
  readonly contiguous: boolean;
  readonly pieces: number;
  readonly extraBytes: number;
  readonly why: string;
}

function explain(...args: string[]): { readonly methods: Row[]; readonly advice: string; readonly flags: string } {
  const { code, out, err } = kmem(['explain-alloc', '--json', ...args]);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as { methods: Row[]; advice: string; flags: string };
}

/** What each call takes; null where it fails. */
const taken = (...args: string[]): (number | null)[] => explain(...args).methods.map(({ fits, takesBytes }) => (fits ? takesBytes : null));

test('each call takes what the kernel takes: powers of two, classes, pages, blocks of 2 MiB', () => {
  expect(explain('100').methods.map(({ method }) => method)).toEqual(['alloc_pages', 'kmalloc', 'vmalloc', 'kvmalloc']);
  expect(taken('100')).toEqual([4096, 128, 4096, 128]);
  expect(taken('5000')).toEqual([8192, 8192, 8192, 8192]);
  expect(taken('20000')).toEqual([32768, 32768, 20480, 32768]);
  expect(taken('4194304')).toEqual([4194304, 4194304, 4194304, 4194304]);
  expect(taken('4194305')).toEqual([null, null, 4198400, 6291456]);
  expect(taken('999999999999')).toEqual([null, null, null, null]);
});

test('waste is what is taken and not asked for; only blocks are contiguous for certain', () => {
  const { methods } = explain('20000');
  expect(methods.map(({ takesBytes, wasteBytes }) => takesBytes - wasteBytes)).toEqual([20000, 20000, 20000, 20000]);
  expect(methods.map(({ contiguous }) => contiguous)).toEqual([true, true, false, true]);
  const [, , vmalloc] = explain('3000000').methods;
  expect(vmalloc.pieces).toBeGreaterThanOrEqual(1);
  // The list of 733 pages takes two pages, and two tables are needed.
  expect(vmalloc.extraBytes).toBeGreaterThanOrEqual(3 * 4096);
});

test('flags that forbid sleeping leave kmalloc; too much for it is had by nobody', () => {
  const { advice, flags, methods } = explain('20000', '--flags', 'GFP_ATOMIC');
  expect([flags, methods.map(({ fits }) => fits)]).toEqual(['GFP_ATOMIC', [true, true, false, true]]);
  expect(methods[2].why).toContain('may sleep');
  expect(advice).toMatch(/^kmalloc: /);
  expect(explain('5000000', '--flags', 'GFP_ATOMIC').methods.map(({ fits }) => fits)).toEqual([false, false, false, false]);
  expect(explain('100', '--flags', 'GFP_KERNEL|__GFP_ZERO').flags).toBe('GFP_KERNEL|__GFP_ZERO');
});

test('advice goes by size: an object, a block or pages, pages alone', () => {
  expect(explain('100').advice).toMatch(/^kmalloc: small/);
  expect(explain('300000').advice).toMatch(/^kvmalloc, if it need not be contiguous/);
  expect(explain('5000000').advice).toMatch(/^kvmalloc or vmalloc: too large/);
  expect(explain('0').advice).toBe('Nothing to take.');
});

test('as text it is a table with a reason in each row, the same each time', () => {
  const { code, out, err } = kmem(['explain-alloc', '5000000', '--profile', 'i386-1200m']);
  expect([code, err]).toEqual([0, '']);
  expect(lines(out)[0]).toBe('5000000 bytes with GFP_KERNEL, asked of i386-1200m just booted');
  expect(out).toMatch(/alloc_pages +- .* fails: order 11: the largest is 10, 1024 pages\n/);
  expect(out).toMatch(/vmalloc +5001216 +1216 \(0 %\) .*1221 pages one by one, and a guard page of addresses\n/);
  expect(kmem(['explain-alloc', '5000000', '--profile', 'i386-1200m']).out).toBe(out);
});

test.each([
  [['explain-alloc'], "missing required argument 'size'"],
  [['explain-alloc', '12x'], 'Expected a number of bytes'],
  [['explain-alloc', '1', '--flags', 'GFP_X'], '--flags: found "GFP_X", expected names'],
  [['explain-alloc', '1', '--profile', 'raspberry-pi'], 'Allowed choices are pc-160m'],
])('%j is bad input', (args, message) => {
  const { code, out, err } = kmem(args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(message);
  expect(lines(err)).toHaveLength(1);
});
