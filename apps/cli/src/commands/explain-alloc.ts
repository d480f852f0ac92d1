/** kmem explain-alloc: which call fits a request for memory, and what each would cost - by asking each of them on a machine just booted. */
import * as contracts from '@kmem/contracts';
import { __GFP_DIRECT_RECLAIM, GFP_KERNEL, isKernelBug, NO_PAGE, NULL, ZERO_SIZE_PTR, type Gfp, type KernelBug, type Pfn } from '@kmem/contracts';
import { formatGfp } from '@kmem/buddy';
import { getProfile, profileNames } from '@kmem/hw';
import { addVmalloc, type VmallocMachine } from '../allocators.js';
import { BadInput } from '../exit-code.js';
import { bootKmalloc, type BootedKmalloc } from '../object-allocators.js';
import type { Terminal } from '../terminal.js';
import { count, drawTable, wrap } from '../text.js';

/** Width of the text around the table. */
const TEXT_WIDTH = 100;

/** Machines with page tables, which vmalloc needs. */
export const MACHINES: readonly string[] = profileNames.filter((name) => ['x86_64', 'i386'].includes(getProfile(name).arch));

/** What one way of getting memory comes to. */
export interface MethodRow {
  /** The call. */
  readonly method: 'alloc_pages' | 'kmalloc' | 'vmalloc' | 'kvmalloc';
  /** True when it has the memory. */
  readonly fits: boolean;
  /** Pages, or the bytes of an object. */
  readonly takesBytes: number;
  /** Bytes taken and not asked for. */
  readonly wasteBytes: number;
  /** The same in percent of what was asked for, rounded down. */
  readonly wastePercent: number;
  /** True when its physical addresses follow each other, always and not by chance: a device may be given it as a whole. */
  readonly contiguous: boolean;
  /** Stretches of physical addresses that it lies in here. */
  readonly pieces: number;
  /** Bytes for what describes it: areas, lists of pages, page tables, guard pages not counted, for they are addresses only. */
  readonly extraBytes: number;
  /** Where it comes from, or why there is none. */
  readonly why: string;
}

/** A request, answered. */
export interface Explanation {
  /** Bytes. */
  readonly asked: number;
  /** Flags. */
  readonly flags: string;
  /** The machine. */
  readonly profile: string;
  /** Each way. */
  readonly methods: readonly MethodRow[];
  /** The call to use, and why. */
  readonly advice: string;
}

/**
 * Runs the command.
 *
 * @param size - bytes.
 * @param flags - names of flags with `|` between.
 * @param profile - the machine.
 * @param json - print a JSON document.
 * @param terminal - where to.
 * @throws BadInput for flags that are none.
 */
export function runExplainAlloc(size: number, flags: string, profile: string, json: boolean, terminal: Terminal): void {
  const explanation = explain(size, parseGfp(flags), profile);
  if (json) terminal.printJson(explanation);
  else print(explanation, terminal);
}

/** Flags by the kernel's names. */
function parseGfp(text: string): Gfp {
  const known = new Map(Object.entries(contracts).filter((entry): entry is [string, Gfp] => /^(__)?GFP_[A-Z0-9_]+$/.test(entry[0]) && typeof entry[1] === 'number'));
  return text.split('|').reduce((sum, name) => {
    const flag = known.get(name.trim());
    if (flag === undefined) throw new BadInput(`--flags: found "${name}", expected names such as GFP_KERNEL, GFP_ATOMIC or __GFP_ZERO, with | between`);
    return sum | flag;
  }, 0);
}

/** The machine, and what was reported since it was last looked at. */
interface Lab extends VmallocMachine {
  readonly booted: BootedKmalloc;
  readonly pageSize: number;
  readonly gfp: Gfp;
  readonly reasons: string[];
}

function explain(asked: number, gfp: Gfp, profileName: string): Explanation {
  const profile = getProfile(profileName);
  const booted = bootKmalloc(profile);
  const reasons: string[] = [];
  const reports = { report: (bug: KernelBug) => void reasons.push(reasonOf(bug)) };
  const lab: Lab = { ...addVmalloc(profile, { ...booted, kmalloc: booted, reports }), booted, pageSize: 2 ** profile.pageShift, gfp, reasons };
  // What the first area of a machine takes for good is no cost of this one.
  lab.vmalloc.vfree(lab.vmalloc.vmalloc(1));
  const methods = [tryPages(lab, asked, profile.maxOrder), tryKmalloc(lab, asked), tryVmalloc(lab, asked, 'vmalloc'), tryVmalloc(lab, asked, 'kvmalloc')];
  return { asked, flags: formatGfp(gfp), profile: profileName, methods, advice: adviseOn(methods, gfp, asked) };
}

function row(method: MethodRow['method'], asked: number, found: Partial<MethodRow> & Pick<MethodRow, 'why'>): MethodRow {
  const takesBytes = found.takesBytes ?? 0;
  const wasteBytes = Math.max(takesBytes - asked, 0);
  const wastePercent = asked === 0 ? 0 : Math.floor((wasteBytes * 100) / asked);
  return { method, fits: takesBytes > 0, takesBytes, wasteBytes, wastePercent, contiguous: found.contiguous ?? false, pieces: found.pieces ?? 0, extraBytes: found.extraBytes ?? 0, why: found.why };
}

function tryPages(lab: Lab, asked: number, maxOrder: number): MethodRow {
  const order = Math.ceil(Math.log2(Math.max(1, Math.ceil(asked / lab.pageSize))));
  if (asked === 0) return row('alloc_pages', asked, { why: 'nothing is asked for' });
  if (order >= maxOrder) return row('alloc_pages', asked, { why: `order ${order}: the largest is ${maxOrder - 1}, ${2 ** (maxOrder - 1)} pages` });
  const pfn = attempt(lab, () => lab.booted.pages.allocPages(lab.gfp, order), NO_PAGE);
  if (pfn === NO_PAGE) return row('alloc_pages', asked, { why: takeReason(lab, 'no zone has such a block') });
  lab.booted.pages.freePages(pfn, order);
  return row('alloc_pages', asked, { takesBytes: lab.pageSize * 2 ** order, contiguous: true, pieces: 1, why: `order ${order}: a block of ${count(2 ** order, 'page')}` });
}

function tryKmalloc(lab: Lab, asked: number): MethodRow {
  const { booted, pageSize } = lab;
  const most = booted.limits().KMALLOC_MAX_SIZE;
  if (asked > most) return row('kmalloc', asked, { why: `more than ${most} bytes, the largest block of pages` });
  const addr = attempt(lab, () => booted.kmalloc(asked, lab.gfp), NULL);
  if (addr === ZERO_SIZE_PTR) return row('kmalloc', asked, { why: 'gives ZERO_SIZE_PTR, which may be freed and nothing else' });
  if (addr === NULL) return row('kmalloc', asked, { why: takeReason(lab, 'no memory') });
  const takesBytes = booted.ksize(addr);
  const cache = booted.cacheNameOf(addr);
  booted.kfree(addr);
  return row('kmalloc', asked, { takesBytes, contiguous: true, pieces: 1, why: cache === null ? `a block of ${count(takesBytes / pageSize, 'page')}` : `an object of ${cache}` });
}

function tryVmalloc(lab: Lab, asked: number, method: 'vmalloc' | 'kvmalloc'): MethodRow {
  const { kv, mmu, pageSize, vmalloc } = lab;
  const before = inUse(lab);
  const addr = attempt(lab, () => (method === 'vmalloc' ? vmalloc.vmallocGfp(asked, lab.gfp) : kv.kvmalloc(asked, lab.gfp)), NULL);
  const isForbidden = method === 'kvmalloc' && (lab.gfp & __GFP_DIRECT_RECLAIM) === 0;
  if (addr === NULL) return row(method, asked, { why: takeReason(lab, isForbidden ? 'kmalloc has none, and the flags forbid vmalloc' : 'no memory') });
  if (addr === Number(ZERO_SIZE_PTR)) return row(method, asked, { why: 'gives ZERO_SIZE_PTR, which may be freed and nothing else' });
  const area = vmalloc.findVmArea(addr);
  if (area === null) {
    kv.kvfree(addr);
    const { contiguous, takesBytes, pieces, why } = tryKmalloc(lab, asked);
    return row(method, asked, { takesBytes, contiguous, pieces, why: `kmalloc: ${why}` });
  }
  const taken = inUse(lab) - before;
  const pfns = Array.from({ length: area.nrPages }, (_, i) => mmu.addrToPfn(addr + i * pageSize));
  const isLarge = area.size - pageSize > Math.ceil(asked / pageSize) * pageSize;
  kv.kvfree(addr);
  return row(method, asked, {
    takesBytes: area.nrPages * pageSize,
    pieces: runs(pfns),
    // An area is described by objects of caches, which hold many of them: only whole pages count.
    extraBytes: (taken - area.nrPages) * pageSize,
    why: `${method === 'kvmalloc' ? 'vmalloc: ' : ''}${count(area.nrPages, 'page')}${isLarge ? ' in blocks of 2 MiB' : area.nrPages > 1 ? ' one by one' : ''}, and a guard page of addresses`,
  });

  function inUse({ booted: { pages } }: Lab): number {
    return pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
  }
}

/** Stretches of frames in a row. */
function runs(pfns: readonly Pfn[]): number {
  return pfns.filter((pfn, i) => i === 0 || pfn !== pfns[i - 1] + 1).length;
}

/** Makes a call; misuse is a reason as well. */
function attempt(lab: Lab, call: () => number, failed: number): number {
  lab.reasons.length = 0;
  try {
    return call();
  } catch (error) {
    if (!isKernelBug(error)) throw error;
    lab.reasons.push(reasonOf(error));
    return failed;
  }
}

/** The first report since the call began. */
function takeReason({ reasons }: Lab, otherwise: string): string {
  return reasons.at(0) ?? otherwise;
}

/** What a report says, without its kind. */
function reasonOf({ message }: KernelBug): string {
  return message.replace(/^[A-Z]+: [A-Z_]+: /, '');
}

function adviseOn(methods: readonly MethodRow[], gfp: Gfp, asked: number): string {
  const [pages, kmalloc, vmalloc, kvmalloc] = methods;
  const maySleep = (gfp & __GFP_DIRECT_RECLAIM) !== 0;
  if (asked === 0) return 'Nothing to take.';
  if (!methods.some(({ fits }) => fits)) return 'None of them has it: take it in parts.';
  if (!maySleep) {
    return kmalloc.fits
      ? 'kmalloc: these flags forbid sleeping, and vmalloc sleeps. Above a page such a request fails easily: have the memory before.'
      : 'Have the memory before: these flags forbid sleeping, and nothing but vmalloc has so much.';
  }
  if (kmalloc.fits && !kmalloc.why.startsWith('a block')) return 'kmalloc: small, contiguous, and the cheapest.';
  if (!kmalloc.fits) return `${kvmalloc.fits && vmalloc.fits ? 'kvmalloc or vmalloc' : 'vmalloc'}: too large for one block of pages, so no device can be given it as a whole.`;
  const contiguous = pages.wasteBytes < kmalloc.wasteBytes ? 'alloc_pages' : 'kmalloc';
  return (
    `kvmalloc, if it need not be contiguous: it takes a block while there is one and pages one by one when memory is fragmented. ` +
    `${contiguous} for a device. vmalloc wastes least, ${count(vmalloc.wasteBytes, 'byte')}, and costs page tables and TLB entries.`
  );
}

function print({ advice, asked, flags, methods, profile }: Explanation, terminal: Terminal): void {
  const { colors } = terminal;
  terminal.print(colors.bold(`${count(asked, 'byte')} with ${flags}, asked of ${profile} just booted`), '');
  const rows = methods.map(({ method, contiguous, fits, takesBytes, wasteBytes, wastePercent, pieces, extraBytes, why }) =>
    fits
      ? [method, String(takesBytes), `${wasteBytes} (${wastePercent} %)`, contiguous ? 'contiguous' : count(pieces, 'piece'), String(extraBytes), why]
      : [method, '-', '-', '-', '-', `fails: ${why}`],
  );
  terminal.print(...drawTable({ columns: ['call', 'takes', 'waste', 'physically', 'besides', 'from'], rows }, colors), '', ...wrap(advice, TEXT_WIDTH));
}

/** Flags when the user names none. */
export const DEFAULT_FLAGS = formatGfp(GFP_KERNEL);
