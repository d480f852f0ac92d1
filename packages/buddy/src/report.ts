/** Reports: how misuse reaches the caller or the lab. */
import { KernelBug, type KernelBugCode, type KernelBugFields, type KernelBugSeverity } from '@kmem/contracts';
import type { BuddyState } from './state.js';

/**
 * Hands a report to the sink, or throws it where there is none. Without a sink a warning is dropped.
 *
 * @param s - the state.
 * @param bug - the report.
 */
export function report(s: BuddyState, bug: KernelBug): void {
  if (s.reports !== null) s.reports.report(bug);
  else if (bug.severity === 'bug') throw bug;
}

/**
 * Makes the report of an argument out of range.
 *
 * @param code - the rule that was broken.
 * @param name - name of the argument.
 * @param found - its value.
 * @param expected - what it should be, in words.
 * @param severity - `bug` unless the kernel only warns.
 * @returns the report.
 */
export function badArgument(
  code: KernelBugCode,
  name: string,
  found: number | string,
  expected: string,
  severity: KernelBugSeverity = 'bug',
): KernelBug {
  return new KernelBug(code, `${name} is ${String(found)}, expected ${expected}`, { argument: name, found, expected }, severity);
}

/**
 * Makes the report of a frame in the wrong state.
 *
 * @param code - the rule that was broken.
 * @param pfn - the frame.
 * @param what - what is wrong with it, in words.
 * @param fields - the numbers behind the words.
 * @returns the report.
 */
export function badFrame(code: KernelBugCode, pfn: number, what: string, fields: KernelBugFields = {}): KernelBug {
  return new KernelBug(code, `pfn ${String(pfn)}: ${what}`, { pfn, ...fields });
}
