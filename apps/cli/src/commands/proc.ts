/** kmem proc: the texts that the kernel shows in /proc, printed from the state of an allocator. */
import { readRecordedMachine } from '@kmem/conformance';
import { formatRows, meminfoRows, vmstatRows, zoneinfoRows, type BuddyAllocator } from '@kmem/buddy';
import { getProfile } from '@kmem/hw';
import { BadInput } from '../exit-code.js';
import { loadPages } from '../implementations.js';
import { bootPages } from '../machine.js';
import { readText } from '../recording-files.js';
import type { Terminal } from '../terminal.js';

/** What a text is printed from: an allocator, and how many CPUs its machine has. */
interface Machine {
  readonly pages: BuddyAllocator;
  readonly nrCpus: number;
}

/** The texts that can be printed, by name. Nothing but the page allocator is at work, so what others count is 0. */
const TEXTS = {
  buddyinfo: ({ pages }: Machine) => pages.buddyinfo(),
  pagetypeinfo: ({ pages }: Machine) => pages.pagetypeinfo(),
  zoneinfo: ({ pages, nrCpus }: Machine) => formatRows(zoneinfoRows(Array.from({ length: nrCpus }, (_, cpu) => pages.exportState(cpu)))),
  vmstat: ({ pages }: Machine) => formatRows(vmstatRows(pages.exportState())),
  meminfo: ({ pages }: Machine) => formatRows(meminfoRows(pages.exportState(), pages.pageShift)),
} as const;

/** Name of a text. */
export type ProcName = keyof typeof TEXTS;

/** Names of the texts. */
export const PROC_NAMES: readonly string[] = Object.keys(TEXTS);

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
 * @throws BadInput or RecordingError for a recording that cannot be read.
 */
export function runProc(name: ProcName, source: ProcSource, json: boolean, terminal: Terminal): void {
  const machine =
    'profile' in source
      ? { pages: bootPages(source.profile), nrCpus: getProfile(source.profile).nrCpus }
      : { pages: loadRecorded(source.state), nrCpus: 1 };
  const text = TEXTS[name](machine);
  if (json) terminal.printJson({ name, ...source, text });
  else terminal.printExactly(text);
}

function loadRecorded(path: string): BuddyAllocator {
  const text = readText(path);
  if (text === undefined) throw new BadInput(`${path}: found binary data, expected a recording`);
  return loadPages(readRecordedMachine({ name: path, text }));
}
