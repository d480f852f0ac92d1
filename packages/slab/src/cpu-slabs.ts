/** What a CPU keeps: its slab, and a stack of slabs that it froze (slab spec 6.1 to 6.4). */
import { linkFull, linkPartial } from './slab-list.js';
import { releaseSlab } from './slab-life.js';
import { C_FREE, C_PARTIAL, C_PFN, C_SLAB, N_PARTIAL, S_FREE, S_FROZEN, S_INUSE, S_NEXT, S_PFN, S_STACKED, type SlubState } from './slub-state.js';

/**
 * Pushes a frozen slab on a CPU's stack.
 *
 * @param s - the cache.
 * @param c - words of the CPU.
 * @param slab - is on no list.
 * @param drain - whether a stack that is high enough is emptied first.
 * @kernelName put_cpu_partial
 */
export function stackSlab(s: SlubState, c: number, slab: number, drain: boolean): void {
  const { words } = s;
  const top = words[c + C_PARTIAL];
  const stacked = top === 0 ? 0 : words[top + S_STACKED];
  const full = drain && top !== 0 && stacked >= s.limits.cpuPartialSlabs;
  words[c + C_PARTIAL] = slab;
  words[slab + S_NEXT] = full ? 0 : top;
  words[slab + S_STACKED] = full ? 1 : stacked + 1;
  if (full) unfreezeStack(s, top);
}

/**
 * Gives a CPU its slab.
 *
 * @param s - the cache.
 * @param c - words of the CPU.
 * @param slab - is on no list; 0 for none.
 */
export function setCpuSlab(s: SlubState, c: number, slab: number): void {
  const { words } = s;
  words[c + C_SLAB] = slab;
  words[c + C_PFN] = slab === 0 ? 0 : words[slab + S_PFN];
}

/**
 * Gives back what a CPU keeps: its slab, then its stack.
 *
 * @param s - the cache.
 * @param c - words of the CPU.
 * @kernelName __flush_cpu_slab
 */
export function flushCpu(s: SlubState, c: number): void {
  if (s.words[c + C_SLAB] !== 0) deactivateSlab(s, c);
  const top = s.words[c + C_PARTIAL];
  s.words[c + C_PARTIAL] = 0;
  unfreezeStack(s, top);
}

/**
 * Takes its slab away from a CPU. The CPU's own list goes in front of the slab's.
 *
 * @param s - the cache.
 * @param c - words of the CPU.
 * @kernelName deactivate_slab
 */
export function deactivateSlab(s: SlubState, c: number): void {
  const { words } = s;
  const slab = words[c + C_SLAB];
  const hadRemoteFrees = words[slab + S_FREE] !== 0;
  const first = words[c + C_FREE];
  if (first !== 0) {
    let last = first;
    words[slab + S_INUSE]--;
    for (; words[last] !== 0; last = words[last]) words[slab + S_INUSE]--;
    words[last] = words[slab + S_FREE];
    words[slab + S_FREE] = first;
    s.writer?.link(last);
  }
  words[c + C_FREE] = 0;
  setCpuSlab(s, c, 0);
  words[slab + S_FROZEN] = 0;
  if (words[slab + S_INUSE] === 0 && words[s.node + N_PARTIAL] >= s.limits.minPartial) releaseSlab(s, slab);
  else if (words[slab + S_FREE] !== 0) linkPartial(s, slab, hadRemoteFrees);
  else linkFull(s, slab);
}

/** Moves a whole stack to the node list; empty slabs beyond the kept number go, the last found first. */
function unfreezeStack(s: SlubState, top: number): void {
  const { words } = s;
  let discard = 0;
  for (let slab = top; slab !== 0; ) {
    const next = words[slab + S_NEXT];
    words[slab + S_FROZEN] = 0;
    if (words[slab + S_INUSE] === 0 && words[s.node + N_PARTIAL] >= s.limits.minPartial) {
      words[slab + S_NEXT] = discard;
      discard = slab;
    } else {
      linkPartial(s, slab, true);
    }
    slab = next;
  }
  while (discard !== 0) {
    const next = words[discard + S_NEXT];
    releaseSlab(s, discard);
    discard = next;
  }
}
