/** assertValid: the invariants of slub-state.ts, checked one by one. */
import { KernelBug } from '@kmem/contracts';
import { freeIndices, slabsFrom } from './cache-state.js';
import {
  C_FREE, C_PARTIAL, C_PFN, C_SLAB, LIVE, N_FULL_HEAD, N_HEAD, N_OBJECTS, N_PARTIAL, N_SLABS, S_FREE, S_FROZEN, S_INUSE,
  S_OBJECTS, S_PFN, S_PREV, SLAB_WORDS, WAITING, type SlubState,
} from './slub-state.js';

/**
 * Checks every invariant of a cache.
 *
 * @param s - the cache.
 * @param name - its name, for the report.
 * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
 */
export function assertCacheValid(s: SlubState, name: string): void {
  const { words } = s;
  const places = new Map<number, string>();
  const place = (slab: number, where: string): void => {
    equal('a slab is in one place', places.get(slab) ?? where, where, { cache: name, slab });
    places.set(slab, where);
  };
  const onNode = slabsFrom(s, words[s.node + N_HEAD]);
  for (const slab of onNode) place(slab, 'node list');
  equal('N_PARTIAL = length of the node list', words[s.node + N_PARTIAL], onNode.length, { cache: name });
  checkBackLinks(s, N_HEAD, onNode, name);
  const full = slabsFrom(s, words[s.node + N_FULL_HEAD]);
  for (const slab of full) place(slab, 'full list');
  checkBackLinks(s, N_FULL_HEAD, full, name);

  /** Objects on the list of the CPU that has the slab. */
  const onCpu = new Map<number, number>();
  for (let cpu = 0; cpu < s.limits.nrCpus; cpu++) {
    const c = s.cpu(cpu);
    const slab = words[c + C_SLAB];
    equal('PFN of a CPU = PFN of its slab', words[c + C_PFN], slab === 0 ? 0 : words[slab + S_PFN], { cache: name, cpu });
    if (slab !== 0) {
      place(slab, `CPU ${String(cpu)}`);
      onCpu.set(slab, freeIndices(s, slab, words[c + C_FREE]).length);
    } else {
      equal('a CPU without a slab has no objects', words[c + C_FREE], 0, { cache: name, cpu });
    }
    for (const stacked of slabsFrom(s, words[c + C_PARTIAL])) place(stacked, `stack of CPU ${String(cpu)}`);
  }

  let slabs = 0;
  let objects = 0;
  for (const slab of s.slabs()) {
    if (words[slab + S_FROZEN] === WAITING) {
      checkWaiting(s, slab, places.get(slab), name);
      continue;
    }
    slabs++;
    objects += words[slab + S_OBJECTS];
    checkSlab(s, slab, places.get(slab), onCpu.get(slab) ?? 0, name);
  }
  equal('N_SLABS = slabs in use', words[s.node + N_SLABS], slabs, { cache: name });
  equal('N_OBJECTS = sum of their OBJECTS', words[s.node + N_OBJECTS], objects, { cache: name });
}

function checkSlab(s: SlubState, slab: number, where: string | undefined, onCpu: number, name: string): void {
  const { words } = s;
  const fields = { cache: name, slab };
  const free = freeIndices(s, slab, words[slab + S_FREE]).length;
  equal('INUSE + objects on the own list = OBJECTS', words[slab + S_INUSE] + free, words[slab + S_OBJECTS], fields);
  const first = slab + SLAB_WORDS;
  const live = words.subarray(first, first + words[slab + S_OBJECTS]).filter((link) => link === LIVE).length;
  equal('objects not LIVE = objects on lists', words[slab + S_OBJECTS] - live, free + onCpu, fields);
  // A slab that a check took out of use belongs to nobody and stays frozen.
  if (s.limits.isDebug && where === undefined && words[slab + S_FROZEN] === 1) return;
  const frozen = where !== undefined && where !== 'node list' && where !== 'full list';
  equal('FROZEN = the slab belongs to a CPU', words[slab + S_FROZEN], frozen ? 1 : 0, fields);
  if (where === undefined || where === 'full list') equal('a slab on no list is full', free, 0, fields);
  else if (where === 'node list' && free === 0) fail('a slab on the node list has a free object', free, 1, fields);
}

function checkWaiting(s: SlubState, slab: number, where: string | undefined, name: string): void {
  const fields = { cache: name, slab };
  equal('a slab that is given back is nowhere', where ?? 'nowhere', 'nowhere', fields);
  equal('INUSE of a slab that is given back = 0', s.words[slab + S_INUSE], 0, fields);
}

function checkBackLinks(s: SlubState, ends: number, slabs: readonly number[], name: string): void {
  let previous = 0;
  for (const slab of slabs) {
    equal('prev(next(slab)) = slab', s.words[slab + S_PREV], previous, { cache: name, slab });
    previous = slab;
  }
  equal('the tail word is the last slab', s.words[s.node + ends + 1], previous, { cache: name });
}

type Fields = Readonly<Record<string, number | string>>;

function equal(equation: string, found: number | string, expected: number | string, fields: Fields): void {
  if (found !== expected) fail(equation, found, expected, fields);
}

function fail(equation: string, found: number | string, expected: number | string, fields: Fields): never {
  const where = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
  const what = `${equation}: found ${String(found)}, expected ${String(expected)} (${where.join(', ')})`;
  throw new KernelBug('CORRUPT_STATE', what, { equation, found, expected, ...fields });
}
