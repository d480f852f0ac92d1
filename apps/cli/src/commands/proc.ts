/** kmem proc: the texts that the kernel shows in /proc, printed from the state of an allocator. */
import { formatSnapshot, isBuddyinfo, readBuddyinfoMachine, readRecordedMachine, readSlabCounts, readVmapAreas, type RecordingInput, type SnapshotShape } from '@kmem/conformance';
import { formatRows, meminfoRows, vmEvents, vmstatRows, zoneinfoRows, type BuddyAllocator } from '@kmem/buddy';
import { getProfile, iomemRows } from '@kmem/hw';
import { procInterrupts, procSoftirqs } from '@kmem/kernel';
import { formatSlabinfo } from '@kmem/slab';
import { formatVmallocinfo } from '@kmem/vmalloc';
import { BadInput } from '../exit-code.js';
import { loadPages } from '../implementations.js';
import { bootKmalloc } from '../object-allocators.js';
import { bootPages } from '../machine.js';
import { readText } from '../recording-files.js';
import { runScripted } from '../scripted-machine.js';
import type { Terminal } from '../terminal.js';

/** What a text is printed from: an allocator, and how many CPUs its machine has. */
interface Machine {
  readonly pages: BuddyAllocator;
  readonly nrCpus: number;
  readonly nrNodes: number;
  readonly shape: Omit<SnapshotShape, 'pageShift'>;
}

/** The texts of the page allocator, by name. Nothing but the page allocator is at work, so what others count is 0. */
const TEXTS = {
  buddyinfo: ({ pages }: Machine) => pages.buddyinfo(),
  pagetypeinfo: ({ pages }: Machine) => pages.pagetypeinfo(),
  unusable_index: ({ pages }: Machine) => pages.unusableIndex(),
  extfrag_index: ({ pages }: Machine) => pages.extfragIndex(),
  zoneinfo: ({ pages, nrCpus }: Machine) => formatRows(zoneinfoRows(Array.from({ length: nrCpus }, (_, cpu) => pages.exportState(cpu)))),
  vmstat: ({ pages }: Machine) => formatRows(vmstatRows(pages.exportState(), { counter: () => 0, values: vmEvents(pages) })),
  meminfo: ({ pages }: Machine) => formatRows(meminfoRows(pages.exportState(), pages.pageShift)),
  lists: printLists,
} as const;

/** The other texts. */
const OTHER_TEXTS = {
  ...{ slabinfo: printSlabinfo, vmallocinfo: printVmallocinfo, iomem: printIomem },
  ...{ interrupts: printInterrupts, softirqs: printSoftirqs },
} as const;

/** Name of a text. */
export type ProcName = keyof typeof TEXTS | keyof typeof OTHER_TEXTS;

/** Names of the texts. */
export const PROC_NAMES: readonly string[] = [TEXTS, OTHER_TEXTS].flatMap(Object.keys);

/** Machine to print from when the user names none: the smallest recorded PC. */
export const DEFAULT_PROFILE = 'pc-160m';

/** Where the state comes from: a machine just booted, or a recording. */
export type ProcSource = { readonly profile: string } | { readonly state: string };

/**
 * Runs the command.
 *
 * @param name - which text.
 * @param source - where the state comes from.
 * @param json - print a JSON document with the text in it instead of the text.
 * @param terminal - where to.
 * @throws BadInput or RecordingError for a recording that cannot be read, or that the text does not follow from.
 */
export function runProc(name: ProcName, source: ProcSource, json: boolean, terminal: Terminal): void {
  const text = isPagesText(name) ? TEXTS[name](machineOf(source)) : OTHER_TEXTS[name](source);
  if (json) terminal.printJson({ name, ...source, text });
  else terminal.printExactly(text);
}

function isPagesText(name: ProcName): name is keyof typeof TEXTS {
  return name in TEXTS;
}

/** From the caches of kmalloc just booted, or from recorded counts. */
function printSlabinfo(source: ProcSource): string {
  if ('state' in source) return formatSlabinfo(readSlabCounts(readRecording(source.state)));
  return formatSlabinfo(bootKmalloc(getProfile(source.profile)).slabs.caches().map((cache) => cache.counts()));
}

/** From recorded areas; after boot there are none, for nothing here calls vmalloc yet. */
function printVmallocinfo(source: ProcSource): string {
  if (!('state' in source)) throw new BadInput('vmallocinfo: it is printed from recorded areas; expected --state');
  const { areas, bitsPerLong } = readVmapAreas(readRecording(source.state));
  return formatVmallocinfo(areas, [], { bitsPerLong });
}

function printIomem(source: ProcSource): string {
  if ('state' in source) throw new BadInput('iomem: it follows from the machine, not from a state; expected --profile');
  return formatRows(iomemRows(getProfile(source.profile)));
}

/** How long the devices of a machine have interrupted when their counts are printed, in ms. */
const SCRIPTED_MS = 1000;

function printInterrupts(source: ProcSource): string {
  if ('state' in source) throw new BadInput('interrupts: it is counted on a machine that runs, not in a state; expected --profile');
  const profile = getProfile(source.profile);
  const board = profile.arch === 'arm' ? ({ board: 'pi', fiq: 'usb_fiq' } as const) : {};
  return procInterrupts(runScripted(profile, SCRIPTED_MS), board);
}

function printSoftirqs(source: ProcSource): string {
  if ('state' in source) throw new BadInput('softirqs: it is counted on a machine that runs, not in a state; expected --profile');
  return procSoftirqs(runScripted(getProfile(source.profile), SCRIPTED_MS));
}

function machineOf(source: ProcSource): Machine {
  if ('state' in source) {
    const input = readRecording(source.state);
    const machine = isBuddyinfo(input.text) ? readBuddyinfoMachine(input.name, input.text) : readRecordedMachine(input);
    return { pages: loadPages(machine), nrCpus: 1, nrNodes: 1, shape: machine };
  }
  const profile = getProfile(source.profile);
  return { pages: bootPages(source.profile), nrCpus: profile.nrCpus, nrNodes: profile.nodes.length, shape: profile };
}

/** The state itself, as a file for `--state` and for `kmem conform`. */
function printLists({ pages, nrNodes, shape }: Machine): string {
  if (nrNodes > 1) throw new BadInput(`lists: found a machine with ${nrNodes} memory nodes, expected one with a single node`);
  return formatSnapshot(pages.exportState(), { ...shape, pageShift: pages.pageShift });
}

function readRecording(path: string): RecordingInput {
  const text = readText(path);
  if (text === undefined) throw new BadInput(`${path}: found binary data, expected a recording`);
  return { name: path, text };
}
