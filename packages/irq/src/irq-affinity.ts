/**
 * Which CPUs may get a line's interrupts. The lock of the line is held.
 *
 * ```
 * affinity          CPUs that were asked for last and that the chip knows; all at first
 * pendingAffinity   asked for since; null: none
 * ```
 *
 * Most lines can only be moved while an interrupt of theirs is being handled: their chip does it in its `ack`.
 * (irq spec 10)
 */
import { EINVAL, IRQ_MOVE_PCNTXT, IRQ_SET_MASK_OK_NOCOPY } from '@kmem/contracts';
import { maskIrq, unmaskIrq } from './chip-calls.js';
import type { IrqDesc } from './irq-desc.js';
import type { IrqTable } from './irq-table.js';

/**
 * Asks for other CPUs.
 *
 * @param desc - the line.
 * @param cpus - one bit each.
 * @param table - knows which CPUs there are.
 * @returns 0, also when it is done later; -EINVAL when the chip cannot, or none of the CPUs is there; the chip's error.
 */
export function setAffinity(desc: IrqDesc, cpus: number, table: IrqTable): number {
  if (desc.chip?.setAffinity === undefined) return -EINVAL;
  if ((desc.settings & IRQ_MOVE_PCNTXT) !== 0 && desc.pendingAffinity === null) return tellChip(desc, cpus, table);
  desc.pendingAffinity = cpus;
  return 0;
}

/**
 * Does what was asked for and could not be done then. The line is masked meanwhile.
 *
 * @param desc - the line; nothing happens while it is disabled.
 * @param table - knows which CPUs there are.
 */
export function moveIrq(desc: IrqDesc, table: IrqTable): void {
  if (desc.pendingAffinity === null || desc.disabled) return;
  const cpus = desc.pendingAffinity;
  const wasMasked = desc.masked;
  maskIrq(desc);
  desc.pendingAffinity = null;
  tellChip(desc, cpus, table);
  if (!wasMasked) unmaskIrq(desc);
}

/**
 * Says which CPUs a line is started up for.
 *
 * @param desc - the line.
 * @param table - knows which CPUs there are.
 * @returns those asked for that are there; all when none is.
 */
export function startupAffinity(desc: IrqDesc, table: IrqTable): number {
  const cpus = desc.affinity & table.allCpus;
  return cpus === 0 ? table.allCpus : cpus;
}

function tellChip(desc: IrqDesc, cpus: number, { allCpus }: IrqTable): number {
  const online = cpus & allCpus;
  if (online === 0) return -EINVAL;
  const ret = desc.chip?.setAffinity?.(desc.irq, online, 0) ?? -EINVAL;
  if (ret < 0) return ret;
  if (ret !== IRQ_SET_MASK_OK_NOCOPY) desc.affinity = cpus;
  return 0;
}
