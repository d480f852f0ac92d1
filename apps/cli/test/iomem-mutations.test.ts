/** Proof that /proc/iomem is compared: whatever row the machine decides is changed, it is found. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { conform, mutateText, type Conformance } from '@kmem/conformance';
import { expect, test } from 'vitest';
import { IMPLEMENTATIONS } from '../src/implementations.js';
import { RECORDINGS } from './kmem.js';

/** With HighMem, with memory above 4 GiB, and beside a table of limits. */
const CASES = ['memory/proc/i386-m1200-1/lists.jsonl.gz', 'memory/proc/m3600-1/lists.jsonl.gz', 'memory/ram/512smp4/zones.json'];

/** Tells whether only the range of a row differs, and boot finds that range. */
function isStatedRange(row: string, changed: string): boolean {
  const shape = (text: string): string => text.replace(/[0-9a-f]{8,}-[0-9a-f]{8,}/, 'range');
  return shape(row) === shape(changed) && / : (Kernel|Video ROM|Adapter ROM|0000:)/.test(row);
}

test.each(CASES)('iomem beside %s', (name) => {
  const path = join(RECORDINGS, name);
  const text = name.endsWith('.gz') ? gunzipSync(readFileSync(path)).toString() : readFileSync(path, 'utf8');
  const original = readFileSync(join(path, '../iomem'), 'utf8');
  const conformed = (iomem: string): Conformance | undefined =>
    conform({ name, text, companion: (file) => (file === 'iomem' ? iomem : undefined) }, { ...IMPLEMENTATIONS, loadPages: () => expect.fail() }).find(
      ({ kind }) => kind === 'proc iomem',
    );
  const unchanged = conformed(original);
  expect(unchanged?.difference).toBeNull();
  expect(unchanged?.stated).toEqual(['Video ROM', 'Adapter ROM', 'Kernel code', 'Kernel rodata', 'Kernel data', 'Kernel bss', '0000:00:02.0', '0000:00:02.0']);

  // The range of a stated row is printed again; that it is there, its name, its place and its depth are not taken from it.
  const rows = original.split('\n');
  const missed: string[] = [];
  let count = 0;
  for (const { kind, line, text: changed } of mutateText(original, 1000)) {
    const row = rows[line - 1];
    if (changed.split('\n').length === rows.length && isStatedRange(row, changed.split('\n')[line - 1])) continue;
    const found = conformed(changed)?.difference;
    count++;
    if (found === null || found === undefined) missed.push(`${kind} in line ${line}: ${row}`);
  }
  expect(missed).toEqual([]);
  expect(count).toBeGreaterThan(150);
});
