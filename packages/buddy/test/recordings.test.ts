import { conform, readBuddyRecording, SNAPSHOT_TEXTS } from '@kmem/conformance';
import { describe, expect, test } from 'vitest';
import { buddyRecordings, implementations, procSnapshots, readRecording } from './recorded.js';

/** Replays of gigabytes take a second or two here, and longer on a busy machine. */
const TIMEOUT_MS = 60_000;

describe('recordings of a real kernel are replayed exactly', () => {
  test.each(buddyRecordings)('%s', { timeout: TIMEOUT_MS }, (name) => {
    const input = readRecording(name);
    const { total } = readBuddyRecording(input);
    expect(conform(input, implementations)).toEqual([
      { name, kind: 'buddy', exact: total, total, stated: [], difference: null, unsupported: null },
    ]);
    expect(total).toBeGreaterThan(3000);
  });
});

describe('texts of /proc are printed from the lists to the byte', () => {
  test.each(procSnapshots)('%s', { timeout: TIMEOUT_MS }, (name) => {
    const input = readRecording(name);
    const results = conform(input, implementations);
    const compared = results.filter((result) => result.unsupported === null);
    const printed = ['buddyinfo', 'pagetypeinfo', 'meminfo', 'vmstat', 'zoneinfo'];
    expect(compared.map(({ kind, exact, total, difference }) => ({ kind, difference, missing: total - exact }))).toEqual(
      ['lists', ...printed].map((kind) => ({ kind: `proc ${kind}`, difference: null, missing: 0 })),
    );
    // Each line of a text is one that the state decides, or one that follows from recorded values alone.
    expect(compared.map(({ total, stated }) => total + stated.length)).toEqual([
      1,
      ...printed.map((file) => (input.companion?.(file)?.split('\n').length ?? 0) - 1),
    ]);
    expect(compared.filter(({ stated }) => stated.length > 0).map(({ kind }) => kind)).toEqual(['meminfo', 'vmstat', 'zoneinfo'].map((file) => `proc ${file}`));
    // The other texts wait for those who print them; none of them passes for compared.
    expect(results.length).toBe(1 + SNAPSHOT_TEXTS.length);
    expect(results.filter(({ unsupported }) => unsupported !== null).every(({ exact, total }) => exact === 0 && total === 0)).toBe(true);
  });
});

test('there is a recording of every machine and scenario', () => {
  const scenarios = buddyRecordings.map((name) => /buddy\/(.*)-seed\d+\.jsonl\.gz$/.exec(name)?.[1]);
  expect(scenarios).toEqual([
    ...['bulk-exact-split', 'mixed', 'zones'].map((scenario) => `i386-m1200-${scenario}`),
    ...['atomic-reserve', 'bulk-exact-split', 'exhaust', 'fallback', 'fragment', 'huge-order'].map((s) => `m160-${s}`),
    ...['mixed-again', 'mixed', 'order0', 'uniform'].map((scenario) => `m160-${scenario}`),
    ...['bulk-exact-split', 'huge-order', 'mixed', 'uniform', 'zones'].map((scenario) => `m3600-${scenario}`),
  ]);
  expect(procSnapshots.length).toBe(4);
});
