import { describe, expect, test } from 'vitest';
import { SHRINK_EMPTY, SHRINK_STOP, ShrinkerList, type Shrinker, type ShrinkRecord } from './shrinker.js';

/** A cache that gives up whatever it is asked for; `asked` has the calls of `scan`. */
function cache(objects: number, more: Partial<Shrinker> = {}): Shrinker & { readonly asked: number[] } {
  const asked: number[] = [];
  let left = objects;
  return {
    name: 'cache',
    asked,
    count: () => left,
    scan: (nr) => {
      asked.push(nr);
      const given = Math.min(nr, left);
      left -= given;
      return given;
    },
    ...more,
  };
}

function shrink(shrinker: Shrinker, ...priorities: number[]): ShrinkRecord[] {
  const list = new ShrinkerList();
  const records: ShrinkRecord[] = [];
  list.register(shrinker);
  for (const priority of priorities) list.shrink(priority, (record) => records.push(record));
  return records;
}

test.each([
  // freeable, seeks, priority: asked for by this call.
  [4096, 2, 12, 2],
  [4095, 2, 12, 0],
  [1000, 2, 0, 2000],
  [1000, 4, 0, 1000],
  [1000, 1, 3, 500],
  [1000, 0, 12, 500],
])('%i objects with seeks %i at priority %i: %i', (freeable, seeks, priority, delta) => {
  expect(shrink(cache(freeable, { seeks }), priority)[0].delta).toBe(delta);
});

test('what is too little to look at waits for the next call', () => {
  const slow = cache(1000, { seeks: 2, batch: 128 });
  const records = shrink(slow, 4, 4);
  expect(records.map(({ delta, total, nextDeferred }) => [delta, total, nextDeferred])).toEqual([
    [124, 124, 124],
    [124, 124 + (124 >> 4), 120],
  ]);
  expect(slow.asked).toEqual([128]);
});

test('no more than twice of what there is, in batches', () => {
  const all = cache(300);
  expect(shrink(all, 0)[0]).toMatchObject({ total: 600, freed: 300 });
  expect(all.asked).toEqual([128, 128, 128, 128]);
});

test('a small cache is looked at whole', () => {
  expect(shrink(cache(10), 0)[0]).toMatchObject({ total: 20, freed: 10, nextDeferred: 0 });
});

test('a cache that stops keeps what it did not do', () => {
  expect(shrink(cache(300, { scan: () => SHRINK_STOP }), 0)[0]).toMatchObject({ freed: 0, nextDeferred: 600 });
});

test('an empty cache is not asked', () => {
  expect(shrink(cache(0), 0)).toEqual([]);
  expect(shrink(cache(5, { count: () => SHRINK_EMPTY }), 0)).toEqual([]);
});

describe('registration', () => {
  test('caches are asked in the order in which they came, until they leave', () => {
    const list = new ShrinkerList();
    const [a, b] = [cache(100, { name: 'a' }), cache(100, { name: 'b' })];
    list.register(a);
    list.register(b);
    const names: string[] = [];
    list.shrink(0, ({ name }) => names.push(name));
    list.unregister(a);
    expect([names, list.freeable]).toEqual([['a', 'b'], 0]);
  });

  test.each([
    [{ seeks: -1 }, /seeks of cache is -1/],
    [{ batch: 0 }, /batch of cache is 0/],
  ])('%o is refused', (more, message) => {
    expect(() => {
      new ShrinkerList().register(cache(1, more));
    }).toThrow(message);
  });
});
