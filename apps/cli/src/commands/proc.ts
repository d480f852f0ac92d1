/** kmem proc: the texts that the kernel shows in /proc, printed from the state of an allocator. */
import { readRecordedMachine } from '@kmem/conformance';
import type { BuddyAllocator } from '@kmem/buddy';
import { BadInput } from '../exit-code.js';
import { loadPages } from '../implementations.js';
import { bootPages } from '../machine.js';
import { readText } from '../recording-files.js';
import type { Terminal } from '../terminal.js';

/** The texts that can be printed, by name. */
const TEXTS = {
  buddyinfo: (pages: BuddyAllocator) => pages.buddyinfo(),
  pagetypeinfo: (pages: BuddyAllocator) => pages.pagetypeinfo(),
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
  const pages = 'profile' in source ? bootPages(source.profile) : loadRecorded(source.state);
  const text = TEXTS[name](pages);
  if (json) terminal.printJson({ name, ...source, text });
  else terminal.printExactly(text);
}

function loadRecorded(path: string): BuddyAllocator {
  const text = readText(path);
  if (text === undefined) throw new BadInput(`${path}: found binary data, expected a recording`);
  return loadPages(readRecordedMachine({ name: path, text }));
}
