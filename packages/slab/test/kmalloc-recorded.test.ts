/** What a real kernel answered to requests of the kmalloc family, asked again of ours. */
import { conform } from '@kmem/conformance';
import type { AllocatorName, Conformance, Implementations, KmallocUnderTest } from '@kmem/conformance';
import { describe, expect, test } from 'vitest';
import { formatSlabinfo } from '../src/index.js';
import { ALTERNATIVES } from './alternatives.js';
import { bootAllocator } from './kmalloc-machine.js';
import { readText } from './recordings.js';

const implementations: Implementations = {
  bootKmalloc: bootAllocator,
  loadPages: () => {
    throw new Error('no page allocator is recorded here');
  },
};

function replay(text: string): Conformance {
  return conform({ name: 'kmalloc.jsonl', text }, implementations)[0];
}

test.each([
  ['kmalloc/sizes.jsonl.gz', 4900, 0],
  ['kmalloc/edges.jsonl.gz', 1800, 65],
  ['alternative/slab-kmalloc.jsonl.gz', 10_700, 93],
  ['alternative/slob-kmalloc.jsonl.gz', 10_700, 26],
])('%s: every line that its arguments decide', (file, least, stated) => {
  const result = replay(readText(file));
  expect(result.difference).toBeNull();
  expect(result.exact).toBe(result.total);
  expect(result.total).toBeGreaterThan(least);
  expect(result.stated).toHaveLength(stated);
});

describe('the kernel warns of the first request that is too large, and of no other', () => {
  const log = readText('kmalloc/kernel-log.txt.gz');
  const replayLog = (text: string): Conformance | undefined =>
    conform({ name: 'kmalloc/edges.jsonl', text: readText('kmalloc/edges.jsonl.gz'), companion: () => text }, implementations).find(({ kind }) => kind === 'kmalloc log');

  test('as the log says', () => {
    expect(replayLog(log)).toMatchObject({ name: 'kmalloc/kernel-log.txt', exact: 4, total: 4, difference: null });
  });

  test('a warning more, or less, is found', () => {
    const lines = log.split('\n');
    const warning = lines.findIndex((line) => line.includes('WARNING'));
    expect(replayLog(lines.toSpliced(warning, 1).join('\n'))?.difference).toMatchObject({ line: 1, expected: 'no warning', got: 'a warning' });
    const second = lines.findIndex((line) => line.includes('kmalloc(8388608'));
    expect(replayLog(lines.toSpliced(second + 1, 0, lines[warning]).join('\n'))?.difference).toMatchObject({ line: second + 1, expected: 'a warning' });
  });
});

/** Members that say what was asked. */
const INPUTS = ['kmalloc', 'flags', 'nowarn', 'krealloc', 'zero_flag', 'kmalloc_size_roundup', 'kmalloc_array', 'kcalloc', 'krealloc_null', 'krealloc_from_zero_size', 'kfree_sensitive', 'alloc_pages_exact', 'alloc_pages_order', 'cache', 'refcount'];

/** Outputs that were chance on the recorded machine. */
function isChance(row: Readonly<Record<string, unknown>>, member: string): boolean {
  if (member === 'min_align_log2') return row['cache'] === '(pages)' || row['cache'] === '(slob)';
  // SLOB rounds up to 2 bytes, and clears what was asked for.
  if (member === 'zeroed_after') return row['zero_flag'] === 0 || isOdd(row);
  return member === 'zero_bytes_after';
}

function isOdd({ krealloc, new_ksize: size }: Readonly<Record<string, unknown>>): boolean {
  return Array.isArray(krealloc) && size === Number(krealloc[1]) + 1;
}

function altered(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  return typeof value === 'boolean' ? !value : `${String(value)}x`;
}

describe('every altered output is found', () => {
  test.each(['kmalloc/sizes.jsonl.gz', 'kmalloc/edges.jsonl.gz', 'alternative/slab-kmalloc.jsonl.gz', 'alternative/slob-kmalloc.jsonl.gz'])('%s', (file) => {
    const [meta, ...rows] = readText(file).trimEnd().split('\n');
    const stated = new Set(replay(readText(file)).stated.map((text) => Number(/^line (\d+)/.exec(text)?.[1])));
    const missed: string[] = [];
    let count = 0;
    rows.forEach((text, i) => {
      // Lines are an object of plain values each.
      const row = JSON.parse(text) as Record<string, unknown>;
      if (stated.has(i + 2) || text.startsWith('{"kv')) return;
      if (i % 5 !== 0 && 'kmalloc' in row) return;
      for (const member of Object.keys(row)) {
        const isInput = INPUTS.includes(member) && !(member === 'cache' && 'kmalloc' in row);
        if (isInput || isChance(row, member)) continue;
        count++;
        // Lines stand alone, so one is enough to find the change in it.
        const lines = [meta, JSON.stringify({ ...row, [member]: altered(row[member]) }), ''];
        if (!isFound(lines.join('\n'))) missed.push(`${text}: ${member}`);
      }
    });
    expect(missed.join('\n')).toBe('');
    expect(count).toBeGreaterThan(4000);
  });

  /** One machine of each kind serves all lines; each gives back what it takes. */
  const machines = new Map<AllocatorName, KmallocUnderTest>();
  const bootOnce = (allocator: AllocatorName): KmallocUnderTest => {
    const machine = machines.get(allocator) ?? bootAllocator(allocator);
    machines.set(allocator, machine);
    return machine;
  };

  function isFound(text: string): boolean {
    try {
      return conform({ name: 'kmalloc.jsonl', text }, { ...implementations, bootKmalloc: bootOnce })[0].difference !== null;
    } catch {
      // A line that contradicts itself is no valid recording.
      return true;
    }
  }
});

describe('/proc/slabinfo of SLAB, from caches like those of the table', () => {
  const text = readText('alternative/slab.slabinfo.txt');
  const replayText = (slabinfo: string): Conformance | undefined => {
    const input = { name: 'alternative/slab-kmalloc.jsonl', text: readText('alternative/slab-kmalloc.jsonl.gz'), companion: () => slabinfo };
    return conform(input, { ...implementations, alternatives: ALTERNATIVES, slabinfo: formatSlabinfo }).find(({ kind }) => kind === 'slabinfo');
  };

  test('to the byte', () => {
    expect(replayText(text)).toMatchObject({ name: 'alternative/slab.slabinfo.txt', exact: 109, total: 109, difference: null });
  });

  test.each([
    ['a size', / 2112 /, ' 2113 '],
    ['objects of a slab', /( 584) +7 /, '$1    8 '],
    ['pages of a slab', / 2 : tunables/, ' 1 : tunables'],
    ['a limit', /tunables {3}54/, 'tunables   55'],
    ['a batchcount', / 27 {4}0 : slabdata/, ' 28    0 : slabdata'],
    ['a shared factor', / 0 : slabdata/, ' 8 : slabdata'],
    ['all objects', /(kmalloc-1k +\d+ +)108/, '$1109'],
    ['a space', / {4}1 : tunables/, '   1 : tunables'],
    ['a line', /^kmalloc-1k.*\n/m, 'kmalloc-1k\n'],
  ])('%s that is another is found', (_what, pattern, other) => {
    const changed = text.replace(pattern, other);
    expect(changed).not.toBe(text);
    expect(replayText(changed)?.difference ?? null).not.toBeNull();
  });
});

test.each([
  ['{"kmalloc":-1,"flags":"GFP_KERNEL","nowarn":1,"ok":true}', 'an integer of at least 0'],
  ['{"kmalloc":8,"flags":"GFP_OTHER","nowarn":1,"ok":true}', 'flags out of GFP_KERNEL'],
  ['{"kmalloc":8,"flags":"GFP_KERNEL","nowarn":1,"okay":true}', 'one of the members'],
  ['{"kfrob":8}', 'one of kmalloc krealloc'],
])('%s is refused: %s', (line, expected) => {
  const meta = readText('kmalloc/sizes.jsonl.gz').split('\n')[0];
  const run = (): Conformance => replay([meta, line, ''].join('\n'));
  if (expected.startsWith('an integer') || expected.startsWith('flags')) expect(run().difference?.got).toContain(expected);
  else expect(run).toThrow(expected);
});
