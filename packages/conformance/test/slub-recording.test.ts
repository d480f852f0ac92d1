import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { conform, isRecordingError } from '../src/index.js';
import { IMPLEMENTATIONS } from './tiny.js';

const folder = fileURLToPath(new URL('../../../tooling/recordings/memory/slub/', import.meta.url));

function readLines(file: string): string[] {
  return gunzipSync(readFileSync(folder + file)).toString().trimEnd().split('\n');
}

/** What a recording is refused with: line, column, found and expected. */
function refusal(lines: readonly string[]): string {
  try {
    conform({ name: 'o', text: lines.map((line) => `${line}\n`).join('') }, IMPLEMENTATIONS);
  } catch (error) {
    if (isRecordingError(error)) return error.message;
    throw error;
  }
  throw new Error('the recording was not refused');
}

/** A recording of one CPU; line 3 is a phase, lines 4 on are operations. */
const ONE = readLines('seed1/o3000.jsonl.gz');
const THREE = readLines('cpu3-seed1/o64.jsonl.gz');

function changed(lines: readonly string[], number: number, line: string): string[] {
  return lines.map((old, i) => (i === number - 1 ? line : old));
}

function numberOf(lines: readonly string[], start: string): number {
  return lines.findIndex((line) => line.startsWith(start)) + 1;
}

describe('a line that is not as it should be is refused at the column', () => {
  test.each([
    [4, '["q",0,0,0,0]', '4:2: found "q", expected an operation: a f A F shrink destroy phase + -'],
    [4, '["a",0,0,0]', '4:1: found 4 items, expected ["a",id,slab,index,cpu]'],
    [4, '["a",1,0,0,0]', '4:6: found 1, expected the integer 0'],
    [4, '["a",0,-1,0,0]', '4:8: found -1, expected an integer of at least 0'],
    [4, '["a",0,0,0,1]', '4:12: found 1, expected the integer 0'],
    [4, '["f",7,0,0,0]', '4:6: found 7, expected the id of an object in use'],
    [4, '["A",2,2,[[0,0,0]],0]', '4:6: found 2, expected the integer 1'],
    [4, '["A",1,1,[[0,0]],0]', '4:11: found [0,0], expected [id,slab,index]'],
    [4, '["F",1,[[0,0,0]],0]', '4:10: found 0, expected the id of an object in use'],
    [4, '["+",0]', '4:1: found ["+",0], expected an operation: no slab is made or given back before the first one'],
    [4, '["shrink"]', '4:1: found ["shrink"], expected check point after fill'],
    [4, '["phase","fill"]', '4:1: found ["phase","fill"], expected check point after fill'],
    [4, '{"cp":1}', '4:1: found no member "why", expected a member "why"'],
  ])('line %i: %s', (line, text, message) => {
    expect(refusal(changed(ONE, line, text))).toBe(`o:${message}`);
  });

  test('what was asked for and what became of it is all there', () => {
    expect(refusal(changed(ONE, 1, ONE[0].replace('"cpus":1', '"cpus":0')))).toContain('o:1:');
    expect(refusal(changed(ONE, 2, ONE[1].replace('"req_size"', '"size_asked"')))).toContain('expected a member "req_size"');
    expect(refusal(changed(ONE, 2, ONE[1].replace('"ctor":0', '"ctor":2')))).toContain('found 2, expected an integer from 0 to 1');
  });

  test('a flush of three CPUs names each of them once', () => {
    const line = numberOf(THREE, '["shrink"');
    expect(refusal(changed(THREE, line, '["shrink"]'))).toContain(`o:${line}:1: found ["shrink"], expected ["shrink",{`);
    expect(refusal(changed(THREE, line, '["shrink",{"cpu_flush_order":[0,1,1]}]'))).toContain('expected every CPU once');
  });
});

describe('nothing can be missing', () => {
  test('a file that was cut off is refused', () => {
    expect(refusal(ONE.slice(0, 100))).toMatch(/^o:101:1: found the end of the file, expected /);
    expect(refusal(ONE.slice(0, 1))).toBe('o:2:1: found the end of the file, expected the cache');
    expect(refusal(ONE.slice(0, numberOf(ONE, '["destroy"]') - 1))).toContain('expected destroy');
  });

  test('a check point that is not there is missed', () => {
    const line = numberOf(ONE.slice(200), '{"cp"') + 200;
    expect(refusal(ONE.filter((_, i) => i !== line - 1))).toMatch(new RegExp(`^o:${line}:`));
  });
});
