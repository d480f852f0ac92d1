/** The node list and the full list: slabs linked both ways, ends in two words side by side. */
import { N_FULL_HEAD, N_HEAD, N_PARTIAL, S_NEXT, S_PREV, type SlubState } from './slub-state.js';

/**
 * Puts a slab on the node list.
 *
 * @param s - the cache.
 * @param slab - is on no list.
 * @param toTail - at the end, otherwise at the front.
 */
export function linkPartial(s: SlubState, slab: number, toTail: boolean): void {
  s.words[s.node + N_PARTIAL]++;
  link(s, s.node + N_HEAD, slab, toTail);
}

/**
 * Takes a slab off the node list.
 *
 * @param s - the cache.
 * @param slab - is on that list.
 */
export function unlinkPartial(s: SlubState, slab: number): void {
  s.words[s.node + N_PARTIAL]--;
  unlink(s, s.node + N_HEAD, slab);
}

/**
 * Puts a slab at the front of the full list, if the cache has one.
 *
 * @param s - the cache.
 * @param slab - is full and on no list.
 */
export function linkFull(s: SlubState, slab: number): void {
  if (s.limits.listsFull) link(s, s.node + N_FULL_HEAD, slab, false);
}

/**
 * Takes a slab off the full list, if the cache has one.
 *
 * @param s - the cache.
 * @param slab - was full.
 */
export function unlinkFull(s: SlubState, slab: number): void {
  if (s.limits.listsFull) unlink(s, s.node + N_FULL_HEAD, slab);
}

function link(s: SlubState, ends: number, slab: number, toTail: boolean): void {
  const { words } = s;
  const near = words[ends + (toTail ? 1 : 0)];
  words[slab + S_NEXT] = toTail ? 0 : near;
  words[slab + S_PREV] = toTail ? near : 0;
  if (near === 0) {
    words[ends] = slab;
    words[ends + 1] = slab;
  } else if (toTail) {
    words[near + S_NEXT] = slab;
    words[ends + 1] = slab;
  } else {
    words[near + S_PREV] = slab;
    words[ends] = slab;
  }
}

function unlink(s: SlubState, ends: number, slab: number): void {
  const { words } = s;
  const next = words[slab + S_NEXT];
  const prev = words[slab + S_PREV];
  if (prev === 0) words[ends] = next;
  else words[prev + S_NEXT] = next;
  if (next === 0) words[ends + 1] = prev;
  else words[next + S_PREV] = prev;
}
