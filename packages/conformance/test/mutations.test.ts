import { expect, test } from 'vitest';
import { conform, isRecordingError, mutateBuddyRecording, mutateText } from '../src/index.js';
import { IMPLEMENTATIONS, recording } from './tiny.js';

/** Line in which a changed recording differs or is refused; null when it passes. */
function findingLine(text: string): number | null {
  try {
    return conform({ name: 'tiny', text }, IMPLEMENTATIONS)[0].difference?.line ?? null;
  } catch (error) {
    if (isRecordingError(error)) return error.line;
    throw error;
  }
}

test('every change of an output of the tiny recording is found in its line', () => {
  const text = recording();
  const lines = text.split('\n');
  const kinds = new Set<string>();
  let count = 0;
  for (const mutation of mutateBuddyRecording(text, 1000)) {
    kinds.add(mutation.kind);
    count++;
    // It is a change, and the only one.
    const changed = mutation.text.split('\n');
    expect(changed.slice(0, mutation.line - 1)).toEqual(lines.slice(0, mutation.line - 1));
    expect(changed[mutation.line - 1]).not.toBe(lines[mutation.line - 1]);
    const found = findingLine(mutation.text);
    if (mutation.input || mutation.kind.endsWith('dropped')) expect(found).toBeGreaterThanOrEqual(mutation.line);
    else expect(found, mutation.kind).toBe(mutation.line);
  }
  expect(count).toBeGreaterThan(200);
  for (const kind of [
    ...['alloc_pages pfn altered', 'alloc_pages_bulk_array pfns elements swapped', '__free_pages pfn altered'],
    ...['mm_page_alloc gfp altered', 'mm_page_free dropped', 'events swapped', 'check point nr_free altered'],
    ...['dump t2 zones free * * elements swapped', 'dump t1 zones pageblocks types altered', 'dump t2 dropped'],
  ]) {
    expect(kinds).toContain(kind);
  }
  // What the replay starts from is no output.
  expect([...kinds].filter((kind) => kind.includes('t0'))).toEqual([]);
});

test('samples are spread over the file and the same each time', () => {
  const once = [...mutateBuddyRecording(recording(), 1)];
  expect(once).toEqual([...mutateBuddyRecording(recording(), 1)]);
  expect(once.map(({ kind }) => kind)).toEqual([...new Set(once.map(({ kind }) => kind))]);
  // Four check points: the middle ones are taken.
  const lines = [...mutateBuddyRecording(recording(), 2)].filter(({ kind }) => kind === 'check point flags altered');
  expect(lines.map(({ line }) => line)).toEqual([9, 17]);
});

test('texts are changed in every way', () => {
  const changed = Array.from(mutateText('Node 0, zone\n\n 12\n', 100), ({ kind, line, text }) => [kind, line, text]);
  expect(changed).toEqual([
    ['number altered', 1, 'Node 1, zone\n\n 12\n'],
    ['number altered', 3, 'Node 0, zone\n\n 13\n'],
    ['word altered', 1, 'Nodes 0, zone\n\n 12\n'],
    ['word altered', 1, 'Node 0, zones\n\n 12\n'],
    ['space dropped', 1, 'Node0, zone\n\n 12\n'],
    ['space dropped', 1, 'Node 0,zone\n\n 12\n'],
    ['space dropped', 3, 'Node 0, zone\n\n12\n'],
    ['space repeated', 1, 'Node  0, zone\n\n 12\n'],
    ['space repeated', 1, 'Node 0,  zone\n\n 12\n'],
    ['space repeated', 3, 'Node 0, zone\n\n  12\n'],
    ['line dropped', 1, '\n 12\n'],
    ['line dropped', 2, 'Node 0, zone\n 12\n'],
    ['line dropped', 3, 'Node 0, zone\n\n'],
    ['line repeated', 2, 'Node 0, zone\nNode 0, zone\n\n 12\n'],
    ['line repeated', 3, 'Node 0, zone\n\n\n 12\n'],
    ['line repeated', 4, 'Node 0, zone\n\n 12\n 12\n'],
  ]);
});
