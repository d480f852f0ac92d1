/**
 * The checks of a cache with `SLAB_CONSISTENCY_CHECKS`: before an object is handed out, before it is taken back, and
 * on request (slab spec 8.3, 8.4).
 *
 * ```
 *  slab      bytes behind the last slot
 *  object    left red zone, right red zone (without red zones: the bytes up to the next word)
 *            body, last byte                  poisoned free objects only
 *            padding up to the next slot
 *            link                             where it lies outside the object, or the object is free
 * ```
 * The first of the red zones and the body that is damaged ends the check, and so does a damaged link; damaged padding
 * is reported and mended, and the object is taken as sound. All damaged bytes are written anew.
 *
 * An object that fails when it should be handed out takes its slab with it: all its objects count as used, and the slab
 * belongs to no list from then on. One that fails when it comes back stays in use.
 */
import { BLOCK_ORDER_MASK, KernelBug, SLAB_POISON, SLAB_RED_ZONE, SLAB_TYPESAFE_BY_RCU } from '@kmem/contracts';
import type { PhysAddr, PhysicalMemory } from '@kmem/contracts';
import type { ObjectAddresses } from './object-address.js';
import { placesBehind, POISON_END, POISON_FREE, POISON_INUSE, RED_ACTIVE, RED_INACTIVE } from './object-bytes.js';
import { unlinkPartial } from './slab-list.js';
import type { SlubCachePlan } from './slub-cache.js';
import { report } from './reports.js';
import type { SlubMachine } from './slub-machine.js';
import { long, slabNow, type SlabMoment, type SlabReports } from './slub-report.js';
import { LIVE, S_FREE, S_FROZEN, S_INUSE, S_OBJECTS, S_PFN, SLAB_WORDS, type ObjectChecks, type SlubState } from './slub-state.js';

/** A report that is not sent yet: the state must be in order first. */
interface Finding {
  readonly title: string;
  readonly fields: Readonly<Record<string, number>>;
  readonly lines: string[];
}

/** Whose bytes are looked at. */
interface Checked {
  readonly object: number;
  readonly addr: PhysAddr;
  readonly active: boolean;
  readonly moment: SlabMoment;
  readonly link: number;
  readonly findings: Finding[];
}

/**
 * Makes the checks of a cache.
 *
 * @param s - the cache.
 * @param machine - receiver of reports.
 * @param memory - the bytes.
 * @param plan - flags and geometry.
 * @param addresses - where objects are.
 * @param reports - how reports read.
 * @returns the checks.
 */
export function createObjectChecks(
  s: SlubState,
  machine: SlubMachine,
  memory: PhysicalMemory,
  plan: SlubCachePlan,
  addresses: ObjectAddresses,
  reports: SlabReports,
): ObjectChecks {
  const { flags, geometry } = plan;
  const { freePointer, redLeftPad, size } = geometry;
  const redZone = (flags & SLAB_RED_ZONE) !== 0;
  const poison = (flags & SLAB_POISON) !== 0;
  const poisonsBody = poison && (flags & SLAB_TYPESAFE_BY_RCU) === 0 && plan.ctor === null;
  const places = placesBehind(plan);
  const pageSize = 2 ** machine.frames.pageShift;

  /** Looks for a byte that is not as it should be, and writes it anew. */
  function intact(checked: Checked, what: string, from: PhysAddr, sizeBytes: number, value: number): boolean {
    const bytes = memory.view(from, sizeBytes);
    const first = bytes.findIndex((byte) => byte !== value);
    if (first < 0) return true;
    const last = bytes.findLastIndex((byte) => byte !== value);
    const [start, end] = [from + first, from + last];
    const offset = start - slabStart(checked.moment.slab);
    const found = bytes[first];
    const title = `${what} overwritten`;
    const range = `${long(start)}-${long(end)}`;
    const lines = [
      ...reports.header(title),
      `${range} @offset=${String(offset)}. First byte 0x${found.toString(16)} instead of 0x${value.toString(16)}`,
      ...reports.trailer(checked.moment, checked.addr, checked.link),
      `FIX ${plan.name}: Restoring ${what} ${range}=0x${value.toString(16)}`,
    ];
    checked.findings.push({ title, fields: { addr: checked.addr, start, end, offset, found, expected: value }, lines });
    bytes.fill(value, first, last + 1);
    return false;
  }

  function slabStart(slab: number): PhysAddr {
    return s.words[slab + S_PFN] * pageSize;
  }

  function checkObject(checked: Checked): boolean {
    const { addr, active } = checked;
    const { inuse, objectSize } = plan;
    const red = active ? RED_ACTIVE : RED_INACTIVE;
    if (redZone) {
      if (!intact(checked, 'Left Redzone', addr - redLeftPad, redLeftPad, red)) return false;
      if (!intact(checked, 'Right Redzone', addr + objectSize, inuse - objectSize, red)) return false;
    } else if (poison) {
      intact(checked, 'Alignment padding', addr + objectSize, inuse - objectSize, POISON_INUSE);
    }
    if (poisonsBody && !active) {
      if (!intact(checked, 'Poison', addr, objectSize - 1, POISON_FREE)) return false;
      if (!intact(checked, 'End Poison', addr + objectSize - 1, 1, POISON_END)) return false;
    }
    if (poison) intact(checked, 'Object padding', addr + places.end, size - redLeftPad - places.end, POISON_INUSE);
    return (active && freePointer < inuse) || checkLink(checked);
  }

  /** Only a link that leads out of the slab or between objects shows. */
  function checkLink(checked: Checked): boolean {
    const { addr, moment, object } = checked;
    const bytes = memory.view(addr + freePointer, 8);
    const link = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
    if (link === 0) return true;
    const index = (link - slabStart(moment.slab) - redLeftPad) / size;
    if (Number.isInteger(index) && index >= 0 && index < s.words[moment.slab + S_OBJECTS]) return true;
    const title = 'Freepointer corrupt';
    checked.findings.push({ title, fields: { addr, link }, lines: [...reports.header(title), ...reports.trailer(moment, addr, link)] });
    // An object in use gets its link when it comes back.
    if (s.words[object] === LIVE) bytes.fill(0);
    else s.writer?.link(object);
    return false;
  }

  /** Bytes behind the last slot: never anybody's. */
  function checkSlab(checked: Checked): void {
    if (!poison) return;
    const { slab } = checked.moment;
    const pfn = s.words[slab + S_PFN];
    const slabBytes = pageSize * 2 ** (machine.frames.block[pfn] & BLOCK_ORDER_MASK);
    const rest = slabBytes % size;
    if (rest > 0) intact(checked, 'Padding', pfn * pageSize + slabBytes - rest, rest, POISON_INUSE);
  }

  function look(object: number, active: boolean, moment: SlabMoment): Checked {
    const addr = addresses.addressOf(object);
    const next = s.words[object];
    const link = next > 0 ? addresses.addressOf(next) : 0;
    return { object, addr, active, moment, link, findings: [] };
  }

  function send({ findings }: Checked, fix: string | null): void {
    if (fix !== null) findings.at(-1)?.lines.push(`FIX ${plan.name}: ${fix}`);
    for (const { fields, lines, title } of findings) {
      const what = `cache ${plan.name}: ${title}, at ${long(fields['start'] ?? fields['addr'])}`;
      report(machine, new KernelBug('CORRUPT_OBJECT', what, { cache: plan.name, title, ...fields, text: lines.join('\n') }));
    }
  }

  function mayTake(slab: number, object: number): boolean {
    const checked = look(object, false, { slab, used: s.words[slab + S_INUSE] + 1, free: s.words[object] });
    checkSlab(checked);
    const isSound = checkObject(checked);
    if (!isSound) disable(slab);
    send(checked, isSound ? null : 'Marking all objects used');
    return isSound;
  }

  function disable(slab: number): void {
    const first = slab + SLAB_WORDS;
    unlinkPartial(s, slab);
    s.words.fill(LIVE, first, first + s.words[slab + S_OBJECTS]);
    s.words[slab + S_INUSE] = s.words[slab + S_OBJECTS];
    s.words[slab + S_FREE] = 0;
    s.words[slab + S_FROZEN] = 1;
  }

  function mayGive(object: number): boolean {
    const slab = s.slabOf(object);
    const checked = look(object, true, slabNow(s, slab, s.words[slab + S_FREE]));
    checkSlab(checked);
    const isSound = checkObject(checked);
    send(checked, isSound ? null : `Object at ${long(checked.addr)} not freed`);
    return isSound;
  }

  function validate(slab: number): number {
    let found = 0;
    for (let i = 0; i < s.words[slab + S_OBJECTS]; i++) {
      const object = slab + SLAB_WORDS + i;
      const checked = look(object, s.words[object] === LIVE, slabNow(s, slab, s.words[slab + S_FREE]));
      if (i === 0) checkSlab(checked);
      checkObject(checked);
      found += checked.findings.length;
      send(checked, null);
    }
    return found;
  }

  return { mayTake, mayGive, validate };
}
