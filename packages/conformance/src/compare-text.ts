/** Compares a recorded text of /proc with a printed one, line by line. */
import type { ProcRow } from '@kmem/contracts';
import { quoteError, quoteValue } from './compare-values.js';
import type { Conformance, Difference } from './conformance-result.js';

/**
 * Compares line by line, line ends included. Lines that follow from inputs alone count as stated when they are equal.
 *
 * @param name - name of the text.
 * @param kind - what the result calls it.
 * @param expected - the recorded text.
 * @param print - prints the rows; their texts end as lines do. What it throws is a difference.
 * @param state - what they are printed from, for people.
 * @returns the result.
 */
export function compareText(name: string, kind: string, expected: string, print: () => readonly ProcRow[], state: string): Conformance {
  const want = withLineEnds(expected);
  const result = { name, kind, unsupported: null };
  let got: readonly ProcRow[];
  try {
    got = print();
  } catch (error) {
    const difference: Difference = { operation: 0, line: 1, what: 'printing', expected: 'no error', got: quoteError(error), state };
    return { ...result, exact: 0, total: Math.max(want.length, 1), stated: [], difference };
  }
  const stated = got.flatMap((line, i) => (line.stated !== null && line.text === want[i] ? [line.stated] : []));
  const total = Math.max(want.length, got.length) - stated.length;
  let exact = 0;
  for (let i = 0; i < Math.max(want.length, got.length); i++) {
    const line = got.at(i);
    if (line?.text !== want[i]) {
      const found = { what: `line ${i + 1}`, expected: quoteValue(want[i]), got: quoteValue(line?.text) };
      return { ...result, exact, total, stated, difference: { operation: 0, line: i + 1, ...found, state } };
    }
    if (line?.stated === null) exact++;
  }
  return { ...result, exact, total, stated, difference: null };
}

/**
 * Cuts a text into lines.
 *
 * @param text - the text.
 * @returns the lines with their ends; the last one has none when the text ends without.
 */
export function withLineEnds(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
