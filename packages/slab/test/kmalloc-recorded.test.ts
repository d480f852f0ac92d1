/** What a real kernel answered to requests of the kmalloc family, asked again of ours. */
import { __GFP_ACCOUNT, __GFP_DMA, __GFP_NOWARN, __GFP_RECLAIMABLE, __GFP_ZERO, BLOCK_ORDER_MASK, GFP_ATOMIC, GFP_DMA32, GFP_KERNEL, ZERO_SIZE_PTR, type Gfp } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { headFrame } from '../src/object-address.js';
import { bootKmalloc, readBytes, type KmallocMachine } from './kmalloc-machine.js';
import { readLines } from './recordings.js';

interface Request {
  readonly kmalloc: number;
  readonly flags: string;
  readonly ok: boolean;
  readonly pointer?: number;
  readonly ksize?: number;
  readonly cache?: string;
  readonly order?: number;
  readonly min_align_log2?: number;
}

interface Resize {
  readonly krealloc: readonly [number, number];
  readonly zero_flag: number;
  readonly old_ksize: number;
  readonly new_ksize: number;
  readonly moved: boolean;
  readonly result: string;
  readonly leading_bytes_kept: number;
  readonly zeroed_after: number;
}

const FLAGS: Readonly<Record<string, Gfp>> = {
  GFP_KERNEL,
  GFP_ATOMIC,
  GFP_DMA32,
  GFP_KERNEL_ACCOUNT: GFP_KERNEL | __GFP_ACCOUNT,
  __GFP_RECLAIMABLE,
  __GFP_DMA,
  __GFP_ZERO,
};

/** Objects over which the lowest alignment was taken. */
const ALIGN_SAMPLE = 6;
/** What memory was filled with before it was resized. */
const FILL = 0xab;

function parseFlags(text: string): Gfp {
  return text.split('|').reduce((sum, name) => {
    if (!(name in FLAGS)) throw new Error(`unknown flag ${name}`);
    return sum | FLAGS[name];
  }, __GFP_NOWARN);
}

const lines = (file: string): object[] => readLines(`kmalloc/${file}`) as object[];

describe.each(['sizes.jsonl.gz', 'edges.jsonl.gz'])('%s', (file) => {
  test('every request gets the size, cache, pages and alignment that it got there', () => {
    const machine = bootKmalloc();
    const requests = lines(file).filter((line): line is Request => 'kmalloc' in line);
    expect(requests.length).toBeGreaterThan(400);
    const wrong = requests.flatMap((request) => {
      const got = ask(machine, request);
      const want = expected(request);
      return want === null || JSON.stringify(got) === JSON.stringify(want) ? [] : [{ request, got }];
    });
    expect(wrong).toEqual([]);
    expect(machine.family.largePages()).toBe(0);
  });
});

/** What a request must come to; null where the recorded kernel's zone DMA was too full, which says nothing about kmalloc. */
function expected(request: Request): unknown {
  const { kmalloc: size, ok, pointer, ksize, cache, order, flags } = request;
  if (size === 0) return { pointer, ksize };
  if (!ok) return flags.includes('__GFP_DMA') && size <= 4194304 ? null : { ok };
  // Of a single block of pages the alignment beyond its size is chance.
  return { ksize, cache, order, align: cache === '(pages)' ? Math.log2(ksize ?? 0) : request.min_align_log2 };
}

function ask({ family, frames, slabs }: KmallocMachine, { kmalloc: size, flags }: Request): unknown {
  const gfp = parseFlags(flags);
  const addr = family.kmalloc(size, gfp);
  if (size === 0) return { pointer: addr, ksize: family.ksize(addr) };
  if (addr === 0) return { ok: false };
  const ksize = family.ksize(addr);
  const cache = slabs.cacheOf(addr)?.name ?? '(pages)';
  const order = frames.block[headFrame(frames, addr)] & BLOCK_ORDER_MASK;
  const more = cache === '(pages)' ? [] : Array.from({ length: ALIGN_SAMPLE - 1 }, () => family.kmalloc(size, gfp));
  const align = cache === '(pages)' ? Math.log2(ksize) : Math.min(...[addr, ...more].map(trailingZeros));
  for (const other of [addr, ...more]) family.kfree(other);
  return { ksize, cache, order, align };
}

function trailingZeros(addr: number): number {
  let bits = 0;
  while (addr % 2 ** (bits + 1) === 0) bits++;
  return bits;
}

test('every resize stays, moves, keeps and clears as it did there', () => {
  const { family, memory } = bootKmalloc();
  const resizes = lines('edges.jsonl.gz').filter((line): line is Resize => 'krealloc' in line);
  expect(resizes.length).toBeGreaterThan(500);
  const wrong = resizes.flatMap((want) => {
    const [from, to] = want.krealloc;
    const old = family.kmalloc(from, GFP_KERNEL);
    const oldSize = family.ksize(old);
    memory.fill(old, oldSize, FILL);
    const now = family.krealloc(old, to, want.zero_flag === 1 ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL);
    const newSize = family.ksize(now);
    const bytes = newSize === 0 ? new Uint8Array() : readBytes(memory, now, newSize);
    const kept = bytes.findIndex((byte) => byte !== FILL);
    const got = {
      krealloc: want.krealloc,
      zero_flag: want.zero_flag,
      old_ksize: oldSize,
      new_ksize: newSize,
      moved: now !== old,
      result: now === ZERO_SIZE_PTR ? 'ZERO_SIZE_PTR' : 'pointer',
      leading_bytes_kept: kept < 0 ? bytes.length : kept,
      // Without the flag, what lies behind is chance.
      zeroed_after: want.zero_flag === 1 ? leadingZeros(bytes.subarray(Math.min(oldSize, newSize))) : want.zeroed_after,
    };
    // Or the next one would find this one's fill behind what it was given.
    memory.fill(old, oldSize, 0);
    memory.fill(now, newSize, 0);
    family.kfree(now);
    return JSON.stringify(got) === JSON.stringify(want) ? [] : [{ want, got }];
  });
  expect(wrong).toEqual([]);
});

function leadingZeros(bytes: Uint8Array): number {
  const end = bytes.findIndex((byte) => byte !== 0);
  return end < 0 ? bytes.length : end;
}
