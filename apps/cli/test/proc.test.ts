import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyFolder, kmem, lines, SNAPSHOT } from './kmem.js';

test.each(['buddyinfo', 'pagetypeinfo'])('%s of a recorded state is the text of the real kernel', (name) => {
  const { code, out, err } = kmem(['proc', name, '--state', join(SNAPSHOT, 'lists.jsonl.gz')]);
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(out).toBe(readFileSync(join(SNAPSHOT, name), 'utf8'));
});

test('without options it is a PC with 160 MiB at boot', () => {
  const { code, out } = kmem(['proc', 'buddyinfo']);
  expect(code).toBe(0);
  expect(out).toBe(kmem(['proc', 'buddyinfo', '--profile', 'pc-160m']).out);
  // 3840 pages from frame 256 on, in blocks as large as their alignment allows (page allocator, boot population).
  expect(lines(out)[0]).toBe('Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3 ');
  expect(lines(out)[1]).toMatch(/^Node 0, zone {4}DMA32 ( {3,}\d+ ){11}$/);
  expect(lines(out)).toHaveLength(2);
});

test('a machine with two nodes has two lines for Normal', () => {
  const { out } = kmem(['proc', 'buddyinfo', '--profile', 'server-64g']);
  expect(lines(out).filter((line) => line.includes(' Normal '))).toEqual([
    expect.stringMatching(/^Node 0, /),
    expect.stringMatching(/^Node 1, /),
  ]);
});

test('zoneinfo, vmstat and meminfo show the state; what others count is 0', () => {
  const { out } = kmem(['proc', 'zoneinfo', '--state', join(SNAPSHOT, 'lists.jsonl.gz')]);
  const recorded = readFileSync(join(SNAPSHOT, 'zoneinfo'), 'utf8');
  const withoutOthers = recorded.replace(/^( {6}(?!nr_free)\w+ +)\d+$/gm, '$10');
  expect(out).toBe(withoutOthers);
  const managed = Array.from(out.matchAll(/managed +(\d+)/g), ([, pages]) => Number(pages) * 4).reduce((sum, kib) => sum + kib, 0);
  expect(kmem(['proc', 'meminfo', '--state', join(SNAPSHOT, 'lists.jsonl.gz')]).out).toContain(`MemTotal:         ${managed} kB\n`);
  expect(lines(kmem(['proc', 'vmstat', '--state', join(SNAPSHOT, 'lists.jsonl.gz')]).out)[0]).toBe('nr_free_pages 53771');
  // Boot has given every managed page to the allocator; what a recorded machine did before is not in its state.
  expect(lines(kmem(['proc', 'vmstat']).out).slice(-6)).toEqual([...['dma', 'dma32', 'normal', 'movable', 'device'].map((zone) => `pgalloc_${zone} 0`), 'pgfree 36207']);
  expect(kmem(['proc', 'vmstat', '--state', join(SNAPSHOT, 'lists.jsonl.gz')]).out).not.toContain('pgfree');
  // A set of lists for each of 2 times 16 CPUs in each zone that has memory.
  expect(kmem(['proc', 'zoneinfo', '--profile', 'server-64g']).out.match(/^ {4}cpu: /gm)).toHaveLength(4 * 32);
});

test('slabinfo of recorded counts is the text of the real kernel; at boot there are the caches of kmalloc, all empty', () => {
  const { code, out } = kmem(['proc', 'slabinfo', '--state', join(SNAPSHOT, 'slab-state.jsonl')]);
  expect([code, out]).toEqual([0, readFileSync(join(SNAPSHOT, 'slabinfo'), 'utf8')]);
  const booted = lines(kmem(['proc', 'slabinfo']).out).slice(2);
  expect(booted).toHaveLength(52);
  expect(booted.at(-1)).toMatch(/^kmalloc-8 +0 +0 +8 +512 +1 : /);
});

test('counts of caches that contradict themselves are bad input', () => {
  const path = join(emptyFolder(), 'state.jsonl');
  const [first] = readFileSync(join(SNAPSHOT, 'slab-state.jsonl'), 'utf8').split('\n');
  writeFileSync(path, `${first.replace('"free_in_partial":0', '"free_in_partial":9')}\n`);
  const { code, err } = kmem(['proc', 'slabinfo', '--state', path]);
  expect(code).toBe(2);
  expect(err).toMatch(/state\.jsonl:1:\d+: found 9, expected an integer from 0 to 8\n$/);
});

test.each([['--state', join(SNAPSHOT, 'lists.jsonl.gz')], ['--profile', 'raspberry-pi'], ['--profile', 'pc-3600m']])('lists of %s %s are a state to go on from', (...from) => {
  const path = join(emptyFolder(), 'lists.jsonl');
  const { code, out } = kmem(['proc', 'lists', ...from]);
  expect(code).toBe(0);
  writeFileSync(path, out);
  expect(lines(kmem(['conform', path]).out).at(-1)).toBe('TOTAL  exact 1/1 in 1 recordings, 0 unsupported');
  for (const text of ['buddyinfo', 'pagetypeinfo', 'lists']) expect(kmem(['proc', text, '--state', path]).out).toBe(kmem(['proc', text, ...from]).out);
});

test('lists of a machine with several nodes are refused', () => {
  const { code, out, err } = kmem(['proc', 'lists', '--profile', 'server-64g']);
  expect([code, out, err]).toEqual([2, '', 'kmem: lists: found a machine with 2 memory nodes, expected one with a single node\n']);
});

test('--json holds the text', () => {
  const { out } = kmem(['proc', 'pagetypeinfo', '--profile', 'raspberry-pi', '--json']);
  const document = JSON.parse(out) as { text: string };
  expect(document).toMatchObject({ name: 'pagetypeinfo', profile: 'raspberry-pi' });
  expect(document.text).toBe(kmem(['proc', 'pagetypeinfo', '--profile', 'raspberry-pi']).out);
});

test('a text of /proc/buddyinfo is a state: its counts come out again, and the indices of fragmentation follow', () => {
  const path = join(SNAPSHOT, 'buddyinfo');
  const from = (name: string, state: string): string => kmem(['proc', name, '--state', state]).out;
  expect(from('buddyinfo', path)).toBe(readFileSync(path, 'utf8'));
  for (const name of ['unusable_index', 'extfrag_index']) expect(from(name, path)).toBe(from(name, join(SNAPSHOT, 'lists.jsonl.gz')));
});

test('a state that is no recording is bad input', () => {
  const path = join(SNAPSHOT, 'vmstat');
  const { code, err } = kmem(['proc', 'buddyinfo', '--state', path]);
  expect(code).toBe(2);
  expect(err).toContain(`kmem: ${path}:1:1: found`);
});

test.each([
  ['pc-3600m', 'm3600-1'],
  ['i386-1200m', 'i386-m1200-1'],
])('iomem of %s is the text of the real machine', (profile, snapshot) => {
  const { code, out } = kmem(['proc', 'iomem', '--profile', profile]);
  expect(code).toBe(0);
  expect(out).toBe(readFileSync(join(SNAPSHOT, '..', snapshot, 'iomem'), 'utf8'));
});

test('iomem does not follow from a state', () => {
  const { code, err } = kmem(['proc', 'iomem', '--state', join(SNAPSHOT, 'lists.jsonl.gz')]);
  expect(code).toBe(2);
  expect(err).toBe('kmem: iomem: it follows from the machine, not from a state; expected --profile\n');
});

test('vmallocinfo of recorded areas is the text of the real kernel; a machine just booted has none', () => {
  for (const snapshot of ['m256-1', 'i386-m1200-1']) {
    const folder = join(SNAPSHOT, '..', snapshot);
    const { code, out } = kmem(['proc', 'vmallocinfo', '--state', join(folder, 'vmap-areas.jsonl')]);
    expect(code).toBe(0);
    expect(out).toBe(readFileSync(join(folder, 'vmallocinfo'), 'utf8'));
  }
  const { code, err } = kmem(['proc', 'vmallocinfo', '--profile', 'pc-160m']);
  expect(code).toBe(2);
  expect(err).toBe('kmem: vmallocinfo: it is printed from recorded areas; expected --state\n');
});

test('interrupts and softirqs are counted on a machine whose devices interrupt for a second', () => {
  const pc = lines(kmem(['proc', 'interrupts', '--profile', 'pc-4g']).out);
  expect(pc[0]).toBe('           CPU0       CPU1       CPU2       CPU3       ');
  expect(pc).toContain(' 25:        333          0          0          0   PCI-MSI 49153-edge      virtio0-req.0');
  expect(pc).toContain(' 26:          0        500          0          0   PCI-MSI 65536-edge      virtio1-input.0');
  expect(lines(kmem(['proc', 'softirqs', '--profile', 'pc-4g']).out)).toContain('      NET_RX:          0        500          0          0');
});

test('interrupts of a Raspberry Pi: a column for levels, lines that each CPU has, fast interrupt, interrupts between CPUs', () => {
  const pi = lines(kmem(['proc', 'interrupts', '--profile', 'raspberry-pi']).out);
  expect(pi).toContain(' 56:       1000          0          0          0  ARMCTRL-level  64 Edge      dwc_otg, dwc_otg_pcd, dwc_otg_hcd:usb1');
  expect(pi).toContain('162:        100        100        100        100  bcm2836-timer   1 Edge      arch_timer');
  expect(pi).toContain('FIQ:              usb_fiq');
  expect(pi.find((row) => row.startsWith('IPI2:'))).toMatch(/^IPI2:( {10}\d){4} {2}Rescheduling interrupts$/);
});

test.each(['interrupts', 'softirqs'])('%s does not follow from a state', (name) => {
  const { code, err } = kmem(['proc', name, '--state', join(SNAPSHOT, 'lists.jsonl.gz')]);
  expect([code, err]).toEqual([2, `kmem: ${name}: it is counted on a machine that runs, not in a state; expected --profile\n`]);
});
