/** What each kind of misuse is answered with: by a plain cache, by a debugged one, and by a real kernel. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  GFP_KERNEL, SLAB_CONSISTENCY_CHECKS, SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER, type KernelBug, type PhysAddr,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import type { SlubCache } from '../src/index.js';
import { readText } from './recordings.js';
import { madeCache, takeObjects, testMachine, type TestMachine } from './slub-machine.js';

const FZPU = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;
const SIZE = 48;

/** A machine that remembers its reports. */
interface Watched extends TestMachine {
  readonly reports: KernelBug[];
  /** Makes a cache; its flags are those of the mode. */
  readonly make: (name: string, sizeBytes?: number) => SlubCache;
  /** Writes one character. */
  readonly write: (addr: PhysAddr, text: string) => void;
}

/** Machine with memory and tracks; `flags` for its caches. */
function watched(flags: number, withMemory = true): Watched {
  const reports: KernelBug[] = [];
  const tracks = () => ({ caller: 0xffffffffa0006000n, stack: 0, pid: 37, time: 100 });
  const machine = testMachine({ withMemory, tracks, reports: { report: (bug) => void reports.push(bug) } });
  const make = (name: string, sizeBytes = SIZE) => madeCache(machine.slab, { name, sizeBytes, flags });
  const write = (addr: PhysAddr, text: string) => machine.memory?.fill(addr, 1, text.charCodeAt(0));
  return { ...machine, reports, make, write };
}

/** What happens in a case; the module that was recorded did the same. */
type Story = (machine: Watched) => void;

const STORIES: Readonly<Record<string, Story>> = {
  'right red zone overwritten, seen at free': ({ make, write }) => {
    const cache = make('bug_right');
    const [object] = takeObjects(cache, 1);
    write(object + SIZE, 'A');
    cache.free(object);
    cache.destroy();
  },
  'left red zone overwritten, seen at free': ({ make, write }) => {
    const cache = make('bug_left');
    const [object] = takeObjects(cache, 1);
    write(object - 1, 'B');
    cache.free(object);
    cache.destroy();
  },
  'write after free, seen at the next allocation': ({ make, write }) => {
    const cache = make('bug_uaf');
    const [object] = takeObjects(cache, 1);
    cache.free(object);
    write(object + 10, 'C');
    const [other] = takeObjects(cache, 1);
    expect(other).not.toBe(object);
    cache.free(other);
    cache.destroy();
  },
  'double free': ({ make }) => {
    const cache = make('bug_double');
    const [first] = takeObjects(cache, 2);
    cache.free(first);
    cache.free(first);
  },
  'free to another cache': ({ make }) => {
    const [a, b] = [make('bug_a'), make('bug_b')];
    b.free(takeObjects(a, 1)[0]);
    expect([a.destroy(), b.destroy()]).toEqual([true, true]);
  },
  'free of an address inside an object': ({ make }) => {
    const cache = make('bug_inside');
    const [object] = takeObjects(cache, 1);
    cache.free(object + 8);
    cache.free(object);
    expect(cache.destroy()).toBe(true);
  },
  'destroy with objects in use': ({ make }) => {
    const cache = make('bug_leak');
    takeObjects(cache, 1);
    cache.destroy();
  },
  'padding after the object overwritten, seen at free': ({ make, write }) => {
    const cache = make('bug_pad', 44);
    const [object] = takeObjects(cache, 1);
    write(object + 45, 'D');
    cache.free(object);
    cache.destroy();
  },
};

/** The lines of a report that are facts about slabs and objects; addresses are cut to the place in a page. */
function facts(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/^\[ *\d+\.\d+\] /, ''))
    .filter((line) => /^(BUG |0x|Allocated in|Freed in|Slab 0x|Object |Redzone|Padding|FIX |cache_from_obj|kmem_cache_destroy .*objects)/.test(line))
    .map((line) =>
      line
        .replace(/ \(Tainted:[^)]*\)/, '')
        .replace(/^Slab 0x[0-9a-f]+/, 'Slab')
        .replace(/ flags=.*/, '')
        .replace(/ when called from .*/, '')
        .replace(/^(Allocated|Freed) in .*age=\d+/, '$1')
        .replace(/(0x)?[0-9a-f]{13}([0-9a-f]{3})/g, '$2'),
    );
}

const LOG = readText('misuse/kernel-log.txt').split('olog-case: ');

/** What the kernel wrote in a case. */
function recorded(name: string): string[] {
  const part = LOG.find((text) => text.startsWith(`${name}\n`)) ?? '';
  const lines = facts(part);
  // The kernel's second look at a list that a double free has cut is about damage that is not done here.
  const end = name === 'double free' ? lines.findIndex((line) => line.includes('Wrong object count')) : lines.length;
  return lines.slice(0, end);
}

describe('a cache with FZPU reports what a real kernel reports', () => {
  test.each(Object.entries(STORIES))('%s', (name, story) => {
    const machine = watched(FZPU);
    story(machine);
    const got = machine.reports.filter(({ fields }) => 'text' in fields).flatMap(({ fields }) => facts(String(fields['text'])));
    expect(recorded(name).length).toBeGreaterThan(1);
    expect(got).toEqual(recorded(name));
    machine.slab.assertValid();
  });

  test('destroy with objects in use, no debug flags', () => {
    const machine = watched(0);
    const cache = machine.make('bug_leak_plain');
    takeObjects(cache, 1);
    expect(cache.destroy()).toBe(false);
    expect(machine.reports.flatMap(({ fields }) => facts(String(fields['text'])))).toEqual(recorded('destroy with objects in use, no debug flags'));
  });
});

/** A kind of misuse: takes objects of a cache of 48 bytes and does it. */
const MISUSE = {
  'write before an object': ({ make, write }) => {
    const cache = make('c');
    const [object] = takeObjects(cache, 2);
    write(object - 1, 'x');
    cache.free(object);
  },
  'write after an object': ({ make, write }) => {
    const cache = make('c');
    const [object] = takeObjects(cache, 2);
    write(object + SIZE, 'x');
    cache.free(object);
  },
  'write past the request, inside the object': ({ make, write }) => {
    const cache = make('c');
    const [object] = takeObjects(cache, 2);
    write(object + SIZE - 1, 'x');
    cache.free(object);
  },
  'write past an odd size, before the next word': ({ make, write }) => {
    const cache = make('c', SIZE - 4);
    const [object] = takeObjects(cache, 2);
    write(object + SIZE - 4, 'x');
    cache.free(object);
  },
  'write after free': ({ make, write }) => {
    const cache = make('c');
    const [object] = takeObjects(cache, 2);
    cache.free(object);
    write(object, 'x');
    takeObjects(cache, 1);
  },
  'write behind the last slot': ({ make, write }) => {
    const cache = make('c');
    const [object] = takeObjects(cache, 2);
    write(Math.floor(object / 4096) * 4096 + 4095, 'x');
    cache.free(object);
  },
  'double free': ({ make }) => {
    const cache = make('c');
    const [object] = takeObjects(cache, 2);
    cache.free(object);
    cache.free(object);
  },
  'double free in bulk': ({ make }) => {
    const cache = make('c');
    const [object] = takeObjects(cache, 2);
    cache.freeBulk(2, Float64Array.of(object, object));
  },
  'interior free': ({ make }) => {
    const cache = make('c');
    cache.free(takeObjects(cache, 2)[0] + 8);
  },
  'wrong cache': ({ make }) => {
    make('other', SIZE + 8).free(takeObjects(make('c'), 1)[0]);
  },
  'foreign pointers': ({ make }) => {
    const cache = make('c');
    for (const addr of [0, 16, -8, 0.5, NaN, Infinity, 2 ** 52, 3 * 2 ** 20]) cache.free(addr);
  },
  'destroy with a live object': ({ make }) => {
    const cache = make('c');
    takeObjects(cache, 1);
    expect(cache.destroy()).toBe(false);
  },
} satisfies Readonly<Record<string, Story>>;

const BAD_POINTERS = Array.from({ length: 8 }, () => 'BAD_OBJECT');
/** What is reported: without debugging, with F alone, with FZPU. Without memory F is all there is. */
const ANSWERS: Readonly<Record<keyof typeof MISUSE, readonly [plain: string[], f: string[], fzpu: string[]]>> = {
  'write before an object': [[], [], ['CORRUPT_OBJECT']],
  'write after an object': [[], [], ['CORRUPT_OBJECT']],
  'write past the request, inside the object': [[], [], []],
  'write past an odd size, before the next word': [[], [], ['CORRUPT_OBJECT']],
  'write after free': [[], [], ['CORRUPT_OBJECT']],
  'write behind the last slot': [[], [], ['CORRUPT_OBJECT']],
  'double free': [['DOUBLE_FREE'], ['DOUBLE_FREE'], ['DOUBLE_FREE']],
  'double free in bulk': [['DOUBLE_FREE'], ['DOUBLE_FREE'], ['DOUBLE_FREE']],
  'interior free': [['BAD_OBJECT'], ['BAD_OBJECT'], ['BAD_OBJECT']],
  'wrong cache': [['WRONG_CACHE'], ['WRONG_CACHE'], ['WRONG_CACHE']],
  'foreign pointers': [BAD_POINTERS, BAD_POINTERS, BAD_POINTERS],
  'destroy with a live object': [['LIVE_OBJECTS', 'LIVE_OBJECTS'], ['LIVE_OBJECTS', 'LIVE_OBJECTS'], ['LIVE_OBJECTS', 'LIVE_OBJECTS']],
};

const MODES = [['plain', 0, 0], ['F', SLAB_CONSISTENCY_CHECKS, 1], ['FZPU', FZPU, 2]] as const;

describe('what each mode reports', () => {
  const cases = MODES.flatMap(([mode, flags, at]) =>
    // Without bytes there is nothing to overwrite.
    [true, false].flatMap((withMemory) => Object.entries(MISUSE).filter(([name]) => withMemory || !name.startsWith('write')).map(
      ([name, story]) => [mode, withMemory ? 'bytes' : 'addresses', name, story, flags, ANSWERS[name as keyof typeof MISUSE][at]] as const,
    )));

  test.each(cases)('%s, %s: %s', (_mode, backing, _name, story, flags, expected) => {
    const machine = watched(flags, backing === 'bytes');
    story(machine);
    expect(machine.reports.map(({ code }) => code)).toEqual(expected);
    // The allocator is sound, and goes on.
    machine.slab.assertValid();
    const cache = machine.make('next', 200);
    const held = takeObjects(cache, 300);
    expect(new Set(held).size).toBe(300);
    held.forEach((addr) => cache.free(addr));
    expect(cache.shrink()).toBe(true);
    machine.slab.assertValid();
  });
});

/** What the kernel says of a report, without addresses; nothing where it is not known to say anything. */
function kernelWords({ fields: { text } }: KernelBug): string[] {
  const words = /^BUG c: (.*)$/m.exec(String(text))?.[1] ?? /^cache_from_obj: .*$/m.exec(String(text))?.[0];
  return words === undefined ? [] : [words.replace(/ 0x[0-9a-f]+/, '')];
}

test('the table in the README is what happens', () => {
  const rows = Object.entries(MISUSE).map(([name, story]) => {
    const cells = MODES.map(([, flags]) => {
      const machine = watched(flags);
      story(machine);
      return { codes: machine.reports.map(({ code }) => `\`${code}\``), words: machine.reports.flatMap(kernelWords) };
    });
    const text = (items: readonly string[]): string => [...new Set(items)].join(', ');
    return `| ${[name, ...cells.map(({ codes }) => text(codes)), text(cells[2].words)].map((cell) => cell || '-').join(' | ')} |`;
  });
  const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
  expect(readme.split('\n').filter((line) => /^\| (write|double|interior|wrong|foreign|destroy)/.test(line))).toEqual(rows);
});

describe('without a receiver of reports', () => {
  test('a report is thrown, and the object stays in use', () => {
    const { memory, slab } = testMachine({ withMemory: true });
    const cache = madeCache(slab, { sizeBytes: 64, flags: FZPU });
    const [object] = takeObjects(cache, 1);
    memory?.fill(object + 64, 1, 0);
    expect(() => {
      cache.free(object);
    }).toThrow('Right Redzone overwritten');
    expect(slab.find(object)).toMatchObject({ live: true });
    // The damage has been mended.
    cache.free(object);
    expect(slab.find(object)).toMatchObject({ live: false });
  });

  test('at an allocation too: the slab is out of use, the next request gets an object', () => {
    const { memory, slab } = testMachine({ withMemory: true });
    const cache = madeCache(slab, { sizeBytes: 64, flags: FZPU });
    const [object] = takeObjects(cache, 1);
    cache.free(object);
    memory?.fill(object + 63, 1, 0);
    expect(() => cache.alloc(GFP_KERNEL)).toThrow('End Poison overwritten');
    slab.assertValid();
    expect(Math.floor(takeObjects(cache, 1)[0] / 4096)).not.toBe(Math.floor(object / 4096));
    slab.assertValid();
  });
});

describe('rules of the specification', () => {
  /** One object of 64 bytes of a cache with all checks. */
  function debugged() {
    const machine = watched(FZPU);
    const cache = machine.make('debugged', 64);
    const [object] = takeObjects(cache, 1);
    return { ...machine, cache, object };
  }

  test('21.27: damaged right red zone: reported, not freed, restored', () => {
    const { cache, memory, object, reports, slab, write } = debugged();
    write(object + 64, 'x');
    cache.free(object);
    expect(reports).toMatchObject([{ code: 'CORRUPT_OBJECT', fields: { title: 'Right Redzone overwritten', start: object + 64, found: 0x78, expected: 0xcc } }]);
    expect(slab.find(object)).toMatchObject({ live: true });
    expect(memory?.view(object + 64, 8)).toEqual(new Uint8Array(8).fill(0xcc));
  });

  test('21.29: double free: the object is free once', () => {
    const { cache, object, reports } = debugged();
    cache.free(object);
    cache.free(object);
    expect(reports.map(({ code }) => code)).toEqual(['DOUBLE_FREE']);
    const [first, second] = takeObjects(cache, 2);
    expect(first).toBe(object);
    expect(second).not.toBe(object);
  });

  test('21.30: free of an interior address: the object stays in use', () => {
    const { cache, object, reports, slab } = debugged();
    cache.free(object + 8);
    expect(String(reports[0]?.fields['text'])).toContain(`Invalid object pointer 0x${(object + 8).toString(16).padStart(16, '0')}`);
    expect(slab.find(object)).toMatchObject({ live: true });
  });

  test('21.31: write after free: found by validate too, once', () => {
    const { cache, object, reports, write } = debugged();
    cache.free(object);
    write(object + 3, 'x');
    expect([cache.validate(), cache.validate()]).toEqual([1, 0]);
    expect(reports).toMatchObject([{ fields: { title: 'Poison overwritten', start: object + 3 } }]);
  });

  test('a write behind the last slot is found by validate, once', () => {
    const { cache, object, reports, write } = debugged();
    write(Math.floor(object / 4096) * 4096 + 4095, 'x');
    expect([cache.geometry.order, cache.validate(), cache.validate()]).toEqual([0, 1, 0]);
    expect(reports).toMatchObject([{ fields: { title: 'Padding overwritten' } }]);
  });

  test('21.32: without debugging a double free makes no circle here', () => {
    const machine = watched(0);
    const cache = machine.make('plain');
    const [object] = takeObjects(cache, 1);
    cache.free(object);
    cache.free(object);
    const [first, second] = takeObjects(cache, 2);
    expect(first).not.toBe(second);
  });

  test.each([
    ['Left Redzone overwritten', -1, true],
    ['Object padding overwritten', 144, false],
    ['Freepointer corrupt', 72, true],
  ])('%s, at %i', (title, place, isRefused) => {
    const { cache, object, reports, slab, write } = debugged();
    write(object + place, 'x');
    cache.free(object);
    expect(reports.map(({ fields }) => fields['title'])).toEqual([title]);
    expect(slab.find(object)?.live).toBe(isRefused);
    expect(cache.validate()).toBe(0);
  });
});
