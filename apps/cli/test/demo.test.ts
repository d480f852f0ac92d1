import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { emptyFolder, FALLBACK, kmem, lines, SNAPSHOT } from './kmem.js';

/** A text without its line breaks. */
function flowing(text: string): string {
  return text.replaceAll(/\s+/g, ' ');
}

test('the list of demos has a name, a title, a subsystem and a source for each', () => {
  const listed = JSON.parse(kmem(['demos', '--json']).out) as Record<string, string>[];
  expect(listed.map(({ name }) => name)).toEqual(['fragmentation', 'percpu', 'watermarks', 'oom', 'slab-states', 'which-slab', 'vmalloc-map', 'replay']);
  for (const demo of listed) {
    expect(Object.keys(demo)).toEqual(['name', 'title', 'subsystem', 'source']);
    expect(Object.values(demo).every((text) => text.length > 0)).toBe(true);
  }
  expect(kmem(['demo', '--json']).out).toBe(kmem(['demos', '--json']).out);
  expect(kmem(['demo']).out).toBe(kmem(['demos']).out);
});

test('the fragmentation lesson tells its story with numbers that fit together', () => {
  const { code, out, err } = kmem(['demo', 'fragmentation']);
  expect([code, err]).toEqual([0, '']);
  // 128 frames, one never handed out; every second of 127 is 63.
  for (const told of [
    '127 requests of order 0 were served',
    '63 of 127 pages are free: 49 %',
    'A request of order 0 (one page): served',
    'A request of order 1 (2 pages in a row): fails',
    'unusable_index of order 0 to 5: 0.000 1.000 1.000 1.000 1.000 1.000',
    'The free blocks are the same as at boot.',
    'A request of order 5 (32 pages in a row): served',
  ]) {
    expect(flowing(out)).toContain(told);
  }
  for (const line of lines(out)) expect(line.length).toBeLessThanOrEqual(104);
});

test.each(['1', '2', '3', '1000'])('grouping by mobility leaves more large blocks, seed %s', (seed) => {
  const { out } = kmem(['demo', 'fragmentation', '--seed', seed]);
  const [without, grouped] = [...flowing(out).matchAll(/(\d+) blocks? of order 4 can be had/g)].map(([, n]) => Number(n));
  expect(grouped).toBeGreaterThan(without);
});

test('the same seed gives the same lesson, another seed another one', () => {
  const lesson = (seed: string): string => kmem(['demo', 'fragmentation', '--seed', seed]).out;
  expect(lesson('7')).toBe(lesson('7'));
  expect(lesson('7').replaceAll('--seed 7', '')).not.toBe(lesson('8').replaceAll('--seed 8', ''));
});

test('the lesson as data has the free pages that its maps show', () => {
  interface Picture {
    readonly frames: string;
    readonly freeLists: { readonly freePages: number };
  }
  const { steps } = JSON.parse(kmem(['demo', 'fragmentation', '--json']).out) as { steps: { pictures: Picture[] }[] };
  expect(steps).toHaveLength(5);
  for (const { frames, freeLists } of steps.flatMap((step) => step.pictures)) {
    expect(frames).toHaveLength(128);
    expect(frames.replaceAll(/[#ux]/g, '')).toHaveLength(freeLists.freePages);
  }
});

test('the lesson on per-CPU lists: every page is on the list, free, or taken, and portions double', () => {
  const { code, out, err } = kmem(['demo', 'percpu']);
  expect([code, err]).toEqual([0, '']);
  for (const line of lines(out)) expect(line.length).toBeLessThanOrEqual(80);
  interface Step {
    readonly text: readonly string[];
    readonly table: { readonly rows: readonly (readonly [done: string, refilled: number, given: number, listed: number, free: number])[] };
  }
  const { steps } = JSON.parse(kmem(['demo', 'percpu', '--json']).out) as { steps: Step[] };
  const [fill, lifo, burst, drain] = steps.map(({ table }) => table.rows);
  const batch = fill[1][1];
  // A refill moves a batch, of which one page is taken at once; the rest of the batch costs the free lists nothing.
  expect(fill.map((row) => row.slice(1, 3))).toEqual([[0, 0], [batch, 0], [0, 0], [batch, 0]]);
  expect(fill[1][3] - fill[0][3]).toBe(batch - 1);
  expect(fill[0][4] - fill[3][4]).toBe(2 * batch);
  expect(lifo.map(([, refilled, given]) => refilled + given)).toEqual([0, 0]);
  const [freed, again] = [...steps[1].text[0].matchAll(/\d+, \d+, \d+/g)].map(([frames]) => frames.split(', '));
  expect(again).toEqual([...freed].reverse());
  expect(burst.slice(0, 6).map((row) => row[2])).toEqual([1, 2, 4, 8, 16, 32].map((times) => times * batch));
  expect(drain[1].slice(2)).toEqual([drain[0][3], 0, drain[0][4] + drain[0][3]]);
});

test('the replay fits on two screens and says how exact it was', () => {
  const { code, out, err } = kmem(['demo', 'replay', FALLBACK]);
  expect([code, err]).toEqual([0, '']);
  expect(lines(out).length).toBeLessThanOrEqual(60);
  for (const text of ['Free blocks before', 'Free blocks after', 'splits', 'merges', 'fallbacks', 'refills', 'drains']) {
    expect(out).toContain(text);
  }
  expect(lines(out).at(-1)).toMatch(/^exact (\d+)\/\1 /);
});

test('the numbers of the replay are those of the recording', () => {
  const recorded = lines(gunzipSync(readFileSync(FALLBACK)).toString('utf8'));
  const operations = recorded.filter((line) => /^\["[afbxysd]"/.test(line));
  const all = operations.join('\n');
  const occurrences = (pattern: RegExp): number => all.match(pattern)?.length ?? 0;
  const { code, out } = kmem(['demo', 'replay', FALLBACK, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    difference: null,
    counts: {
      operations: operations.length,
      requests: occurrences(/^\["[abx]"/gm),
      frees: occurrences(/^\["[fy]"/gm),
      failures: occurrences(/\["A",-1,/g),
      fallbacks: occurrences(/\["X",/g),
      ownerChanges: occurrences(/\["X",[^\]]*,1\]/g),
      refilledBlocks: occurrences(/\["Z",[^\]]*,1\]/g),
      drainedBlocks: occurrences(/\["D",/g),
    },
    events: occurrences(/\["[AFZDX]",-?\d+,\d+/g),
  });
});

test('a replay that differs says where, with exit code 1', () => {
  const path = join(emptyFolder(), 'changed.jsonl');
  const recorded = gunzipSync(readFileSync(FALLBACK)).toString('utf8');
  writeFileSync(path, recorded.replace('["d",[', '["d",[["F",256,0],'));
  const { code, out } = kmem(['demo', 'replay', path]);
  expect(code).toBe(1);
  expect(out).toContain('What happened until the first difference');
  expect(out).toMatch(/\nexact \d+\/\d+ {2}first difference: operation \d+, line \d+: event 1\n/);
  expect(out).toContain('  expected  ["F",256,0]');
});

test('what cannot be replayed is bad input', () => {
  const { code, out, err } = kmem(['demo', 'replay', join(SNAPSHOT, 'lists.jsonl.gz')]);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain('found a recording "proc-snapshot", expected "buddy-exact"');
});
