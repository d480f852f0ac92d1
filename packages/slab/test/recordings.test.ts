import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BuddyAllocator } from '@kmem/buddy';
import { conform, isRecordingError, mutateSlubRecording } from '@kmem/conformance';
import type { Implementations, Mutation, RecordingInput } from '@kmem/conformance';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { readText } from './recordings.js';
import { slub } from '../src/index.js';

/** Hundreds of replays on a busy machine. */
const TIMEOUT_MS = 120_000;

const folder = fileURLToPath(new URL('../../../tooling/recordings/memory/slub/', import.meta.url));
const files = ['seed1', 'seed2', 'cpu3-seed1'].flatMap((part) => readdirSync(`${folder}${part}`).map((file) => `slub/${part}/${file}`));

const implementations: Implementations = {
  loadPages: () => {
    throw new Error('no page allocator is recorded here');
  },
  makeSlabs: ({ cpus, merge, nrFrames, observe }) => {
    const frames = createFrameTable({ nrFrames });
    return slub({ frames, cpus, merge, pages: observe(new BuddyAllocator({ frames, cpus })) });
  },
};

describe('recordings of a real kernel are replayed exactly', () => {
  test.each(files)('%s', { timeout: TIMEOUT_MS }, (name) => {
    const [{ difference, exact, kind, total }] = conform({ name, text: readText(name) }, implementations);
    expect({ difference, kind, missing: total - exact }).toEqual({ difference: null, kind: 'slub', missing: 0 });
    expect(total).toBeGreaterThan(700);
  });

  test('every kind of cache is there', () => {
    const caches = files.map((file) => /([^/]*)\.jsonl\.gz$/.exec(file)?.[1]);
    expect(new Set(caches).size).toBe(42);
  });
});

/** Line at which a recording is found to be wrong or different; null when it passes as exact. */
function findingLine(input: RecordingInput): number | null {
  try {
    return conform(input, implementations)[0].difference?.line ?? null;
  } catch (error) {
    if (isRecordingError(error)) return error.line;
    throw error;
  }
}

/** A changed output is found where it stands, a missing line where it is missed. */
function isFound(mutation: Mutation, line: number | null): boolean {
  if (line === null) return false;
  return mutation.kind.endsWith('dropped') ? line >= mutation.line : line === mutation.line;
}

const TABLES: readonly (readonly [file: string, kind: string, rows: number])[] = [
  ['geometry.jsonl.gz', 'geometry', 3071],
  ['geometry-large.jsonl', 'geom2', 39],
  ['boot-caches-nomerge.jsonl', 'boot', 116],
  ['boot-caches-merge.jsonl', 'boot', 99],
  ['merge.jsonl', 'merge', 42],
];

/** Reads a table; the caches of the booted kernel lie beside it. */
function readTable(file: string): RecordingInput {
  return { name: file, text: readText(`slub/${file}`), companion: (other) => readText(`slub/${other}`) };
}

describe('caches are what a real kernel made of the same requests', () => {
  test.each(TABLES)('%s', (file, kind, total) => {
    expect(conform(readTable(file), implementations)).toMatchObject([{ kind, exact: total, total, difference: null, unsupported: null }]);
  });

  test.each(TABLES)('whatever output is changed in %s is found', (file) => {
    const input = readTable(file);
    const lines = input.text.trimEnd().split('\n');
    const missed: string[] = [];
    let count = 0;
    for (let row = 1; row < lines.length; row += Math.ceil(lines.length / 7)) {
      for (const [changed, what] of changedNumbers(lines[row])) {
        const text = lines.map((line, i) => `${i === row ? changed : line}\n`).join('');
        if (findingLine({ ...input, text }) === null) missed.push(`line ${String(row + 1)}: ${what}`);
        count++;
      }
    }
    expect(missed).toEqual([]);
    expect(count).toBeGreaterThan(30);
  });
});

/** Members that are inputs and have no output of their own. */
const INPUTS = ['cache', 'create', 'req_size', 'req_align', 'req_flags', 'ctor', 'object_size', 'align', 'flags', 'refcount', 'usersize'];

/** A line with one output one higher, for each of them. */
function* changedNumbers(line: string): Generator<[changed: string, what: string]> {
  const row = JSON.parse(line) as number[] | Record<string, unknown>;
  if (Array.isArray(row)) {
    for (let i = 2; i < row.length; i++) yield [JSON.stringify(row.with(i, row[i] + 1)), `column ${String(i)}`];
    return;
  }
  for (const [name, value] of Object.entries(row)) {
    if (INPUTS.includes(name)) continue;
    yield [JSON.stringify({ ...row, [name]: typeof value === 'number' ? value + 1 : 'changed' }), name];
  }
}

describe('every changed output is found', () => {
  test.each(['slub/seed1/o3000.jsonl.gz', 'slub/seed2/o96dbgctor.jsonl.gz', 'slub/cpu3-seed1/o200dbghw.jsonl.gz', 'slub/seed1/o64rcu.jsonl.gz'])(
    '%s',
    { timeout: TIMEOUT_MS },
    (name) => {
      const kinds = new Set<string>();
      const missed: string[] = [];
      for (const mutation of mutateSlubRecording(readText(name), 2)) {
        kinds.add(mutation.kind);
        const line = findingLine({ name, text: mutation.text });
        if (!isFound(mutation, line)) missed.push(`${mutation.kind} in line ${String(mutation.line)}: found in ${String(line)}`);
      }
      expect(missed).toEqual([]);
      for (const call of ['a', 'f', 'A', 'F']) for (const part of ['slab', 'index']) expect(kinds).toContain(`${call} ${part} altered`);
      for (const sign of ['+', '-']) for (const change of ['slab altered', 'dropped', 'repeated']) expect(kinds).toContain(`${sign} ${change}`);
      for (const part of ['nr_slabs altered', 'cpus slab altered', 'partial altered', 'dropped']) expect(kinds).toContain(`check point ${part}`);
      expect(kinds).toContain('cache cpu_partial_slabs altered');
    },
  );
});
