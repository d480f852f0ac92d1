import type { ProcInputs, ProcRow } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { conform, SNAPSHOT_TEXTS } from '../src/index.js';
import type { Conformance, Implementations } from '../src/index.js';
import { dump, IMPLEMENTATIONS, TinyAllocator } from './tiny.js';

const META =
  '{"recording":"proc-snapshot","scenario":100,"seed":1,"nops_param":1,"pageblock_order":1,"max_order":3,' +
  '"migrate_types":4,"pcp_lists":14,"nr_zones":1,"mem_mb":1,"kernel":"6.1 test","dumps_before_and_after_equal":true}';
const LISTS = `${META}\n${dump('t0', [9, 11])}\n`;
const TEXTS: Readonly<Record<string, string>> = {
  buddyinfo: 'Node 0, zone   Normal      2      0      0 \n',
  pagetypeinfo: 'Page block order: 1\n\nFree pages 2\n',
};

function run(texts: Readonly<Record<string, string>>, lists = LISTS, using: Implementations = IMPLEMENTATIONS): Conformance[] {
  return conform({ name: 'proc/m1/lists.jsonl', text: lists, companion: (file) => texts[file] }, using);
}

test('lists and texts are compared, each with a result of its own', () => {
  const equal = { stated: [], difference: null, unsupported: null };
  expect(run(TEXTS)).toEqual([
    { name: 'proc/m1/lists.jsonl', kind: 'proc lists', exact: 1, total: 1, ...equal },
    { name: 'proc/m1/buddyinfo', kind: 'proc buddyinfo', exact: 1, total: 1, ...equal },
    { name: 'proc/m1/pagetypeinfo', kind: 'proc pagetypeinfo', exact: 3, total: 3, ...equal },
  ]);
});

test('a text that is not there is not mentioned, also where nobody looks for texts', () => {
  expect(run({}).map(({ kind }) => kind)).toEqual(['proc lists']);
  expect(conform({ name: 'lists.jsonl', text: LISTS }, IMPLEMENTATIONS).map(({ kind }) => kind)).toEqual(['proc lists']);
});

test('texts that nothing prints yet are unsupported', () => {
  const results = run(Object.fromEntries(SNAPSHOT_TEXTS.map((file) => [file, TEXTS[file] ?? 'text\n'])));
  expect(results.length).toBe(1 + SNAPSHOT_TEXTS.length);
  const zoneinfo = results.find(({ kind }) => kind === 'proc zoneinfo');
  expect(zoneinfo).toEqual({
    name: 'proc/m1/zoneinfo',
    kind: 'proc zoneinfo',
    exact: 0,
    total: 0,
    stated: [],
    difference: null,
    unsupported: 'nothing prints zoneinfo yet',
  });
  expect(results.filter(({ unsupported }) => unsupported === null).length).toBe(3);
});

describe('the first line that differs is shown, line ends included', () => {
  test.each([
    ['a number', 'Page block order: 1\n\nFree pages 3\n', 2, 3, 3, '"Free pages 3\\n"', '"Free pages 2\\n"'],
    ['a line too few', 'Page block order: 1\n\n', 2, 3, 3, 'nothing', '"Free pages 2\\n"'],
    ['a line too many', 'Page block order: 1\n\nFree pages 2\n\n', 3, 4, 4, '"\\n"', 'nothing'],
    ['the last line end', 'Page block order: 1\n\nFree pages 2', 2, 3, 3, '"Free pages 2"', '"Free pages 2\\n"'],
    ['everything', '', 0, 3, 1, 'nothing', '"Page block order: 1\\n"'],
  ])('%s', (_, pagetypeinfo, exact, total, line, expected, got) => {
    const [, result] = run({ pagetypeinfo });
    expect(result).toMatchObject({ exact, total, difference: { operation: 0, line, what: `line ${line}`, expected, got } });
    expect(result.difference?.state).toMatch(/^zone Normal: nr_free_pages 2 /);
  });
});

describe('rows of others', () => {
  const rows = (inputs: ProcInputs): ProcRow[] => [
    { text: 'nr_free_pages 2', stated: null },
    { text: `nr_mlock ${inputs.counter('nr_mlock', 0)}`, stated: 'nr_mlock' },
    { text: `nr_sec_page_table_pages 0`, stated: 'nr_sec_page_table_pages' },
    ...Array.from(inputs.values, ([name, value]) => ({ text: `${name} ${value}`, stated: name })),
  ];
  const using: Implementations = { ...IMPLEMENTATIONS, procRows: { zoneinfo: () => [], meminfo: () => [], vmstat: (_, inputs) => rows(inputs) } };
  const vmstat = 'nr_free_pages 2\nnr_mlock 7\nnr_sec_page_table_pages 0\npgfree 5\n';

  test('what follows from inputs alone is stated, by name, and not exact', () => {
    const [, result] = run({ vmstat }, LISTS, using);
    expect(result).toMatchObject({ exact: 1, total: 1, stated: ['nr_mlock', 'nr_sec_page_table_pages', 'pgfree'], difference: null });
  });

  test('a stated row is compared all the same', () => {
    const [, spaces] = run({ vmstat: vmstat.replace('pgfree 5', 'pgfree  5') }, LISTS, using);
    expect(spaces).toMatchObject({ exact: 1, total: 2, difference: { line: 4, got: 'nothing' } });
    const [, missing] = run({ vmstat: vmstat.replace('nr_mlock 7\n', '') }, LISTS, using);
    expect(missing).toMatchObject({ exact: 1, difference: { line: 2, got: '"nr_mlock 0\\n"' } });
  });

  test('a row that the state decides cannot be stated', () => {
    const [, result] = run({ vmstat: vmstat.replace('pages 2', 'pages 3') }, LISTS, using);
    expect(result).toMatchObject({ exact: 0, total: 1, difference: { line: 1, expected: '"nr_free_pages 3\\n"' } });
  });

  test('meminfo needs the counters of vmstat', () => {
    const [, result] = run({ meminfo: 'MemTotal: 1\n' }, LISTS, using);
    expect(result.unsupported).toBe('its counters are those of vmstat, which is not there');
  });
});

test('an implementation that throws is a difference', () => {
  const text = { loadPages: (machine: ConstructorParameters<typeof TinyAllocator>[0]) => {
    const allocator = new TinyAllocator(machine);
    allocator.buddyinfo = () => {
      throw new Error('no text');
    };
    return allocator;
  } };
  const [lists, buddyinfo] = run(TEXTS, LISTS, text);
  expect(lists).toMatchObject({ exact: 1, difference: null });
  expect(buddyinfo).toMatchObject({ exact: 0, total: 1, difference: { what: 'printing', got: 'Error: no text' } });
  const load: Implementations = {
    loadPages: () => {
      throw new Error('no memory');
    },
  };
  expect(run({}, LISTS, load)[0]).toMatchObject({ exact: 0, total: 1, difference: { got: 'Error: no memory' } });
});

test('lists that changed while a text was read prove nothing', () => {
  const results = run(TEXTS, LISTS.replace('equal":true', 'equal":false'));
  expect(results.map(({ unsupported }) => unsupported)).toEqual([
    null,
    ...['buddyinfo', 'pagetypeinfo'].map(() => 'the lists changed while the text was read'),
  ]);
});

test('lists that are not as they should be are refused', () => {
  expect(() => run({}, LISTS.replace('equal":true', 'equal":1'))).toThrow(/lists\.jsonl:1:\d+: found 1, expected true or false/);
  expect(() => run({}, `${LISTS}["d",[]]\n`)).toThrow('lists.jsonl:3:1: found another line, expected the end of the file');
  expect(() => run({}, `${META}\n`)).toThrow('lists.jsonl:2:1: found the end of the file, expected a dump "t0"');
});

describe('iomem', () => {
  const iomem = '00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n  00002000-00002fff : Kernel code\n';
  const using: Implementations = {
    ...IMPLEMENTATIONS,
    iomemRows: ({ arch, ramMib, found }) => [
      { text: '00000000-00000fff : Reserved', stated: null },
      { text: `0000${arch === 'i386' ? 1 : 2}000-0009fbff : System RAM`, stated: null },
      ...found.map(({ name, start, end }) => ({ text: `  0000${start.toString(16)}-0000${(end - 1).toString(16)} : ${name}`, stated: `${name} of ${ramMib}` })),
    ],
  };
  const on = (kernel: string): string => LISTS.replace('6.1 test', kernel);

  test('is asked of the machine in the first line; what boot found is stated', () => {
    expect(run({ iomem }, on('6.1 i386 HIGHMEM4G'), using)[1]).toMatchObject({ exact: 2, total: 2, stated: ['Kernel code of 1'], difference: null });
    expect(run({ iomem }, on('6.1 x86_64'), using)[1]).toMatchObject({ exact: 1, total: 2, difference: { line: 2 } });
  });

  test('of another architecture is unsupported', () => {
    expect(run({ iomem }, LISTS, using)[1].unsupported).toBe('nothing prints iomem of a machine with the kernel "6.1 test"');
  });

  test('does not depend on the lists', () => {
    const [lists, text] = run({ iomem }, on('6.1 i386').replace('equal":true', 'equal":false'), using);
    expect([lists.kind, text.difference]).toEqual(['proc lists', null]);
  });
});
