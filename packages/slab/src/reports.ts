/** Reports: how they reach their receiver, and those about an address. */
import { KernelBug } from '@kmem/contracts';
import type { KernelBugFields, PhysAddr, ReportSink } from '@kmem/contracts';

/**
 * Hands a report to the sink, or throws it where there is none. Without a sink a warning is dropped.
 *
 * @param machine - who has the sink.
 * @param bug - the report.
 */
export function report(machine: { readonly reports: ReportSink | null }, bug: KernelBug): void {
  if (machine.reports !== null) machine.reports.report(bug);
  else if (bug.severity === 'bug') throw bug;
}

/**
 * Makes the report of a call about an address.
 *
 * @param code - the rule that was broken.
 * @param cache - name of the cache that was called.
 * @param addr - the address.
 * @param what - what is wrong with it, in words.
 * @param fields - the numbers behind the words.
 * @returns the report.
 */
export function badAddress(
  code: 'BAD_OBJECT' | 'WRONG_CACHE' | 'DOUBLE_FREE',
  cache: string,
  addr: PhysAddr,
  what: string,
  fields: KernelBugFields = {},
): KernelBug {
  return new KernelBug(code, `cache ${cache}, address ${hex(addr)}: ${what}`, { cache, addr, ...fields });
}

/**
 * Writes an address.
 *
 * @param addr - any number.
 * @returns hexadecimal where it is an address.
 */
export function hex(addr: PhysAddr): string {
  return Number.isSafeInteger(addr) && addr >= 0 ? `0x${addr.toString(16)}` : String(addr);
}

/**
 * Reports a number of objects that an array does not hold.
 *
 * @param machine - who has the sink.
 * @param count - what was passed.
 * @param objects - the array.
 * @returns true when the number is an integer from 0 to the length of the array.
 */
export function isCount(machine: { readonly reports: ReportSink | null }, count: number, objects: Float64Array): boolean {
  if (Number.isInteger(count) && count >= 0 && count <= objects.length) return true;
  const what = `count is ${String(count)}, expected an integer from 0 to ${String(objects.length)}, the length of the array`;
  report(machine, new KernelBug('BAD_SIZE', what, { argument: 'count', found: count, expected: objects.length }));
  return false;
}
