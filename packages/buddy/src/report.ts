/** Reports: how misuse reaches the caller or the lab. */
import { KernelBug, type KernelBugCode, type KernelBugFields, type KernelBugSeverity } from '@kmem/contracts';
import type { BuddyState } from './state.js';

/** Warned of an order beyond the largest block. */
export const WARNED_ORDER = 1;
/** Warned of `__GFP_NOFAIL` with an order above 1. */
export const WARNED_NOFAIL = 2;
/** Warned of a `__GFP_NOFAIL` request that got nothing and is costly, or of a task that frees memory itself. */
export const WARNED_HOPELESS_NOFAIL = 4;

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
 * Hands a warning to the sink the first time it comes up.
 *
 * @param s - the state.
 * @param warning - which one, a `WARNED_*` bit.
 * @param bug - the report.
 */
export function warnOnce(s: BuddyState, warning: number, bug: KernelBug): void {
  if ((s.warned & warning) !== 0) return;
  s.warned |= warning;
  report(s, bug);
}

/**
 * Takes every step of a task, also after one of them was reported by throwing: with and without a sink the same is done.
 *
 * @param steps - how many.
 * @param step - takes step `i`, from 0.
 * @throws whatever the first failing step threw, after the last step.
 */
export function runAll(steps: number, step: (i: number) => void): void {
  const errors: unknown[] = [];
  for (let i = 0; i < steps; i++) {
    try {
      step(i);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
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
