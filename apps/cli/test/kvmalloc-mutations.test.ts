/** What a real kernel answered to kvmalloc, asked again of ours; and proof that every output is compared. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { conform, type Conformance } from '@kmem/conformance';
import { expect, test } from 'vitest';
import { IMPLEMENTATIONS } from '../src/implementations.js';
import { RECORDINGS } from './kmem.js';

/** Altering an output takes a machine of its own each time. */
const TIMEOUT_MS = 60_000;
const INPUTS = ['kvmalloc', 'kvmalloc_array', 'kvcalloc', 'flags'];

const [meta, ...lines] = gunzipSync(readFileSync(join(RECORDINGS, 'memory/kmalloc/edges.jsonl.gz'))).toString().trimEnd().split('\n');
const rows = lines.filter((line) => line.startsWith('{"kv'));

function replay(changed: readonly string[]): Conformance {
  return conform({ name: 'kvmalloc.jsonl', text: [meta, ...changed, ''].join('\n') }, IMPLEMENTATIONS)[0];
}

test('every line is exact', () => {
  const { difference, exact, stated, total } = replay(rows);
  expect([difference, exact, total, stated]).toEqual([null, 75, 75, []]);
});

test('every altered output is found, no earlier than where it stands', { timeout: TIMEOUT_MS }, () => {
  const missed: string[] = [];
  const kinds = new Set<string>();
  rows.forEach((text, i) => {
    // Lines are an object of plain values each.
    const row = JSON.parse(text) as Record<string, unknown>;
    for (const [member, value] of Object.entries(row)) {
      if (INPUTS.includes(member)) continue;
      for (const altered of typeof value === 'number' ? [value - 1, value + 1] : [typeof value === 'boolean' ? !value : `${String(value)}x`]) {
        kinds.add(member);
        const difference = findDifference(rows.with(i, JSON.stringify({ ...row, [member]: altered })));
        if (difference === null || difference.line < i + 2) missed.push(`${text}: ${member} ${String(altered)}`);
      }
    }
  });
  // The one alignment that the places of the other areas leave open.
  const open = '{"kvmalloc":33554432,"flags":"GFP_KERNEL","ok":true,"backed_by":"vmalloc","align_log2":25}';
  expect(missed).toEqual([`${open}: align_log2 24`, `${open}: align_log2 26`]);
  expect([...kinds].sort()).toEqual(['align_log2', 'backed_by', 'ok', 'pointer']);
});

function findDifference(changed: readonly string[]): { readonly line: number } | null {
  try {
    return replay(changed).difference;
  } catch {
    // A line that contradicts itself is no valid recording.
    return { line: Infinity };
  }
}
