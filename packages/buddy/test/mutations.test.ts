/**
 * Proof that the replay compares everything: whatever output of a recording is changed, it is found.
 *
 * Without this an exact replay would prove little; a replayer that looks at nothing also finds no difference.
 */
import { conform, isRecordingError, mutateBuddyRecording, mutateText } from '@kmem/conformance';
import type { Implementations, Mutation, PageAllocatorUnderTest, RecordingInput } from '@kmem/conformance';
import { describe, expect, test } from 'vitest';
import { implementations, readRecording } from './recorded.js';

/** Hundreds of replays. */
const TIMEOUT_MS = 240_000;

/** Line at which a recording is found to be wrong or different; null when it passes as exact. */
function findingLine(input: RecordingInput, using: Implementations): number | null {
  try {
    const found = conform(input, using).find((result) => result.difference !== null);
    return found?.difference?.line ?? null;
  } catch (error) {
    if (isRecordingError(error)) return error.line;
    throw error;
  }
}

/** A changed output is found where it stands; of a changed input and a missing line the consequences are found. */
function isFound(mutation: Mutation, line: number | null): boolean {
  if (line === null) return false;
  return mutation.input || mutation.kind.endsWith('dropped') ? line >= mutation.line : line === mutation.line;
}

describe('every changed output of a page allocator recording is found', () => {
  // The first has every operation, every event and nearly every field of a dump, the second what is missing.
  const files = ['buddy/m160-bulk-exact-split-seed2.jsonl.gz', 'buddy/i386-m1200-mixed-seed1.jsonl.gz'];
  const kinds = new Set<string>();

  test.each(files)('%s', { timeout: TIMEOUT_MS }, (name) => {
    const { text } = readRecording(name);
    const missed: string[] = [];
    for (const mutation of mutateBuddyRecording(text, 1)) {
      if (kinds.has(mutation.kind)) continue;
      kinds.add(mutation.kind);
      const line = findingLine({ name, text: mutation.text }, implementations);
      if (!isFound(mutation, line)) missed.push(`${mutation.kind} in line ${mutation.line}: found in ${line ?? 'none'}`);
    }
    expect(missed).toEqual([]);
  });

  test('the changes are of every kind', () => {
    for (const call of ['alloc_pages', 'alloc_pages_exact', '__free_pages', 'free_pages_exact', 'split_page']) {
      expect(kinds).toContain(`${call} pfn altered`);
    }
    for (const part of ['got altered', 'pfns altered', 'pfns element dropped', 'pfns elements swapped']) {
      expect(kinds).toContain(`alloc_pages_bulk_array ${part}`);
    }
    for (const event of ['_free', '_alloc', '_alloc_zone_locked', '_pcpu_drain', '_alloc_extfrag']) {
      for (const change of ['dropped', 'repeated', 'pfn altered']) expect(kinds).toContain(`mm_page${event} ${change}`);
    }
    for (const field of ['alloc_order', 'fallback_order', 'alloc_migratetype', 'fallback_migratetype', 'change_ownership']) {
      expect(kinds).toContain(`mm_page_alloc_extfrag ${field} altered`);
    }
    expect(kinds).toContain('events swapped');
    expect(kinds).toContain('check point dropped');
    expect(kinds).toContain('check point nr_free altered');
    for (const dump of ['t1', 't2']) {
      expect(kinds).toContain(`dump ${dump} dropped`);
      expect(kinds).toContain(`dump ${dump} zones nr_free_pages altered`);
      expect(kinds).toContain(`dump ${dump} zones free * * elements swapped`);
      expect(kinds).toContain(`dump ${dump} zones pcp lists * pfns elements swapped`);
      expect(kinds).toContain(`dump ${dump} zones pageblocks types altered`);
    }
    expect(kinds).toContain('dump t2 zones pcp lists * migratetypes altered');
  });
});

describe('every change of a text from /proc is found', () => {
  const name = 'proc/m256-2/lists.jsonl.gz';

  test.each(['buddyinfo', 'pagetypeinfo'])('%s', { timeout: TIMEOUT_MS }, (file) => {
    const { text, companion } = readRecording(name);
    const original = companion?.(file) ?? '';
    // Only the text changes, so the lists are loaded once.
    let pages: PageAllocatorUnderTest | null = null;
    const using: Implementations = { loadPages: (machine) => (pages ??= implementations.loadPages(machine)) };
    const missed: string[] = [];
    let count = 0;
    for (const mutation of mutateText(original, 6)) {
      const beside = (other: string): string | undefined => (other === file ? mutation.text : undefined);
      const line = findingLine({ name, text, companion: beside }, using);
      if (!isFound(mutation, line)) missed.push(`${mutation.kind} in line ${mutation.line}: found in ${line ?? 'none'}`);
      count++;
    }
    expect(missed).toEqual([]);
    expect(count).toBeGreaterThan(20);
  });

  // The smallest machine with HighMem, and one with every zone of x86_64 populated.
  const snapshots = ['proc/i386-m1200-1/lists.jsonl.gz', 'proc/m3600-1/lists.jsonl.gz'];
  const cases = snapshots.flatMap((lists) => (['zoneinfo', 'vmstat', 'meminfo'] as const).map((file) => ({ lists, file })));

  test.each(cases)('$file of $lists: each row that the state decides', { timeout: TIMEOUT_MS }, ({ lists, file }) => {
    const { text, companion } = readRecording(lists);
    const original = companion?.(file) ?? '';
    let pages: PageAllocatorUnderTest | null = null;
    const using: Implementations = { ...implementations, loadPages: (machine) => (pages ??= implementations.loadPages(machine)) };
    const conformed = (changed: string) =>
      conform({ name: lists, text, companion: (other) => (other === file ? changed : other === 'vmstat' ? companion?.('vmstat') : undefined) }, using).find(
        ({ kind }) => kind === `proc ${file}`,
      );
    const rows = original.split('\n').slice(0, -1);
    const missed: string[] = [];
    let altered = 0;
    const stated = new Set(conformed(original)?.stated);
    rows.forEach((row, index) => {
      // The last number of a row is its value.
      const changed = row.replace(/\d+(?=\D*$)/, (digits) => String(Number(digits) + 1));
      if (changed === row) return;
      const result = conformed([...rows.slice(0, index), changed, ...rows.slice(index + 1), ''].join('\n'));
      // An altered input is printed again, in its own row and in rows that follow from it.
      if (stated.has(/[\w()]+/.exec(row)?.[0] ?? '')) return;
      altered++;
      if (result?.difference?.line !== index + 1) missed.push(`${row}: found in line ${String(result?.difference?.line)}`);
    });
    expect(missed).toEqual([]);
    expect(altered).toBeGreaterThan(1);
    // Spaces, names and whole rows are compared in stated rows too.
    for (const changed of [original.replace(/ (?=\d+( kB)?\n)/, ''), original.replace(/^.*\n/, ''), `${original}\n`, original.replace(/nr_zone_|Inactive/, 'other')]) {
      expect(conformed(changed)?.difference).not.toBeNull();
    }
  });
});
