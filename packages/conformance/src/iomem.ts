/**
 * Compares the text of /proc/iomem with one printed from the machine.
 *
 * ```
 * inputs    architecture and RAM of the recorded kind of PC; ranges that boot found: sections of the kernel's image, ROMs, windows
 *           of PCI devices. Those are read from the text, printed again in their places, and count as stated
 * outputs   every other row: RAM, what the firmware reserves, windows of the bus, RAM buffers, controllers; the nesting of all
 * ```
 */
import { compareText } from './compare-text.js';
import { unsupportedResult } from './conformance-result.js';
import type { Conformance } from './conformance-result.js';
import type { FoundRange, Implementations } from './implementations.js';

const ROW = /^ *([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (.+)$/;
/** Names of what the kind of machine does not decide. */
const FOUND = /^(Kernel (code|rodata|data|bss)|(Video|Adapter) ROM|[0-9a-f]{4}(:[0-9a-f]{2}){2}\.[0-7])$/;

/** The machine whose text it is. */
export interface IomemMachine {
  /** Which kernel: version and architecture. */
  readonly kernel: string;
  /** RAM in MiB. */
  readonly ramMib: number;
}

/**
 * Compares one text.
 *
 * @param name - name of the text.
 * @param text - the recorded text.
 * @param machine - the machine.
 * @param implementations - what prints.
 * @returns the result.
 */
export function conformIomem(name: string, text: string, machine: IomemMachine, implementations: Implementations): Conformance {
  const kind = 'proc iomem';
  const { iomemRows } = implementations;
  const arch = (['x86_64', 'i386'] as const).find((known) => machine.kernel.split(' ').includes(known));
  if (iomemRows === undefined) return unsupportedResult(name, kind, 'nothing prints iomem yet');
  if (arch === undefined) return unsupportedResult(name, kind, `nothing prints iomem of a machine with the kernel "${machine.kernel}"`);
  const { ramMib } = machine;
  const found = readFoundRanges(text);
  const print = () => iomemRows({ arch, ramMib, found }).map((row) => ({ text: `${row.text}\n`, stated: row.stated }));
  return compareText(name, kind, text, print, `machine: ${arch}, ${ramMib} MiB`);
}

/** Reads the rows of what boot found. */
function readFoundRanges(text: string): FoundRange[] {
  return text.split('\n').flatMap((line) => {
    const [, first, last, name] = ROW.exec(line) ?? [];
    if (name === undefined || !FOUND.test(name)) return [];
    return [{ name, start: parseInt(first, 16), end: parseInt(last, 16) + 1 }];
  });
}
