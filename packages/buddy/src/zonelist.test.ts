import type { ZoneKind } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { ALLOC_NOFRAGMENT } from './alloc-flags.js';
import { createFreeAreas } from './free-area.js';
import { createPcpLists } from './per-cpu-lists.js';
import { BuddyState, Z_INDEX, Z_NODE, Z_PRESENT, zoneWords } from './state.js';
import { buildZonelists, zonelistRow } from './zonelist.js';

/** A state in which only the presence of memory is known: `present[node][index]`. */
function machine(kinds: ZoneKind[], present: readonly (readonly number[])[]) {
  const cpus = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const parts = {
    frames: createFrameTable({ nrFrames: 1024 }),
    kinds,
    nrNodes: present.length,
    maxOrder: 11,
    nrMigratetypes: 5,
    hugePages: true,
    cpus,
    memory: null,
    reclaim: null,
    trace: null,
    cpuNodes: null,
    now: null,
    reports: null,
  };
  const s = new BuddyState(parts, createFreeAreas, createPcpLists);
  present.flat().forEach((pages, zone) => {
    s.words[zoneWords(zone) + Z_PRESENT] = pages;
    s.words[zoneWords(zone) + Z_INDEX] = zone % kinds.length;
    s.words[zoneWords(zone) + Z_NODE] = Math.floor(zone / kinds.length);
  });
  buildZonelists(s);
  const row = (node: number, highest: number, thisNode = false) => {
    const zones: string[] = [];
    for (let at = zonelistRow(s, node, highest, thisNode ? 1 : 0); s.zonelists[at] >= 0; at++) {
      const zone = s.zonelists[at];
      zones.push(`${kinds[zone % kinds.length]} ${Math.floor(zone / kinds.length)}`);
    }
    return zones;
  };
  return { s, row };
}

const X86: ZoneKind[] = ['DMA', 'DMA32', 'Normal', 'Movable'];

describe('one node', () => {
  test('highest zone first, unpopulated zones left out', () => {
    const { row } = machine(X86, [[4095, 1000, 1000, 0]]);
    expect(row(0, 3)).toEqual(['Normal 0', 'DMA32 0', 'DMA 0']);
    expect(row(0, 1)).toEqual(['DMA32 0', 'DMA 0']);
    expect(row(0, 0)).toEqual(['DMA 0']);
  });
});

describe('several nodes', () => {
  const four = [[1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 1, 0]];

  test('the own node first, then the others, each from its highest zone down', () => {
    const { row } = machine(X86, four.slice(0, 2));
    expect(row(0, 2)).toEqual(['Normal 0', 'DMA32 0', 'DMA 0', 'Normal 1']);
    expect(row(1, 2)).toEqual(['Normal 1', 'Normal 0', 'DMA32 0', 'DMA 0']);
  });

  test('THISNODE stays', () => {
    const { row } = machine(X86, four);
    expect(row(1, 2, true)).toEqual(['Normal 1']);
    expect(row(1, 1, true)).toEqual([]);
  });

  test('nodes without memory are passed over', () => {
    const { row } = machine(['Normal'], [[1], [0], [1], [1]]);
    expect(row(0, 0)).toEqual(['Normal 0', 'Normal 2', 'Normal 3']);
    // Node 2 is node 0's second choice already, so node 3 comes first; node 0 lies behind and comes last.
    expect(row(1, 0)).toEqual(['Normal 3', 'Normal 2', 'Normal 0']);
  });

  test('nodes equally far away are spread: later ones first, earlier ones with a penalty', () => {
    const { row } = machine(['Normal'], [[1], [1], [1], [1]]);
    const order = (node: number) => row(node, 0).map((name) => Number(name.split(' ')[1]));
    expect([0, 1, 2, 3].map(order)).toEqual([
      [0, 1, 2, 3],
      [1, 2, 3, 0],
      [2, 3, 0, 1],
      [3, 0, 1, 2],
    ]);
  });
});

describe('where requests avoid mixing types', () => {
  test('in Normal of a machine that has DMA32 to fall back on', () => {
    const flags = (present: number[][]) => Array.from(machine(X86, present).s.avoidFragmentation, (flag) => (flag === ALLOC_NOFRAGMENT ? 1 : 0));
    expect(flags([[1, 1, 1, 0]])).toEqual([0, 0, 1, 0]);
    // With one node an empty DMA32 counts too; with two it must have memory on that node.
    expect(flags([[1, 0, 1, 0]])).toEqual([0, 0, 1, 0]);
    expect(flags([[1, 1, 1, 0], [0, 0, 1, 0]])).toEqual([0, 0, 1, 0, 0, 0, 0, 0]);
    expect(Array.from(machine(['DMA', 'Normal', 'HighMem'], [[1, 1, 1]]).s.avoidFragmentation)).toEqual([0, 0, 0]);
  });
});
