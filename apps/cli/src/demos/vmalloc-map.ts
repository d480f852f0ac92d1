/**
 * The lesson on the vmalloc region: what lies at its first addresses, page by page.
 *
 * The maps are drawn from the state: areas in use and lazy ranges as the allocator has them, and what is mapped as the page tables have it. The rules
 * beside them are the kernel's (vmalloc spec 3, 6, 9).
 */
import { isKernelBug, NO_PAGE, NULL, type KAddr } from '@kmem/contracts';
import { getProfile, VirtualMemory } from '@kmem/hw';
import { formatVmallocinfo } from '@kmem/vmalloc';
import { addVmalloc, type VmallocMachine } from '../allocators.js';
import { bootKmalloc } from '../object-allocators.js';
import type { Terminal } from '../terminal.js';
import { count } from '../text.js';
import type { Demo } from './demo.js';
import { printSteps } from './lesson.js';

/** Entry of the list of demos. */
export const VMALLOC_MAP: Demo = {
  name: 'vmalloc-map',
  title: 'The vmalloc region: areas, guard pages, lazy addresses',
  subsystem: 'vmalloc',
  source: 'Slides on the memory allocators of Linux: the kernel segment, its VMALLOC region',
};

const PROFILE = 'pc-160m';
const PAGE = 4096;
/** Pages that a map shows. */
const SHOWN = 64;
const GUARD = '|';
const LAZY = '~';
const FREE = '.';

/** A step of the lesson. */
export interface MapStep {
  /** What is done. */
  readonly title: string;
  /** What is seen, a paragraph each. */
  readonly text: readonly string[];
  /** The first pages of the region, a character each. */
  readonly map: string;
  /** /proc/vmallocinfo. */
  readonly vmallocinfo: readonly string[];
}

/** A machine whose areas have names. */
class MappedPc {
  readonly machine: VmallocMachine;
  readonly seen: VirtualMemory;
  readonly start: KAddr;
  /** By address: the letter of an area. */
  readonly #letters = new Map<KAddr, string>();

  constructor() {
    const profile = getProfile(PROFILE);
    const booted = bootKmalloc(profile);
    this.machine = addVmalloc(profile, { ...booted, kmalloc: booted });
    this.start = profile.regions.vmallocStart;
    this.seen = new VirtualMemory({ profile, mmu: this.machine.mmu, memory: booted.memory, owner: this.machine.vmalloc.areas });
  }

  /** Takes an area of some pages. */
  take(letter: string, nrPages: number): KAddr {
    return this.#named(letter, this.machine.vmalloc.vmalloc(nrPages * PAGE, `${letter}_init+0x10/0x80`));
  }

  /** Shows a device's memory. */
  takeDevice(letter: string, nrPages: number): KAddr {
    return this.#named(letter, this.machine.vmalloc.ioremap(0xfed0_0000, nrPages * PAGE, undefined, `${letter}_probe+0x10/0x80`));
  }

  /** Number of an address's page in the region. */
  pageOf(addr: KAddr): number {
    return Math.floor((addr - this.start) / PAGE);
  }

  #named(letter: string, addr: KAddr): KAddr {
    if (addr === NULL) throw new Error(`${PROFILE} has no memory for ${letter}`);
    this.#letters.set(addr, letter);
    return addr;
  }

  /** The first pages: letters where something is mapped. */
  map(): string {
    const { mmu, vmalloc } = this.machine;
    const { lazy } = vmalloc.areas.exportState();
    return Array.from({ length: SHOWN }, (_, page) => {
      const addr = this.start + page * PAGE;
      const area = vmalloc.findVmArea(addr);
      if (area !== null) return mmu.addrToPfn(addr) === NO_PAGE ? GUARD : (this.#letters.get(area.addr) ?? '?');
      return lazy.some((range) => addr >= range.addr && addr < range.addr + range.sizeBytes) ? LAZY : FREE;
    }).join('');
  }

  step(title: string, text: readonly string[]): MapStep {
    const { areas, lazy } = this.machine.vmalloc.areas.exportState();
    const rows = formatVmallocinfo(areas, lazy, { bitsPerLong: 64 }).trimEnd().split('\n');
    return { title, text, map: this.map(), vmallocinfo: rows };
  }
}

/**
 * Gives the lesson.
 *
 * @returns the steps.
 */
export function vmallocMapLesson(): MapStep[] {
  const pc = new MappedPc();
  const [a, b, c] = [pc.take('a', 3), pc.take('b', 6), pc.take('c', 2)];
  return [areas(pc, [a, b, c]), device(pc), beyond(pc, b), freed(pc, b), purged(pc)];
}

function areas(pc: MappedPc, addrs: readonly KAddr[]): MapStep {
  const [a, b, c] = addrs.map((addr) => pc.pageOf(addr));
  const pfns = Array.from({ length: 6 }, (_, i) => pc.machine.vmalloc.vmallocToPfn(addrs[1] + i * PAGE));
  return pc.step('Three areas, each with a guard page', [
    `vmalloc of 3, 6 and 2 pages: they begin at pages ${a}, ${b} and ${c} of the region, each at the lowest place that fits. Behind each lies a page where nothing is mapped, ${GUARD}.`,
    `Their addresses follow each other, their frames need not: b has ${pfns.join(', ')}.`,
  ]);
}

function device(pc: MappedPc): MapStep {
  const page = pc.pageOf(pc.takeDevice('d', 8));
  const last = pc.pageOf(pc.take('e', 1));
  return pc.step('Memory of a device is aligned to its size', [
    `ioremap of 8 pages begins at page ${page}: a multiple of 8, so that larger leaves can map it. What is left out below is free.`,
    `The next area of one page takes 2 with its guard, and lies at page ${last}: ${last < page ? 'it fits the hole' : 'the hole is too small for it'}.`,
  ]);
}

function beyond(pc: MappedPc, addr: KAddr): MapStep {
  let report = 'no fault';
  try {
    pc.seen.store(addr + 6 * PAGE, 1, 0);
  } catch (error) {
    if (!isKernelBug(error)) throw error;
    report = error.message;
  }
  return pc.step('One byte too far', [`A store to the first byte behind b faults, and the report says whose area it missed, and by how much: ${report}`]);
}

function freed(pc: MappedPc, addr: KAddr): MapStep {
  pc.machine.vmalloc.vfree(addr);
  const { lazyMaxPages, lazyPages } = pc.machine.vmalloc.areas;
  const page = pc.pageOf(pc.take('f', 4));
  return pc.step('Freed addresses wait', [
    `vfree of b unmaps its pages and gives them back at once. Its addresses are lazy, ${LAZY}: CPUs may remember them still. ${count(lazyPages, 'page')} wait, guard page included; ` +
      `when more than ${lazyMaxPages} do, all are purged.`,
    `So the next area, f of 4 pages, does not take the place of b: it begins at page ${page}.`,
  ]);
}

function purged(pc: MappedPc): MapStep {
  pc.machine.vmalloc.vmUnmapAliases();
  const page = pc.pageOf(pc.take('g', 4));
  return pc.step('After a purge they are free', [
    `One flush of every CPU, and what was lazy is free. The next area, g of 4 pages, begins at page ${page}, where b was; what is left over is a hole.`,
  ]);
}

/**
 * Prints the lesson.
 *
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printVmallocMap(steps: readonly MapStep[], terminal: Terminal): void {
  const legend = `The first ${SHOWN} pages from VMALLOC_START on. Letters: pages of areas; ${GUARD} guard page, ${LAZY} lazy, ${FREE} free. Below: /proc/vmallocinfo.`;
  const { colors } = terminal;
  printSteps(VMALLOC_MAP, legend, steps, terminal, ({ map, vmallocinfo }) => ['', map, '', ...vmallocinfo.map((row) => colors.dim(shorten(row)))]);
}

/** The upper half of an address is the same in all of them. */
function shorten(row: string): string {
  return row.replaceAll(/0x[0-9a-f]{8}([0-9a-f]{8})/g, '..$1').replace(/ +/, '  ').replaceAll(' phys=..', ' phys=0x');
}
