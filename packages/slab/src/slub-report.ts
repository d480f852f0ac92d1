/**
 * The text of a report about a slab or an object, line by line as the kernel's (slab spec 8.4): who had the object, slab, object, and
 * the bytes of its slot. Addresses are those of the callers, a slab is called by its first byte.
 */
import { PG_slab, SLAB_RED_ZONE, SLAB_STORE_USER } from '@kmem/contracts';
import type { PhysAddr, PhysicalMemory } from '@kmem/contracts';
import { TRACK_BYTES } from './geometry.js';
import type { ObjectAddresses } from './object-address.js';
import { placesBehind } from './object-bytes.js';
import type { SlubCachePlan } from './slub-cache.js';
import type { SlubMachine } from './slub-machine.js';
import { S_INUSE, S_OBJECTS, S_PFN, type SlubState } from './slub-state.js';

const ROW_BYTES = 16;
/** Characters of a row's bytes in hexadecimal. */
const ROW_WIDTH = 3 * ROW_BYTES - 1;
const RULE = 78;

/** A moment of a slab: the counters as the kernel has them when it looks. */
export interface SlabMoment {
  /** Number of the slab. */
  readonly slab: number;
  /** Objects handed out. */
  readonly used: number;
  /** First free object, or 0. */
  readonly free: number;
}

/** Writes reports of one cache. */
export interface SlabReports {
  /** Makes the three lines above a report. */
  readonly header: (title: string) => string[];
  /** Describes a slab in one line. */
  readonly slabLine: (moment: SlabMoment) => string;
  /** Describes an object and its slab; `link` is the address of the next free object. */
  readonly trailer: (moment: SlabMoment, addr: PhysAddr, link: number) => string[];
  /** Tells who took an object and who gave it back, as far as it is known. */
  readonly tracks: (addr: PhysAddr) => string[];
  /** Tells that an object of a traced cache is handed out, or comes back with its bytes. */
  readonly trace: (moment: SlabMoment, addr: PhysAddr, isTaken: boolean) => string[];
}

/**
 * Makes the writer of reports.
 *
 * @param s - the cache.
 * @param machine - clock and frame table.
 * @param memory - the bytes, or null: then there is nothing to show of them.
 * @param plan - flags and geometry.
 * @param addresses - where objects are.
 * @returns the writer.
 */
export function createSlabReports(
  s: SlubState,
  machine: SlubMachine,
  memory: PhysicalMemory | null,
  plan: SlubCachePlan,
  addresses: ObjectAddresses,
): SlabReports {
  const { flags, geometry } = plan;
  const { redLeftPad, size } = geometry;
  const redZone = (flags & SLAB_RED_ZONE) !== 0;
  const pageSize = 2 ** machine.frames.pageShift;
  const places = placesBehind(plan);

  function header(title: string): string[] {
    return ['='.repeat(RULE - 1), `BUG ${plan.name}: ${title}`, '-'.repeat(RULE - 1), ''];
  }

  function slabLine({ slab, used, free }: SlabMoment): string {
    const words = s.words;
    const fp = linkTarget(free);
    const first = words[slab + S_PFN] * pageSize;
    const bits = machine.frames.flags[words[slab + S_PFN]] >>> 0;
    const names = (bits & (1 << PG_slab)) !== 0 ? '(slab)' : '';
    return `Slab ${long(first)} objects=${String(words[slab + S_OBJECTS])} used=${String(used)} fp=${long(fp)} flags=0x${bits.toString(16)}${names}`;
  }

  function linkTarget(link: number): PhysAddr {
    return link > 0 ? addresses.addressOf(link) : 0;
  }

  function tracks(addr: PhysAddr): string[] {
    if (memory === null || (flags & SLAB_STORE_USER) === 0) return [];
    return ['Allocated', 'Freed'].flatMap((what, i) => {
      const bytes = memory.view(addr + places.tracks + i * TRACK_BYTES, TRACK_BYTES);
      const words = new DataView(bytes.buffer, bytes.byteOffset, TRACK_BYTES);
      const caller = words.getBigUint64(0, true);
      if (caller === 0n) return [];
      const age = (machine.tracks?.().time ?? 0) - Number(words.getBigUint64(24, true));
      const where = `age=${String(age)} cpu=${String(words.getUint32(12, true))} pid=${String(words.getUint32(16, true))}`;
      return [`${what} in 0x${caller.toString(16)} ${where}`];
    });
  }

  function section(name: string, from: PhysAddr, sizeBytes: number): string[] {
    if (memory === null) return [];
    const bytes = memory.view(from, sizeBytes);
    return Array.from({ length: Math.ceil(sizeBytes / ROW_BYTES) }, (_, row) => {
      const part = Array.from(bytes.subarray(row * ROW_BYTES, (row + 1) * ROW_BYTES));
      const hex = part.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const text = part.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
      return `${name.padEnd(9)}${long(from + row * ROW_BYTES).slice(2)}: ${hex.padEnd(ROW_WIDTH)}  ${text}`;
    });
  }

  function trailer(moment: SlabMoment, addr: PhysAddr, link: number): string[] {
    const first = s.words[moment.slab + S_PFN] * pageSize;
    const { inuse, objectSize } = plan;
    const before = redZone ? section('Redzone', addr - redLeftPad, redLeftPad) : addr - first > ROW_BYTES ? section('Bytes b4', addr - ROW_BYTES, ROW_BYTES) : [];
    return [
      ...tracks(addr),
      slabLine(moment),
      `Object ${long(addr)} @offset=${String(addr - first)} fp=${long(link)}`,
      '',
      ...before,
      ...section('Object', addr, Math.min(objectSize, pageSize)),
      ...(redZone ? section('Redzone', addr + objectSize, inuse - objectSize) : []),
      ...section('Padding', addr + places.end, size - redLeftPad - places.end),
    ];
  }

  function trace({ used, free }: SlabMoment, addr: PhysAddr, isTaken: boolean): string[] {
    const fp = linkTarget(free);
    const line = `TRACE ${plan.name} ${isTaken ? 'alloc' : 'free'} ${long(addr)} inuse=${String(used)} fp=${long(fp)}`;
    return isTaken ? [line] : [line, ...section('Object', addr, plan.objectSize)];
  }

  return { header, slabLine, trailer, tracks, trace };
}

/**
 * Describes a slab as it is.
 *
 * @param s - the cache.
 * @param slab - its number.
 * @param free - its first free object, or 0.
 * @returns the moment.
 */
export function slabNow(s: SlubState, slab: number, free: number): SlabMoment {
  return { slab, used: s.words[slab + S_INUSE], free };
}

/**
 * Writes an address as the kernel does: 16 digits.
 *
 * @param addr - the address.
 * @returns the text.
 */
export function long(addr: PhysAddr): string {
  return `0x${addr.toString(16).padStart(16, '0')}`;
}
