/** Calls to the chip of a line, and what the core notes of them. The lock of the line is held. (irq spec 4) */
import { EINVAL, IRQ_LEVEL, IRQ_SET_MASK_OK_NOCOPY, IRQ_TYPE_LEVEL_MASK, IRQ_TYPE_SENSE_MASK, IRQCHIP_SET_TYPE_MASKED } from '@kmem/contracts';
import type { IrqDesc } from './irq-desc.js';
import type { IrqTable } from './irq-table.js';

/** What `setType` of a chip may also return: done, and nobody else has to know. */
const IRQ_SET_MASK_OK_DONE = 2;

/**
 * Masks a line that is not masked.
 *
 * @param desc - the line.
 */
export function maskIrq(desc: IrqDesc): void {
  if (desc.masked) return;
  if (desc.chip?.mask === undefined) return;
  desc.chip.mask(desc.irq);
  desc.masked = true;
}

/**
 * Unmasks a line that is masked.
 *
 * @param desc - the line.
 */
export function unmaskIrq(desc: IrqDesc): void {
  if (!desc.masked) return;
  if (desc.chip?.unmask === undefined) return;
  desc.chip.unmask(desc.irq);
  desc.masked = false;
}

/**
 * Masks a line and says that its interrupt has arrived.
 *
 * @param desc - the line.
 */
export function maskAckIrq(desc: IrqDesc): void {
  if (desc.chip?.maskAck !== undefined) {
    desc.chip.maskAck(desc.irq);
    desc.masked = true;
    return;
  }
  maskIrq(desc);
  desc.chip?.ack?.(desc.irq);
}

/**
 * Lets a line's interrupts through.
 *
 * @param desc - the line.
 */
function chipEnable(desc: IrqDesc): void {
  if (!desc.disabled) {
    unmaskIrq(desc);
    return;
  }
  desc.disabled = false;
  if (desc.chip?.enable === undefined) {
    unmaskIrq(desc);
    return;
  }
  desc.chip.enable(desc.irq);
  desc.masked = false;
}

/**
 * Holds a line's interrupts back. Lazily: the next one that comes masks the line.
 *
 * @param desc - the line.
 * @param unlazy - mask at once.
 */
export function chipDisable(desc: IrqDesc, unlazy: boolean): void {
  if (desc.disabled) {
    if (unlazy) maskIrq(desc);
    return;
  }
  desc.disabled = true;
  if (desc.chip?.disable !== undefined) {
    desc.chip.disable(desc.irq);
    desc.masked = true;
  } else if (unlazy) {
    maskIrq(desc);
  }
}

/**
 * Starts a line up, or enables one that was.
 *
 * @param desc - the line.
 * @param cpus - CPUs that may get its interrupts, one bit each.
 */
export function chipStartup(desc: IrqDesc, cpus: number): void {
  desc.depth = 0;
  if (desc.started) {
    chipEnable(desc);
    return;
  }
  if (desc.chip?.startup === undefined) {
    chipEnable(desc);
  } else {
    desc.chip.startup(desc.irq);
    desc.disabled = false;
    desc.masked = false;
  }
  desc.started = true;
  desc.chip?.setAffinity?.(desc.irq, cpus, 0);
}

/**
 * Shuts a line down.
 *
 * @param desc - the line.
 */
export function chipShutdown(desc: IrqDesc): void {
  if (!desc.started) return;
  desc.depth = 1;
  if (desc.chip?.shutdown === undefined) {
    chipDisable(desc, true);
  } else {
    desc.chip.shutdown(desc.irq);
    desc.disabled = true;
    desc.masked = true;
  }
  desc.started = false;
}

/**
 * Sets the trigger type.
 *
 * @param desc - the line.
 * @param type - `IRQ_TYPE_*`.
 * @param table - told when the chip refuses.
 * @returns 0, also when the chip has no types; the chip's error otherwise.
 */
export function chipSetType(desc: IrqDesc, type: number, table: IrqTable): number {
  const { chip } = desc;
  if (chip?.setType === undefined) return 0;
  const masksAround = (chip.flags & IRQCHIP_SET_TYPE_MASKED) !== 0;
  const unmaskAfter = masksAround && !desc.disabled;
  if (masksAround) maskIrq(desc);
  const ret = chip.setType(desc.irq, type & IRQ_TYPE_SENSE_MASK);
  const done = ret === 0 || ret === IRQ_SET_MASK_OK_DONE;
  if (done) {
    desc.trigger = type & IRQ_TYPE_SENSE_MASK;
    desc.triggerSet = true;
  }
  if (done || ret === IRQ_SET_MASK_OK_NOCOPY) {
    const isLevel = (desc.trigger & IRQ_TYPE_LEVEL_MASK) !== 0;
    desc.settings = isLevel ? desc.settings | IRQ_LEVEL : desc.settings & ~IRQ_LEVEL;
  }
  if (unmaskAfter) unmaskIrq(desc);
  if (done || ret === IRQ_SET_MASK_OK_NOCOPY) return 0;
  table.report('IRQ_SET_TYPE_FAILED', desc.irq, `genirq: Setting trigger mode ${type & IRQ_TYPE_SENSE_MASK} for irq ${desc.irq} failed`);
  return ret;
}

/**
 * Reads a state at the chip.
 *
 * @param desc - the line.
 * @param which - `IRQCHIP_STATE_*`.
 * @returns 1 or 0; -EINVAL when the chip cannot tell.
 */
export function chipState(desc: IrqDesc, which: number): number {
  return desc.chip?.getIrqchipState?.(desc.irq, which) ?? -EINVAL;
}
