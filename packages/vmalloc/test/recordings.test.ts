/** A real kernel's areas, call by call, and its /proc/vmallocinfo; and proof that every output is compared. */
import { conform, isRecordingError, mutateText, mutateVmallocRecording, type Conformance, type RecordingInput } from '@kmem/conformance';
import { describe, expect, test } from 'vitest';
import { implementations, procSnapshots, readRecording, vmallocRecordings } from './recorded.js';

/** Hundreds of replays. */
const TIMEOUT_MS = 240_000;

test.each(vmallocRecordings)('%s: every address, size and dump', (name) => {
  const [result] = conform(readRecording(name), implementations);
  expect(result.difference).toBeNull();
  expect(result.exact).toBe(result.total);
  expect(result.total).toBeGreaterThan(3000);
  expect(result.stated).toEqual(['vmalloc_1<<50: more than all RAM']);
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

test('every changed output of a recording is found', { timeout: TIMEOUT_MS }, () => {
  const { name, text } = readRecording(vmallocRecordings[0]);
  const kinds = new Set<string>();
  const missed: string[] = [];
  for (const { input, kind, line, text: changed } of mutateVmallocRecording(text, 1)) {
    kinds.add(kind);
    const found = findingLine({ name, text: changed });
    if (kind.endsWith(' dropped') || input ? found === null || found < line : found !== line) {
      missed.push(`${kind} in line ${line}: found in ${found ?? 'none'}`);
    }
  }
  expect(missed).toEqual([]);
  for (const call of ['vmalloc', 'vzalloc', 'vmalloc_user', 'vmalloc_32', 'vmalloc_big', 'vmap', 'ioremap']) {
    for (const output of ['addr', 'size', 'flags', 'nr_pages', 'lazy']) expect(kinds).toContain(`${call} ${output} altered`);
  }
  for (const call of ['vfree', 'vunmap', 'iounmap', 'sleep', 'vm_unmap_aliases']) expect(kinds).toContain(`${call} lazy altered`);
  for (const dump of ['periodic', 't1', 'all freed', 'purged', 'after overflow']) {
    for (const list of ['used', 'free', 'free_outside', 'used_outside']) expect(kinds).toContain(`dump ${dump} ${list} element dropped`);
    expect(kinds).toContain(`dump ${dump} lazy_pages altered`);
  }
  expect(kinds).toContain('dump t1 lazy element dropped');
});

test('a mistake in a recording is named with its line and column', () => {
  const { name, text } = readRecording(vmallocRecordings[0]);
  const message = (change: (text: string) => string): string => {
    const changed = change(text);
    expect(changed).not.toBe(text);
    try {
      conform({ name: 'x', text: changed }, implementations);
    } catch (error) {
      if (isRecordingError(error)) return error.message;
      throw error;
    }
    return `${name} was read`;
  };
  expect(message((t) => t.replace('"vmalloc_end":"ffffe', '"vmalloc_end":"fffg'))).toMatch(/^x:1:\d+: found "fffg.*, expected a hexadecimal address$/);
  expect(message((t) => t.replace('"op":"vfree","id":4,', '"op":"vfree","id":9999,'))).toMatch(/^x:7:20: found 9999, expected an id that is in use$/);
  expect(message((t) => t.replace('"op":"vfree"', '"op":"free"'))).toMatch(/^x:7:7: found "free", expected one of vmalloc vzalloc/);
  expect(message((t) => t.replace('"lazy":0}', '"lazy":0,"more":1}'))).toMatch(/^x:3:\d+: found member "more", expected one of the members/);
  expect(message((t) => t.replace('"free_tree":[["1",-1,-1,1,0]', '"free_tree":[["1",-1,-1,1,1]'))).toMatch(/^x:2:\d+: found .*, expected one root$/);
  expect(message((t) => t.replace('[28672,4096]', '[28672,8192]'))).toMatch(/^x:2:1: found the next one at 32768, expected a range that starts at 36864$/);
  expect(message((t) => t.split('\n').slice(0, -4).join('\n'))).toMatch(/found the end of the file, expected a dump "after overflow"$/);
  expect(message((t) => t.split('\n').slice(0, 1).join('\n'))).toBe('x:2:1: found the end of the file, expected a dump "t0"');
});

describe('vmallocinfo', () => {
  const conformed = (name: string, files: Readonly<Record<string, string>> = {}): Conformance | undefined => {
    const input = readRecording(name);
    const companion = (file: string): string | undefined => (file === 'vmallocinfo' || file === 'vmap-areas.jsonl' ? (files[file] ?? input.companion?.(file)) : undefined);
    return conform({ ...input, companion }, implementations).find(({ kind }) => kind === 'proc vmallocinfo');
  };

  test.each(procSnapshots)('beside %s is printed byte for byte', (name) => {
    const result = conformed(name);
    expect(result?.difference).toBeNull();
    expect(result?.exact).toBe(result?.total);
    expect(result?.total).toBeGreaterThan(20);
  });

  test('a range that was not purged is stated', () => {
    expect(conformed('proc/m256-2/lists.jsonl.gz')?.stated).toEqual(['unpurged vm_area']);
    expect(conformed('proc/m256-1/lists.jsonl.gz')?.stated).toEqual([]);
  });

  test.each(['proc/m256-2/lists.jsonl.gz', 'proc/i386-m1200-1/lists.jsonl.gz'])('every change of the text of %s is found', { timeout: TIMEOUT_MS }, (name) => {
    const original = readRecording(name).companion?.('vmallocinfo') ?? '';
    const missed: string[] = [];
    for (const { kind, line, text } of mutateText(original, 40)) {
      const found = conformed(name, { vmallocinfo: text })?.difference?.line;
      // A range that was not purged is an input: without its row there is none, with two there are two.
      const isInput = / unpurged /.test(original.split('\n')[line - 1] ?? '') || / unpurged /.test(original.split('\n')[line - 2] ?? '');
      if (found !== line && !(isInput && kind.startsWith('line'))) missed.push(`${kind} in line ${line}: found in ${String(found)}`);
    }
    expect(missed).toEqual([]);
  });

  test('a mistake in the areas is named with its line and column', () => {
    const areas = readRecording('proc/m256-1/lists.jsonl.gz').companion?.('vmap-areas.jsonl') ?? '';
    const read = (changed: string) => () => conformed('proc/m256-1/lists.jsonl.gz', { 'vmap-areas.jsonl': changed });
    expect(read(areas.replace('"size":20480', '"size":20481'))).toThrow(/vmap-areas\.jsonl:1:\d+: found "ffffc90000005000", expected start and size, added up/);
    expect(read(areas.replace('"start":"ffffc90000008000"', '"start":"c90000008000"'))).toThrow(/:3:\d+: found "c90000008000", expected 8 or 16 hexadecimal digits/);
    expect(read(areas.replace('"flags":1,', ''))).toThrow(/:2:\d+: found no member "flags"/);
    expect(read(areas.split('\n').reverse().join('\n').trim())).toThrow(/:2:\d+: found .*, expected an address past the area in the line before/);
  });
});
