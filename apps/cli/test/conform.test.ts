import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { emptyFolder, FALLBACK, kmem, lines, SNAPSHOT } from './kmem.js';

const RECORDED = gunzipSync(readFileSync(FALLBACK)).toString('utf8');

/** Lines that are compared: all but the first, and the notes. */
const TOTAL = lines(RECORDED).filter((line, i) => i > 0 && !line.startsWith('["note"')).length;

/** Writes the recording with one line changed. */
function changedRecording(number: number, change: (line: string) => string, name = 'changed.jsonl'): string {
  const changed = lines(RECORDED).map((line, i) => (i === number - 1 ? change(line) : line));
  const path = join(emptyFolder(), name);
  const text = changed.map((line) => `${line}\n`).join('');
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

test('a recording of a real kernel is exact, packed or not', () => {
  const plain = join(emptyFolder(), 'plain.jsonl');
  writeFileSync(plain, RECORDED);
  const { code, out, err } = kmem(['conform', FALLBACK, plain]);
  expect(err).toBe('');
  expect(code).toBe(0);
  const [first, second, total, ...rest] = lines(out);
  expect(first).toBe(`${FALLBACK}  buddy  exact ${TOTAL}/${TOTAL}`);
  expect(second.split(/\s{2,}/)).toEqual([plain, 'buddy', `exact ${TOTAL}/${TOTAL}`]);
  expect(total).toBe(`TOTAL  exact ${2 * TOTAL}/${2 * TOTAL} in 2 recordings, 0 unsupported`);
  expect(rest).toEqual([]);
});

test('a changed result is found, explained, and ends with exit code 1', () => {
  // Line 5 is the second operation: a request of order 10.
  const path = changedRecording(5, (line) => line.replace(/^(\["a",10,10248,)(\d+)/, (_, start: string, pfn: string) => `${start}${Number(pfn) + 1024}`));
  const { code, out } = kmem(['conform', path]);
  expect(code).toBe(1);
  const recordedPfn = Number(/^\["a",10,10248,(\d+)/.exec(lines(RECORDED)[4])?.[1]);
  expect(lines(out)[0]).toBe(`${path}  buddy  exact 2/${TOTAL}`);
  expect(lines(out)[1]).toContain('operation 2, line 5');
  expect(lines(out)[2]).toBe(`      expected  ${recordedPfn + 1024}`);
  expect(lines(out)[3]).toBe(`      got       ${recordedPfn}`);
  expect(out).toContain('state around it');
  expect(lines(out).at(-1)).toBe(`TOTAL  exact 2/${TOTAL} in 1 recordings, 0 unsupported`);
});

test('a dropped event is found', () => {
  const path = changedRecording(5, (line) => line.replace(/\["Z",[^\]]*\],/, ''), 'changed.jsonl.gz');
  const { code, out } = kmem(['conform', path]);
  expect(code).toBe(1);
  expect(out).toContain('operation 2, line 5: event 1');
});

test('every text of a snapshot is compared', () => {
  const { code, out } = kmem(['conform', SNAPSHOT]);
  expect(code).toBe(0);
  const rows = lines(out).map((line) => line.split(/\s{2,}/));
  const verdict = (file: string): string[] => rows.find(([name]) => name === join(SNAPSHOT, file))?.slice(1) ?? [];
  const nrLines = (file: string): number => lines(readFileSync(join(SNAPSHOT, file), 'utf8')).length;
  expect(verdict('lists.jsonl.gz')).toEqual(['proc lists', 'exact 1/1']);
  for (const file of ['buddyinfo', 'pagetypeinfo', 'slabinfo', 'vmallocinfo']) {
    expect(verdict(file)).toEqual([`proc ${file}`, `exact ${nrLines(file)}/${nrLines(file)}`]);
  }
  for (const file of ['zoneinfo', 'vmstat', 'meminfo', 'iomem']) {
    const [kind, score] = verdict(file);
    const [, exact, total, stated] = /^exact (\d+)\/(\d+), (\d+) stated$/.exec(score) ?? [];
    expect([kind, exact, Number(total) + Number(stated)]).toEqual([`proc ${file}`, total, nrLines(file)]);
  }
  // What slabinfo and vmallocinfo are printed from.
  for (const file of ['slab-state.jsonl', 'vmap-areas.jsonl']) expect(verdict(file)).toEqual([]);
  expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
  expect(lines(out).at(-1)).toMatch(/^TOTAL {2}exact (\d+)\/\1 in 9 recordings, 0 unsupported$/);
});

test('a changed text of a snapshot is found', () => {
  const folder = emptyFolder();
  cpSync(SNAPSHOT, folder, { recursive: true });
  const changed = readFileSync(join(SNAPSHOT, 'buddyinfo'), 'utf8').replace(/ \n/, '\n');
  writeFileSync(join(folder, 'buddyinfo'), changed);
  const { code, out } = kmem(['conform', folder]);
  expect(code).toBe(1);
  expect(out).toMatch(/buddyinfo +proc buddyinfo {2}exact 0\/2\n {4}first difference/);
});

test('in folders, documentation is skipped and everything else accounted for', () => {
  const folder = emptyFolder();
  mkdirSync(join(folder, 'deep', 'deeper'), { recursive: true });
  copyFileSync(FALLBACK, join(folder, 'deep', 'deeper', 'renamed.jsonl.gz'));
  writeFileSync(join(folder, 'README.md'), 'text\n');
  writeFileSync(join(folder, 'notes.txt'), 'text\n');
  writeFileSync(join(folder, 'data.bin'), Buffer.from([0, 1, 2, 255]));
  writeFileSync(join(folder, 'other.jsonl'), '{"recording":"unknown-kind"}\n');
  const { code, out } = kmem(['conform', '--json', folder]);
  expect(code).toBe(1);
  const report = JSON.parse(out) as { skipped: unknown; results: { name: string; unsupported: string | null }[] };
  expect(report).toMatchObject({ exact: TOTAL, total: TOTAL, recordings: 1, unsupported: 3, badInput: [] });
  expect(report.skipped).toEqual([{ path: join(folder, 'README.md'), reason: 'documentation' }]);
  const verdicts = report.results.map(({ name, unsupported }) => [name, unsupported === null ? 'compared' : 'unsupported']);
  expect(verdicts).toEqual([
    [join(folder, 'data.bin'), 'unsupported'],
    [join(folder, 'deep/deeper/renamed.jsonl.gz'), 'compared'],
    [join(folder, 'notes.txt'), 'unsupported'],
    [join(folder, 'other.jsonl'), 'unsupported'],
  ]);
});

test('the same file is compared once', () => {
  const { out } = kmem(['conform', FALLBACK, FALLBACK, join(FALLBACK, '..', basename(FALLBACK))]);
  expect(lines(out)).toHaveLength(2);
});

test('broken JSON is bad input, with file, line and column; other files are compared all the same', () => {
  const path = changedRecording(7, (line) => line.replace('10248', '10248}'));
  const column = (lines(RECORDED)[6]?.indexOf('10248') ?? -1) + '10248'.length + 1;
  const { code, out, err } = kmem(['conform', path, FALLBACK]);
  expect(code).toBe(2);
  expect(lines(err)).toHaveLength(1);
  expect(err).toMatch(new RegExp(`^kmem: ${path}:7:${column}: found .*, expected .*\n$`));
  expect(lines(out).at(-1)).toBe(`TOTAL  exact ${TOTAL}/${TOTAL} in 1 recordings, 0 unsupported`);
  const report = JSON.parse(kmem(['--json', 'conform', path]).out) as { badInput: string[] };
  expect(report.badInput).toHaveLength(1);
});

test('a recording that was cut off is bad input', () => {
  const path = join(emptyFolder(), 'cut.jsonl');
  writeFileSync(path, lines(RECORDED).slice(0, -1).join('\n') + '\n');
  const { code, err } = kmem(['conform', path]);
  expect(code).toBe(2);
  expect(err).toContain(`${path}:${lines(RECORDED).length}:1: found the end of the file`);
});

test('broken gzip data is bad input', () => {
  const path = join(emptyFolder(), 'cut.jsonl.gz');
  writeFileSync(path, readFileSync(FALLBACK).subarray(0, 1000));
  const { code, err } = kmem(['conform', path]);
  expect(code).toBe(2);
  expect(err).toContain(`kmem: ${path}: found broken gzip data`);
});

test('nothing to compare is bad input', () => {
  const folder = emptyFolder();
  writeFileSync(join(folder, 'README'), 'text\n');
  const nothing = kmem(['conform', folder]);
  expect([nothing.code, nothing.out]).toEqual([2, '']);
  expect(nothing.err).toContain('found no recording');
  const missing = join(folder, 'missing');
  expect(kmem(['conform', FALLBACK, missing])).toEqual({ code: 2, out: '', err: `kmem: ${missing}: no such file or folder\n` });
});
