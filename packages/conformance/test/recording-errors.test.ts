import { describe, expect, test } from 'vitest';
import { conform, isRecordingError, readRecordedMachine, RecordingError } from '../src/index.js';
import { checkPoint, dump, IMPLEMENTATIONS, META, recording } from './tiny.js';

/** What a recording is refused with. */
function refusal(text: string): string {
  try {
    conform({ name: 'tiny.jsonl', text }, IMPLEMENTATIONS);
  } catch (error) {
    if (isRecordingError(error)) return error.message;
    throw error;
  }
  throw new Error('the recording was not refused');
}

/** The column, from 1, at which a piece of a line starts. */
function columnOf(line: string, piece: string): number {
  expect(line).toContain(piece);
  return line.indexOf(piece) + 1;
}

describe('a line that is not JSON is refused where it stops being JSON', () => {
  test.each([
    ['["f",11,0,[["F",11 0]]]', 20, '0]]]', '"," or "]"'],
    ['["f",11,0', 10, 'the end of the line', '"," or "]"'],
    ['', 1, 'the end of the line', 'a JSON value'],
    ['["f",011,0,[]]', 7, '11,0,[]]', '"," or "]"'],
    ['["f,11,0,[]]', 2, '"f,11,0,[]]', 'a string that ends'],
    ['{"cp" 4}', 7, '4}', '":"'],
    ['{cp:4}', 2, 'cp:4}', 'a string'],
    ['["f",11,0,[]] []', 15, '[]', 'the end of the line'],
    ['["f",NaN,0,[]]', 6, 'NaN,0,[]]', 'a JSON value'],
  ])('%s', (line, column, found, expected) => {
    expect(refusal(recording({ 7: line }))).toBe(`tiny.jsonl:7:${column}: found ${found}, expected ${expected}`);
  });
});

describe('an operation that is not as it should be is refused at the column', () => {
  test.each([
    ['["q",11,0,[]]', 2, '"q"', 'an operation: a f b x y s d or note'],
    ['["toString",1]', 2, '"toString"', 'an operation: a f b x y s d or note'],
    ['[]', 1, 'no item 1', 'an operation: a f b x y s d or note'],
    ['["f",11,[]]', 1, '3 items', '4 items: "f", pfn, order, events'],
    ['["f",11,0,[],[]]', 1, '5 items', '4 items: "f", pfn, order, events'],
    ['["f","11",0,[]]', 6, '"11"', 'an integer from 0 to 2147483647'],
    ['["f",1.5,0,[]]', 6, '1.5', 'an integer from 0 to 2147483647'],
    ['["f",-1,0,[]]', 6, '-1', 'an integer from 0 to 2147483647'],
    ['["f",1e400,0,[]]', 6, '1e400', 'an integer from 0 to 2147483647'],
    ['["f",11,64,[]]', 9, '64', 'an integer from 0 to 63'],
    ['["a",0,134217728,9,[]]', 8, '134217728', 'an integer from 0 to 134217727'],
    ['["x",0,3264,9,[]]', 6, '0', 'an integer from 1 to 2147483647'],
    ['["b",0,1,1,9,[]]', 12, '9', 'an array'],
    ['["b",0,1,1,[9,null],[]]', 15, 'null', 'an integer from 0 to 2147483647'],
    ['["b",0,1048577,1,[],[]]', 8, '1048577', 'an integer from 0 to 1048576'],
    ['["f",11,0,{}]', 11, '{}', 'an array'],
    ['["f",11,0,[["G",11,0]]]', 13, '"G"', 'an event: A F Z D X'],
    ['["f",11,0,["F",11,0]]', 12, '"F"', 'an array'],
    ['["f",11,0,[["F",11]]]', 12, '["F",11]', '3 items: "F", pfn, order'],
    ['["f",11,0,[["F",11,0],["F",12,true]]]', 31, 'true', 'an integer of at least -1'],
    ['["note"]', 1, '["note"]', 'a note: ["note", number]'],
    ['17', 1, '17', 'an object'],
    ['null', 1, 'null', 'an object'],
  ])('%s', (line, column, found, expected) => {
    expect(refusal(recording({ 7: line }))).toBe(`tiny.jsonl:7:${column}: found ${found}, expected ${expected}`);
  });
});

describe('a check point that is not as it should be is refused', () => {
  const line = checkPoint(2, 0);

  test.each([
    ['another number of operations', checkPoint(3, 0), '3,', 'the integer 2'],
    ['another zone', line.replace('"zone":0', '"zone":1'), '1,"nr', 'the integer 0'],
    ['an order too few', line.replace('[0,0,0]', '[0,0]'), '[0,0]', '3 counts, one for each order'],
    ['a fraction', line.replace('"cpu_diff":0', '"cpu_diff":0.5'), '0.5', 'an integer of at least -128'],
  ])('%s', (_, changed, piece, expected) => {
    const message = refusal(recording({ 6: changed }));
    expect(message).toContain(`tiny.jsonl:6:${columnOf(changed, piece)}: `);
    expect(message).toContain(`expected ${expected}`);
  });

  test('a member that is missing', () => {
    expect(refusal(recording({ 6: line.replace('"flags":0,', '') }))).toBe(
      'tiny.jsonl:6:1: found no member "flags", expected a member "flags"',
    );
  });

  test('a member that nobody knows', () => {
    const changed = line.replace('"zone":0', '"zone":0,"pages":5');
    const message = refusal(recording({ 6: changed }));
    expect(message).toContain(`tiny.jsonl:6:${columnOf(changed, '5,')}: found member "pages", expected one of the members cp zone`);
  });
});

describe('a recording with something missing is refused, not taken for exact', () => {
  test.each([
    ['everything', {}, '1:1: found the end of the file, expected the first line of a recording'],
    ['the last dump', { 18: null }, '18:1: found the end of the file, expected a dump "t2"'],
    ['the dump in the middle', { 10: null }, '17:9: found "t2", expected "t1"'],
    ['the first dump', { 2: null }, '2:1: found ["note",1], expected an object'],
    ['the first check point', { 6: null }, '12:1: found {"cp":6,"zone":0,"nr_free_pages":1,"cpu_..., expected no check point'],
    ['a check point', { 13: null }, '13:1: found ["note",100], expected the check point of zone 0 after operation 6'],
    ['the last check point', { 17: null }, '17:1: found {"dump":"t2","zones":[{"zone":"Normal","..., expected the check'],
    ['an operation', { 16: null }, '16:7: found 8, expected the integer 7'],
  ])('%s', (what, changes, message) => {
    const text = what === 'everything' ? '' : recording(changes);
    expect(refusal(text)).toContain(`tiny.jsonl:${message}`);
  });

  test('every place where a file may be cut off', () => {
    const text = recording();
    for (let length = 0; length < text.length - 1; length += 7) {
      expect(refusal(text.slice(0, length))).toMatch(/^tiny\.jsonl:\d+:\d+: found .*, expected /);
    }
  });
});

describe('a recording with something too much is refused', () => {
  test('lines after the last dump', () => {
    expect(refusal(`${recording()}["d",[]]\n`)).toBe(
      'tiny.jsonl:19:1: found ["d",[]], expected the end of the file: dump "t2" is the last line',
    );
  });

  test('an empty line', () => {
    expect(refusal(`${recording()}\n`)).toBe('tiny.jsonl:19:1: found the end of the line, expected a JSON value');
  });

  test('a check point twice', () => {
    const twice = `${checkPoint(2, 0)}\n${checkPoint(2, 0)}`;
    expect(refusal(recording({ 6: twice }))).toMatch(/^tiny\.jsonl:7:1: .* expected no check point after operation 2$/);
  });

  test('a check point before the first operation', () => {
    expect(refusal(recording({ 3: checkPoint(0, 3) }))).toMatch(/^tiny\.jsonl:3:1: .* no check point after operation 0$/);
  });
});

describe('a first line that is not as it should be is refused', () => {
  test.each([
    ['"max_order":3', '"max_order":17', '17', 'an integer from 1 to 16'],
    ['"pageblock_order":1', '"pageblock_order":3', '3,"max', 'an integer from 1 to 2'],
    ['"migrate_types":4', '"migrate_types":6', '6', 'an integer from 4 to 5'],
    ['"pcp_lists":14', '"pcp_lists":12', '12', 'the integer 14'],
    ['"kernel":"6.1 test"', '"kernel":6', '6,"scen', 'a string'],
    ['["Normal"]', '["Normal","Movable"]', '["Normal","Movable"]', 'at most 1 names'],
    ['["Normal"]', '[1]', '1],"mi', 'a string'],
    ['"Reclaimable",', '', '["Unmovable"', 'at least 4 names'],
    ['"seed":7', '"seed":null', 'null', 'an integer of at least 0'],
    ['"recording":"buddy-exact"', '"recording":3', '3', 'a string'],
  ])('%s to %s', (before, after, piece, expected) => {
    const line = META.replace(before, after);
    const message = refusal(recording({ 1: line }));
    expect(message).toContain(`tiny.jsonl:1:${columnOf(line, piece)}: `);
    expect(message).toContain(`expected ${expected}`);
  });

  test('members unknown or missing', () => {
    expect(refusal(recording({ 1: META.replace('"seed"', '"sed"') }))).toMatch(/:1:1: found no member "seed", expected/);
    expect(refusal(recording({ 1: META.replace('"seed"', '"x":1,"seed"') }))).toMatch(/found member "x", expected one of/);
    expect(refusal('{"recording":"buddy-exact"')).toMatch(/:1:27: found the end of the line, expected "," or "}"/);
  });
});

describe('a dump that cannot be loaded is refused', () => {
  const t0 = dump('t0', [9, 11, 13]);

  test.each([
    ['a block that is not aligned', '"0":{"1":[9,11,13]}', '"1":{"1":[9]}', '9]', 'a multiple of 2'],
    ['a block outside the zone', '[9,11,13]', '[9,11,16]', '16]', 'a block of 1 frames in 8..15'],
    ['a frame on a list twice', '[9,11,13]', '[9,11,9]', '9]', 'a frame past the free block 9 of order 0'],
    ['a frame in two blocks', '"0":{"1":[9,11,13]}', '"0":{"1":[9]},"1":{"1":[8]}', '9]', 'a frame past the free block 8 of order 1'],
    ['a per-CPU block that is free', '"lists":{}', '"lists":{"4":{"pfns":[10]}}', '11,13', 'a frame past the free block 10 of order 1'],
    ['an order too high', '"0":{"1":[9,11,13]}', '"3":{"1":[8]}', '{"1":[8]}', 'one of the members 0 1 2'],
    ['a type too high', '"1":[9,11,13]', '"4":[9]', '[9]', 'one of the members 0 1 2 3'],
    ['a type that is no number', '"1":[9,11,13]', '"one":[9]', '[9]', 'one of the members 0 1 2 3'],
    ['a list number too high', '"lists":{}', '"lists":{"14":{"pfns":[9]}}', '{"pfns":[9]}', 'one of the members 0 1 2'],
    ['types for other blocks', '"lists":{}', '"lists":{"0":{"pfns":[10],"migratetypes":[1,1]}}', '[1,1]', '1 values, one for each block'],
    ['a count below zero', '"min":0', '"min":-1', '-1', 'an integer from 0 to 2147483647'],
    ['a zone number', '"index":0', '"index":1', '1,"start', 'the integer 0'],
    ['a zone name', '"zone":"Normal"', '"zone":"DMA"', '"DMA"', '"Normal" as in line 1'],
    ['more reserves than zones', '"lowmem_reserve":[0]', '"lowmem_reserve":[0,0]', '[0,0]', '1 values'],
    ['pageblocks too few', '"types":[1,1,1,1]', '"types":[1,1,1]', '[1,1,1]', '4 types, one for each pageblock of the zone'],
    ['a pageblock type', '"types":[1,1,1,1]', '"types":[1,1,1,4]', '4]', 'a migratetype below 4, or 255'],
    ['pageblocks of another size', '"pages_per_block":2', '"pages_per_block":4', '4,"types', 'the integer 2'],
    ['too much memory', '"start_pfn":8', '"start_pfn":67108864', '67108864', 'a zone that ends by frame 67108864'],
    ['pages in use outside the zone', '[1,1,1,1]}', '[1,1,1,1]},"lru_or_movable_ranges":[[15,2]]', '[15,2]', 'frames in 8..15'],
    ['half a range', '[1,1,1,1]}', '[1,1,1,1]},"lru_or_movable_ranges":[[15]]', '[15]', 'a first frame and a number of pages'],
    ['no zones', /\[\{.*\}\]/, '[]', '[]', '1 to 1 zones'],
  ])('%s', (_, before, after, piece, expected) => {
    const line = t0.replace(before, after);
    const message = refusal(recording({ 2: line }));
    expect(message).toContain(`tiny.jsonl:2:${columnOf(line, piece)}: `);
    expect(message).toContain(`expected ${expected}`);
  });

  test('later dumps do not say how pages are used', () => {
    const line = dump('t1', [], ',"lru_or_movable_ranges":[]');
    expect(refusal(recording({ 10: line }))).toContain('tiny.jsonl:10:');
    expect(refusal(recording({ 10: line }))).toContain('found member "lru_or_movable_ranges"');
  });

  test('a zone without frames has no pageblocks', () => {
    const line = t0.replace('"spanned":8', '"spanned":0');
    expect(refusal(recording({ 2: line }))).toContain('found member "pageblocks"');
  });
});

test('only recordings with a machine in them can be loaded', () => {
  const load = (text: string) => () => readRecordedMachine({ name: 'x', text });
  expect(load('Node 0\n')).toThrow('x:1:1: found no recording, expected a recording "buddy-exact" or "proc-snapshot"');
  expect(load('{"recording":"vmalloc"}')).toThrow('x:1:1: found a recording "vmalloc", expected');
  expect(load(`${META}\n`)).toThrow('x:2:1: found the end of the file, expected a dump "t0"');
});

test('an error of this kind is known by its mark, and has its place as numbers', () => {
  const error = new RecordingError('file', 3, 14, 'x', 'y');
  expect(isRecordingError(error)).toBe(true);
  expect(isRecordingError(new Error('file:3:14: found x, expected y'))).toBe(false);
  expect(isRecordingError(null)).toBe(false);
  expect(error).toMatchObject({ path: 'file', line: 3, column: 14, found: 'x', expected: 'y' });
});
