/** The limits of booted machines, against what real kernels had: the table of RAM sizes, and the first dumps of the recordings. */
import { conform, mutateText, readRecordedMachine } from '@kmem/conformance';
import { createFrameTable, describeMachine, getProfile, recordedPc, type MachineProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator, type ZoneTunables } from '../src/index.js';
import { buddyRecordings, implementations, ramTables, readRecording } from './recorded.js';

function bootProfile(profile: MachineProfile, tunables: Partial<ZoneTunables> = {}): BuddyAllocator {
  const { pageShift, pageblockOrder, maxOrder, nrMigratetypes, hugePages, nrCpus } = profile;
  const { zones, free, late, cpuNodes, nrFrames } = describeMachine(profile);
  const frames = createFrameTable({ nrFrames, pageShift, pageblockOrder, maxOrder });
  const cpus = { nrCpus, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  return new BuddyAllocator({ frames, zones, free, late, cpuNodes, maxOrder, nrMigratetypes, hugePages, cpus, tunables });
}

const booting = {
  ...implementations,
  bootPages: ({ ramMib, nrCpus, tunables }: { ramMib: number; nrCpus: number; tunables: Partial<ZoneTunables> }) =>
    bootProfile(recordedPc({ ramMib, nrCpus }), tunables),
};

describe('every number of the table of RAM sizes', () => {
  test.each(ramTables)('%s', (name) => {
    const [result] = conform(readRecording(name), booting);
    expect(result).toMatchObject({ kind: 'ram', difference: null });
    expect(result.exact).toBe(result.total);
    expect(result.total).toBeGreaterThan(70);
  });

  test('the table has one and four CPUs, and sizes with and without huge pages', () => {
    expect(ramTables.map((name) => name.split('/')[1])).toEqual(['2048', '256', '512', '512smp4', '64']);
  });
});

test('every changed number of a table is found', () => {
  const { text } = readRecording('ram/512smp4/zones.json');
  const missed: string[] = [];
  let count = 0;
  for (const { kind, line, text: changed } of mutateText(text, 400)) {
    // A line said twice means the same in JSON, as do other spaces.
    if (kind.startsWith('space') || kind === 'line repeated') continue;
    // Inputs and the two values that are left out: see ram-table.ts.
    if (/"(count|mem|kernel|overcommit_memory|watermark_boost_factor|lowmem_reserve_ratio|watermark_scale_factor|percpu_pagelist_high_fraction)"/.test(text.split('\n')[line - 1])) continue;
    let isFound: boolean;
    try {
      const [{ exact, total }] = conform({ name: 'zones.json', text: changed }, booting);
      isFound = total === 0 || exact < total;
    } catch {
      isFound = true;
    }
    if (!isFound) missed.push(`${kind} in line ${line}`);
    count++;
  }
  expect(missed).toEqual([]);
  expect(count).toBeGreaterThan(200);
});

describe('zones of a booted profile have the limits of the recorded kernel', () => {
  test.each([
    ['pc-160m', 'buddy/m160-'],
    ['pc-3600m', 'buddy/m3600-'],
    ['i386-1200m', 'buddy/i386-m1200-'],
  ])('%s', (name, machine) => {
    const recording = buddyRecordings.find((file) => file.startsWith(machine)) ?? machine;
    const limits = (zones: ReturnType<BuddyAllocator['exportState']>['zones']) =>
      zones
        .filter(({ present }) => present > 0)
        .map((z) => [z.zone, z.start_pfn, z.spanned, z.present, z.managed, z.min, z.low, z.high, z.promo, z.lowmem_reserve, z.stat_threshold, z.pcp.high, z.pcp.batch]);
    const booted = bootProfile(getProfile(name)).exportState().zones;
    const recorded = readRecordedMachine(readRecording(recording)).state.zones;
    expect(limits(booted)).toEqual(limits(recorded));
  });
});
