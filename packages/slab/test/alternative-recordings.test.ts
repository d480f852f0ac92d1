/** The same operations on the three object allocators of a real kernel, replayed through ours. */
import { conform, isRecordingError, mutateAlternativeRecording } from '@kmem/conformance';
import type { Conformance, Implementations } from '@kmem/conformance';
import { describe, expect, test } from 'vitest';
import { ALTERNATIVES } from './alternatives.js';
import { readText } from './recordings.js';

/** Dozens of replays on a busy machine. */
const TIMEOUT_MS = 120_000;

const implementations: Implementations = {
  alternatives: ALTERNATIVES,
  loadPages: () => {
    throw new Error('no page allocator is recorded here');
  },
};

function replay(text: string): Conformance {
  return conform({ name: 'alternative.jsonl', text }, implementations)[0];
}

describe('recordings of a real kernel are replayed exactly', () => {
  test.each([
    ['slob-seed1.jsonl.gz', 'slob', 50_267, 0],
    ['slab-seed1.jsonl.gz', 'slab', 49_907, 1652],
  ])('%s', { timeout: TIMEOUT_MS }, (file, kind, total, stated) => {
    const result = replay(readText(`alternative/${file}`));
    expect(result).toMatchObject({ kind, difference: null, exact: total, total });
    expect(result.stated).toHaveLength(stated);
  });
});

/** Of a recording, the first line, some caches, and the table at the end. */
function partOf(text: string, caches: readonly string[]): string {
  const [meta, ...lines] = text.trimEnd().split('\n');
  let isWanted = false;
  const kept = lines.filter((line) => {
    const name = /^\{"cache":"([^"]*)"/.exec(line)?.[1];
    if (name !== undefined) isWanted = caches.includes(name);
    return isWanted || line.startsWith('{"geom"');
  });
  return [meta, ...kept, ''].join('\n');
}

/** Line at which a recording is found to be wrong or different; null when it passes as exact. */
function findingLine(text: string): number | null {
  try {
    return replay(text).difference?.line ?? null;
  } catch (error) {
    if (isRecordingError(error)) return error.line;
    throw error;
  }
}

describe('every changed output is found', () => {
  test.each([
    ['slab-seed1.jsonl.gz', ['p700'], ['a page altered', 'f dropped', 'state cpu entries element dropped', 'state partial altered', 'cache colour altered', 'geom dropped']],
    ['slob-seed1.jsonl.gz', ['p700', 'kmalloc-mix'], ['a page altered', 'k offset altered', '- dropped', 'state small altered', 'state dropped']],
  ])('%s', { timeout: TIMEOUT_MS }, (file, caches, expected) => {
    const text = partOf(readText(`alternative/${file}`), caches);
    expect(findingLine(text)).toBeNull();
    const kinds = new Set<string>();
    const missed: string[] = [];
    for (const mutation of mutateAlternativeRecording(text, 1)) {
      kinds.add(mutation.kind);
      const line = findingLine(mutation.text);
      // What is missing is missed at the latest where something depends on it, and a second state may be the last one until an operation follows.
      const slack = mutation.kind.endsWith('dropped') ? Infinity : Number(mutation.kind === 'state repeated');
      const isFound = line !== null && line >= mutation.line && line <= mutation.line + slack;
      if (!isFound) missed.push(`${mutation.kind} in line ${String(mutation.line)}: found in ${String(line)}`);
    }
    expect(missed).toEqual([]);
    for (const kind of expected) expect(kinds).toContain(kind);
  });
});

test('of the mix of kmalloc requests on SLAB those are compared that what was given back before decides', { timeout: TIMEOUT_MS }, () => {
  const text = partOf(readText('alternative/slab-seed1.jsonl.gz'), ['kmalloc-mix']);
  const { difference, exact, stated, total } = replay(text);
  // 1024 rows of the table are beside it.
  expect({ difference, exact, total }).toEqual({ difference: null, exact: 918 + 1024, total: 918 + 1024 });
  expect(new Set(stated.map((line) => line.replace(/^line \d+: /, '')))).toEqual(new Set([
    'took from the array of a cache whose state was not recorded',
    'whether a slab went back depends on caches whose state was not recorded',
  ]));
  const undecided = new Set(stated.map((line) => Number(/\d+/.exec(line)?.[0])));
  const lines = text.split('\n');
  const decided = lines.flatMap((line, i) => (line.startsWith('["k"') && !undecided.has(i + 1) ? [i] : []));
  for (const i of [decided[0], decided[400], decided[917]]) {
    const values = JSON.parse(lines[i]) as (string | number)[];
    for (const at of [3, 4]) {
      const changed = JSON.stringify(values.with(at, Number(values[at]) + 1));
      expect(findingLine(lines.with(i, changed).join('\n'))).toBe(i + 1);
    }
    expect(findingLine(lines.toSpliced(i + 1, 0, '["+",900,0]').join('\n'))).toBe(i + 1);
  }
});
