import type { PageState, TraceSink } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { conform, readBuddyRecording, readRecordedMachine, replayBuddy } from '../src/index.js';
import type { Conformance, Implementations } from '../src/index.js';
import { checkPoint, dump, IMPLEMENTATIONS, recording, RECORDING, TinyAllocator } from './tiny.js';

function run(changes: Readonly<Record<number, string | null>> = {}, using = IMPLEMENTATIONS): Conformance {
  return conform({ name: 'tiny', text: recording(changes) }, using)[0];
}

/** The tiny allocator with one method replaced. */
function broken(change: (allocator: TinyAllocator) => void): Implementations {
  return {
    loadPages: (machine) => {
      const allocator = new TinyAllocator(machine);
      change(allocator);
      return allocator;
    },
  };
}

// 8 operations, 4 check points, 3 dumps.
const TOTAL = 15;

test('an implementation that does the same is exact, counted by operations, check points and dumps', () => {
  const exact = { name: 'tiny', kind: 'buddy', exact: TOTAL, total: TOTAL, stated: [], difference: null, unsupported: null };
  expect(run()).toEqual(exact);
  // A file need not end with a line end.
  expect(conform({ name: 'tiny', text: RECORDING.join('\n') }, IMPLEMENTATIONS)).toEqual([exact]);
});

test('progress is told with the recorded total', () => {
  const operations = Array.from({ length: 1500 }, () => '["d",[]]');
  const text = [RECORDING[0], RECORDING[1], ...operations, dump('t1', [9, 11, 13]), dump('t2', [9, 11, 13])].join('\n');
  const told: [number, number][] = [];
  conform({ name: 'long', text }, IMPLEMENTATIONS, { onProgress: (done, total) => told.push([done, total]) });
  expect(told).toEqual([[1000, 1503]]);
});

describe('the first difference is explained, and nothing after it counts', () => {
  test.each<[string, Record<number, string>, number, number, number, string, string, string]>([
    ['a result', { 4: '["a",0,3264,10,[["A",9,0,3264,1]]]' }, 1, 1, 4, 'alloc_pages pfn', '10', '9'],
    ['an event', { 4: '["a",0,3264,9,[["A",9,0,3264,2]]]' }, 1, 1, 4, 'event 1', '["A",9,0,3264,2]', '["A",9,0,3264,1]'],
    ['an event too few', { 7: '["f",11,0,[]]' }, 4, 3, 7, 'event 1', 'nothing', '["F",11,0]'],
    ['an event too many', { 16: '["d",[["D",9,0,1]]]' }, 12, 8, 16, 'event 1', '["D",9,0,1]', 'nothing'],
    [
      'how many pages came in bulk',
      { 5: '["b",3264,3,1,[11,13],[["A",11,0,3264,1],["A",13,0,3264,1],["A",-1,0,3264,1]]]' },
      2,
      2,
      5,
      'alloc_pages_bulk_array got',
      '1',
      '2',
    ],
    [
      'which pages came in bulk',
      { 5: '["b",3264,3,2,[13,11],[["A",11,0,3264,1],["A",13,0,3264,1],["A",-1,0,3264,1]]]' },
      2,
      2,
      5,
      'alloc_pages_bulk_array pfns[0]',
      '13',
      '11',
    ],
    ['a check point', { 13: checkPoint(6, 2) }, 10, 6, 13, 'check point zone 0.nr_free_pages', '2', '1'],
    ['the order of a list', { 18: dump('t2', [11, 13]) }, 14, 8, 18, 'dump t2 zones[0].free.0.1[0]', '11', '13'],
    ['a list too short', { 18: dump('t2', [13, 11, 9]) }, 14, 8, 18, 'dump t2 zones[0].nr_free_pages', '3', '2'],
  ])('%s', (_, changes, exact, operation, line, what, expected, got) => {
    const result = run(changes);
    expect(result).toMatchObject({ exact, total: TOTAL, difference: { operation, line, what, expected, got } });
  });

  test('the state before and after stands beside it', () => {
    const { difference } = run({ 7: '["f",11,0,[["F",11,1]]]' });
    const [before, after] = difference?.state.split('after:\n') ?? [];
    expect(before).toMatch(/^before:\nzone Normal: nr_free_pages 0 /);
    expect(before).toContain('free blocks by order: \n');
    expect(after).toMatch(/^zone Normal: nr_free_pages 1 /);
    expect(after).toContain('free, order 0, Movable: 11');
    // After a dump or check point there is only one state to show.
    expect(run({ 13: checkPoint(6, 2) }).difference?.state).toMatch(/^after:\n/);
  });
});

describe('an implementation that throws differs at that place', () => {
  test('while loading', () => {
    const result = run({}, { loadPages: () => { throw new RangeError('too large'); } });
    expect(result).toMatchObject({ exact: 0, total: TOTAL });
    expect(result.difference).toMatchObject({ operation: 0, line: 2, what: 'loading dump t0', expected: 'no error' });
    expect(result.difference?.got).toBe('RangeError: too large');
    expect(result.difference?.state).toContain('no allocator');
  });

  test('in a call', () => {
    const result = run({ 12: '["s",11,0,[]]' });
    const difference = { operation: 6, line: 12, what: 'split_page', got: 'RangeError: page 11 is not in use' };
    expect(result).toMatchObject({ exact: 9, difference });
  });

  test('while showing its state', () => {
    const using = broken((allocator) => {
      allocator.exportState = () => {
        throw new Error('no state');
      };
    });
    const difference = { operation: 0, line: 2, got: 'Error: no state' };
    expect(run({}, using)).toMatchObject({ exact: 0, difference });
    expect(run({}, using).difference?.state).toContain('no state');
  });
});

test('what a load does not keep is found at once', () => {
  const using = broken((allocator) => {
    const exportState = allocator.exportState.bind(allocator);
    allocator.exportState = (): PageState => {
      const [zone] = exportState().zones;
      return { zones: [{ ...zone, pageblocks: { first_pfn: 8, pages_per_block: 2, types: [1, 1, 1] } }] };
    };
  });
  const difference = { operation: 0, line: 2, what: 'dump t0 zones[0].pageblocks.types[3]', expected: '1', got: 'nothing' };
  expect(run({}, using)).toMatchObject({ exact: 0, difference });
});

test('a zone that is missing is a difference', () => {
  const using = broken((allocator) => {
    allocator.exportState = () => ({ zones: [] });
  });
  expect(run({}, using).difference).toMatchObject({ what: 'dump t0 zones[0]', got: 'nothing' });
});

test('a replay can be followed step by step, with the allocator and every event', () => {
  const seen: string[] = [];
  const observer: TraceSink = {
    mmPageAlloc: (pfn) => seen.push(`alloc ${pfn}`),
    mmPageFree: (pfn) => seen.push(`free ${pfn}`),
    mmPageAllocZoneLocked: () => seen.push('refill'),
    mmPagePcpuDrain: () => seen.push('drain'),
    mmPageAllocExtfrag: () => seen.push('fallback'),
    blockSplit: () => seen.push('split'),
    blockMerge: (pfn) => seen.push(`merge ${pfn}`),
  };
  for (const { step, allocator } of replayBuddy(readBuddyRecording({ name: 'tiny', text: recording() }), IMPLEMENTATIONS, observer)) {
    const what = step.kind === 'operation' ? `${step.number} ${step.op}` : step.kind === 'dump' ? step.label : step.kind;
    seen.push(`${what}: ${allocator?.nrFreePages ?? '-'} free`);
  }
  expect(seen).toEqual([
    ...['t0: 3 free', 'note: 3 free', 'alloc 9', '1 a: 2 free', 'alloc 11', 'alloc 13', 'alloc -1', '2 b: 0 free'],
    ...['check point: 0 free', 'free 11', 'merge 11', '3 f: 1 free', 'alloc 11', '4 x: 0 free', 'check point: 0 free'],
    ...['t1: 0 free', 'free 11', 'merge 11', '5 y: 1 free', '6 s: 1 free', 'check point: 1 free', 'note: 1 free'],
    ...['free 13', 'merge 13', '7 f: 2 free', '8 d: 2 free', 'check point: 2 free', 't2: 2 free'],
  ]);
});

test('the recorded machine can be loaded on its own', () => {
  const machine = readRecordedMachine({ name: 'tiny', text: recording() });
  expect(machine).toMatchObject({ maxOrder: 3, nrMigratetypes: 4, pageblockOrder: 1, nrFrames: 16 });
  expect(machine.state.zones[0].lru_or_movable_ranges).toEqual([[14, 2]]);
  // The rest of the file is not looked at.
  expect(readRecordedMachine({ name: 'cut', text: recording().slice(0, -500) })).toEqual(machine);
});

test('what cannot be interpreted is unsupported and counts nothing', () => {
  const nothing = { exact: 0, total: 0, difference: null };
  const kinds = ['{"recording":"vmalloc-exact","seed":1}\n', '{"sc":"request"}\n', 'Node 0, zone Normal\n'].map(
    (text) => conform({ name: 'other', text }, IMPLEMENTATIONS)[0],
  );
  for (const result of kinds) expect(result).toMatchObject(nothing);
  expect(kinds.map(({ kind, unsupported }) => [kind, unsupported])).toEqual([
    ['vmalloc-exact', 'no replayer for recordings of kind "vmalloc-exact"'],
    ['scenarios', 'there is no kernel to replay scenarios through'],
    ['unknown', 'its first line does not say what was recorded'],
  ]);
});
