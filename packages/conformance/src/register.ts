/** How a suite hands its tests to a runner, and how a test says what went wrong. */
import { isKernelBug } from '@kmem/contracts';
import type { KernelBugCode } from '@kmem/contracts';

/**
 * Takes one test: vitest's `test`, node's `test`, or a page's own loop.
 *
 * @param name - the rule the test checks, in plain words.
 * @param body - runs the test; throws when the rule is broken.
 */
export type Register = (name: string, body: () => void) => void;

/**
 * Fails the running test unless a condition holds.
 *
 * @param condition - what must be true.
 * @param text - what was found instead.
 */
export function check(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Error(text);
}

/**
 * Fails the running test unless two numbers are the same.
 *
 * @param got - the number that was found.
 * @param expected - the number that should be there.
 * @param what - what is counted.
 */
export function checkEqual(got: number, expected: number, what: string): void {
  check(got === expected, `${what}: got ${got}, expected ${expected}`);
}

/**
 * Fails the running test unless a call reports misuse with one of the given codes.
 *
 * @param codes - the codes that are right for this misuse.
 * @param call - makes the mistake.
 */
export function checkBug(codes: readonly KernelBugCode[], call: () => unknown): void {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    if (!isKernelBug(error)) throw error;
    check(codes.includes(error.code), `reported ${error.code} (${error.message}), expected ${codes.join(' or ')}`);
    return;
  }
  throw new Error(`no report, the call returned ${String(result)}; expected ${codes.join(' or ')}`);
}
