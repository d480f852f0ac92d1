/** The lessons on watermarks and on running out of memory, with numbers from the kernel's rules. */
import { expect, test } from 'vitest';
import { kmem, lines } from './kmem.js';

interface Level {
  readonly zone: string;
  readonly managed: number;
  readonly free: number;
  readonly min: number;
  readonly low: number;
  readonly high: number;
  readonly protection: number;
}

interface Step {
  readonly title: string;
  readonly text: readonly string[];
  readonly levels?: readonly Level[];
  readonly table?: { readonly columns: readonly string[]; readonly rows: readonly (readonly (string | number)[])[] };
  readonly log?: readonly string[];
}

function lesson(name: string): Step[] {
  const { code, out, err } = kmem(['demo', name, '--json']);
  expect([code, err]).toEqual([0, '']);
  const { demo, steps } = JSON.parse(out) as { demo: string; steps: Step[] };
  expect(demo).toBe(name);
  return steps;
}

/** The levels of a step; it has some. */
const levelsOf = ({ levels = [] }: Step): readonly [dma: Level, dma32: Level] => [levels[0], levels[1]];

test.each(['watermarks', 'oom'])('%s fits the terminal, has colours only where they are wanted, and is the same each time', (name) => {
  const { code, out, err } = kmem(['demo', name]);
  expect([code, err]).toEqual([0, '']);
  for (const line of lines(out)) expect(line.length).toBeLessThanOrEqual(80);
  expect(out).not.toContain('\u001B');
  expect(kmem(['demo', name, '--no-color']).out).toBe(out);
  expect(kmem(['demo', name]).out).toBe(out);
  for (const { title } of lesson(name)) expect(out).toContain(title);
});

test('watermarks: min, low and high are those of the machine', () => {
  const [dma, dma32] = levelsOf(lesson('watermarks')[0]);
  // 160 MiB as recorded: /proc/zoneinfo and min_free_kbytes of that machine.
  expect(dma).toEqual({ zone: 'DMA', managed: 3840, free: 3840, min: 40, low: 50, high: 60, protection: 122 });
  expect(dma32).toMatchObject({ zone: 'DMA32', managed: 32367, min: 333, low: 333 + (333 >> 2), high: 333 + 2 * (333 >> 2), protection: 0 });
});

test('watermarks: each zone is used down to low and its protection, then kswapd is woken', () => {
  const [first, second] = lesson('watermarks');
  const [dma, dma32] = levelsOf(second);
  expect([dma.free, dma32.free]).toEqual([dma.low + dma.protection, dma32.low]);
  const taken = levelsOf(first).map((before, i) => before.free - levelsOf(second)[i].free);
  expect(second.text[0]).toContain(`${taken[0] + taken[1]} requests with GFP_KERNEL were served, ${taken[1]} from DMA32 and ${taken[0]} from DMA`);
  expect(second.text[1]).toContain('now awake');
});

test('watermarks: who may go how far', () => {
  const third = lesson('watermarks')[2];
  const [dma, dma32] = levelsOf(third);
  const half = (min: number): number => min - Math.floor(min / 2);
  const atomic = (min: number): number => half(min) - Math.floor(half(min) / 4);
  expect(third.table?.rows.map(([request, , ...rest]) => [request, ...rest.slice(0, 2)])).toEqual([
    ['GFP_NOWAIT', dma.min + dma.protection, dma32.min],
    // Asks for no higher zone, so nothing is kept from it.
    ['GFP_NOWAIT|GFP_DMA', dma.min, dma32.min],
    ['GFP_KERNEL|__GFP_HIGH', dma.min, half(dma32.min)],
    ['GFP_ATOMIC', dma.min, atomic(dma32.min)],
    ['GFP_KERNEL, PF_MEMALLOC', 0, 0],
  ]);
  // Every page that was served is missing somewhere.
  const rows = third.table?.rows.map((row) => row.slice(1, 4).map(Number)) ?? [];
  let before = dma.low + dma.protection + dma32.low;
  for (const [served, ...free] of rows) {
    expect(before - served).toBe(free[0] + free[1]);
    before -= served;
  }
  expect([dma.free, dma32.free]).toEqual([0, 0]);
});

test('watermarks: kswapd frees until one zone has more than high, and sleeps', () => {
  const fourth = lesson('watermarks')[3];
  const [dma, dma32] = levelsOf(fourth);
  expect(dma32.free).toBeGreaterThan(dma32.high);
  expect(dma32.free).toBeLessThan(2 * dma32.high);
  expect(fourth.text[0]).toContain(`It freed ${dma.free + dma32.free} of them`);
  expect(fourth.text[1]).toContain('and it is asleep');
});

test('oom: badness is pages, and thousandths of the machine for oom_score_adj', () => {
  const [{ table, levels = [] }] = lesson('oom');
  const managed = levels.reduce((sum, level) => sum + level.managed, 0);
  // The recorded machine of 96 MiB.
  expect(managed).toBe(3840 + 16544);
  expect(table?.rows).toEqual([
    [21, 'sshd', 200, -1000, 'never'],
    [30, 'editor', 1500, 0, '1500'],
    [34, 'backup', 400, 500, String(400 + 500 * Math.floor(managed / 1000))],
    [44, 'leak', 0, 0, '0'],
  ]);
});

test('oom: the caches go first, kswapd gives up after 16 rounds, the request reclaims 17 times', () => {
  const [first, second, third] = lesson('oom');
  expect(second.text[0]).toContain('kswapd freed 2600 pages of files and 500 of directory entries');
  expect(second.text[1]).toContain('The last 16 brought nothing');
  expect(third.text[0]).toContain('17 times the request reclaimed for itself');
  // All that was free at first and all that the caches gave, down to min and what is kept from others.
  const free = levelsOf(first).reduce((sum, level) => sum + level.free, 0);
  const left = levelsOf(first).reduce((sum, level) => sum + level.min + level.protection, 0);
  const held = free + 2600 + 500 - left;
  expect(third.table?.rows.at(-1)).toEqual([44, 'leak', held, 0, String(held)]);
  expect(third.log?.[0]).toBe('leak invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0');
  expect(third.log?.[1]).toContain(`Killed process 44 (leak) total-vm:${held * 4}kB, anon-rss:${held * 4}kB`);
});

test('oom: a protected task makes others end, in order of badness', () => {
  const fifth = lesson('oom')[4];
  expect(fifth.table?.rows.map((row) => row.slice(0, 4))).toEqual([
    [1, 'backup', 10400, 400],
    [2, 'editor', 1500, 1500],
  ]);
  const [[, , , freed, had], [, , , , later]] = (fifth.table?.rows ?? []).map((row) => row.map(Number));
  expect(later - had).toBe(freed);
  expect(fifth.text[0]).toContain('deadlocked on memory');
});

test('oom: who ends nobody', () => {
  const rows = lesson('oom')[5].table?.rows ?? [];
  expect(rows.map(([, result, ended]) => [result, ended])).toEqual([...new Array<unknown>(6).fill(['fails', 0]), ['served', 1]]);
});
