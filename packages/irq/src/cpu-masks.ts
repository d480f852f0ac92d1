/** Sets of CPUs as text: `3`, `ff,ffffffff`, `0-2,5`. (irq spec 18.3) */
import { EINVAL, EOVERFLOW } from '@kmem/contracts';

const GROUP_BITS = 32;

/**
 * Prints a set as a mask: groups of 32 bits in hexadecimal, the highest first.
 *
 * @param cpus - one bit each.
 * @param nrCpus - CPUs of the machine, which decide how many digits there are.
 * @returns the text.
 */
export function formatCpuMask(cpus: number, nrCpus: number): string {
  const groups: string[] = [];
  for (let bits = nrCpus, rest = BigInt.asUintN(nrCpus, BigInt(cpus)); bits > 0; bits -= GROUP_BITS, rest >>= 32n) {
    groups.unshift((rest & 0xffffffffn).toString(16).padStart(Math.ceil(Math.min(bits, GROUP_BITS) / 4), '0'));
  }
  return groups.join(',');
}

/**
 * Prints a set as a list of ranges.
 *
 * @param cpus - one bit each.
 * @param nrCpus - CPUs of the machine.
 * @returns the text; empty for no CPU.
 */
export function formatCpuList(cpus: number, nrCpus: number): string {
  const set = BigInt.asUintN(nrCpus, BigInt(cpus));
  const has = (cpu: number): boolean => ((set >> BigInt(cpu)) & 1n) === 1n;
  const ranges: string[] = [];
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    if (!has(cpu)) continue;
    const first = cpu;
    while (cpu + 1 < nrCpus && has(cpu + 1)) cpu++;
    ranges.push(first === cpu ? String(cpu) : `${first}-${cpu}`);
  }
  return ranges.join(',');
}

/**
 * Reads a mask.
 *
 * @param text - as `formatCpuMask` prints it, or with fewer digits.
 * @param nrCpus - CPUs of the machine.
 * @returns one bit each; -EINVAL for what is no mask, -EOVERFLOW for a CPU that there cannot be.
 */
export function parseCpuMask(text: string, nrCpus: number): number {
  if (!/^[0-9a-f]{1,8}(,[0-9a-f]{1,8})*$/i.test(text)) return -EINVAL;
  let cpus = 0n;
  for (const group of text.split(',')) cpus = (cpus << 32n) | BigInt(`0x${group}`);
  return cpus >> BigInt(nrCpus) === 0n ? Number(cpus) : -EOVERFLOW;
}

/**
 * Reads a list of ranges.
 *
 * @param text - as `formatCpuList` prints it.
 * @param nrCpus - CPUs of the machine.
 * @returns one bit each; -EINVAL for what is no list, -EOVERFLOW for a CPU that there cannot be.
 */
export function parseCpuList(text: string, nrCpus: number): number {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return -EINVAL;
  let cpus = 0n;
  for (const range of text.split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    if (last < first) return -EINVAL;
    if (last >= nrCpus) return -EOVERFLOW;
    for (let cpu = first; cpu <= last; cpu++) cpus |= 1n << BigInt(cpu);
  }
  return Number(cpus);
}
