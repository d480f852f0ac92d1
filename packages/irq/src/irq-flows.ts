/**
 * Flows: how chip calls and handlers follow each other when an interrupt of a line comes.
 *
 * ```
 * begin   true: run the handlers          false: done, nobody can
 * again   after each run of the handlers; true: run them once more
 * ```
 *
 * The lock of the line is held in both. (irq spec 5)
 */
import { IRQCHIP_EOI_IF_HANDLED, IRQCHIP_EOI_THREADED, type CpuId, type IrqFlow } from '@kmem/contracts';
import { maskAckIrq, maskIrq, unmaskIrq } from './chip-calls.js';
import { IRQS_ONESHOT, IRQS_PENDING, IRQS_REPLAY, IRQS_WAITING, type IrqDesc } from './irq-desc.js';

/** One flow. */
export interface Flow {
  /** An interrupt has come on a CPU: is there a handler to run? */
  readonly begin: (desc: IrqDesc, cpu: CpuId) => boolean;
  /** The handlers have run: once more? */
  readonly again: (desc: IrqDesc) => boolean;
  /** The spurious detector looks at what they returned. */
  readonly isJudged: boolean;
  /** Each CPU has the line for itself: no lock, no masking, no depth. `begin` and `again` are not called. */
  readonly isPercpu: boolean;
}

function nobodyMayRun(desc: IrqDesc): boolean {
  return desc.action === null || desc.disabled;
}

/** What all flows but edge begin with: false when the handlers run already, or nobody may. */
function mayBegin(desc: IrqDesc): boolean {
  if (desc.inProgress) return false;
  desc.istate &= ~(IRQS_REPLAY | IRQS_WAITING);
  if (!nobodyMayRun(desc)) return true;
  desc.istate |= IRQS_PENDING;
  return false;
}

/**
 * Counts an interrupt whose handlers are about to run.
 *
 * @param desc - the line.
 * @param cpu - where it came.
 * @returns true.
 */
export function countIrq(desc: IrqDesc, cpu: CpuId): true {
  desc.counts[cpu]++;
  desc.totCount++;
  return true;
}

function isDone(): boolean {
  return false;
}

/** A line that may be unmasked after its handlers: masked, and nobody wants it so. */
function mayUnmask(desc: IrqDesc): boolean {
  return !desc.disabled && desc.masked && desc.oneshotPending === 0;
}

const simple: Flow = {
  begin: (desc, cpu) => mayBegin(desc) && countIrq(desc, cpu),
  again: isDone,
  isJudged: true,
  isPercpu: false,
};

const level: Flow = {
  begin: (desc, cpu) => {
    maskAckIrq(desc);
    return mayBegin(desc) && countIrq(desc, cpu);
  },
  again: (desc) => {
    if (mayUnmask(desc)) unmaskIrq(desc);
    return false;
  },
  isJudged: true,
  isPercpu: false,
};

const fasteoi: Flow = {
  begin: (desc, cpu) => {
    if (mayBegin(desc)) {
      if ((desc.istate & IRQS_ONESHOT) !== 0) maskIrq(desc);
      return countIrq(desc, cpu);
    }
    if (!desc.inProgress) maskIrq(desc);
    if (!hasFlag(desc, IRQCHIP_EOI_IF_HANDLED)) desc.chip?.eoi?.(desc.irq);
    return false;
  },
  again: (desc) => {
    if ((desc.istate & IRQS_ONESHOT) === 0) {
      desc.chip?.eoi?.(desc.irq);
    } else if (mayUnmask(desc)) {
      desc.chip?.eoi?.(desc.irq);
      unmaskIrq(desc);
    } else if (!hasFlag(desc, IRQCHIP_EOI_THREADED)) {
      desc.chip?.eoi?.(desc.irq);
    }
    return false;
  },
  isJudged: true,
  isPercpu: false,
};

/** Another edge that came while the handlers ran has masked the line. False: the last action went meanwhile. */
function beginRun(desc: IrqDesc): boolean {
  if (desc.action === null) {
    maskIrq(desc);
    return false;
  }
  if ((desc.istate & IRQS_PENDING) !== 0 && !desc.disabled && desc.masked) unmaskIrq(desc);
  return true;
}

const edge: Flow = {
  begin: (desc, cpu) => {
    desc.istate &= ~(IRQS_REPLAY | IRQS_WAITING);
    if (desc.inProgress || nobodyMayRun(desc)) {
      desc.istate |= IRQS_PENDING;
      maskAckIrq(desc);
      return false;
    }
    countIrq(desc, cpu);
    desc.chip?.ack?.(desc.irq);
    return beginRun(desc);
  },
  again: (desc) => (desc.istate & IRQS_PENDING) !== 0 && !desc.disabled && beginRun(desc),
  isJudged: true,
  isPercpu: false,
};

const bad: Flow = {
  begin: (desc, cpu) => {
    countIrq(desc, cpu);
    return false;
  },
  again: isDone,
  isJudged: true,
  isPercpu: false,
};

/** Neither counted nor judged. */
const untracked: Flow = {
  begin: mayBegin,
  again: isDone,
  isJudged: false,
  isPercpu: false,
};

/** Of lines that each CPU has. */
const percpu: Flow = {
  begin: isDone,
  again: isDone,
  isJudged: true,
  isPercpu: true,
};

/** Of those that have a dev_id for each CPU. */
const percpuDevid: Flow = { ...percpu, isJudged: false };

/** Flows by name. */
export const FLOWS: Readonly<Record<IrqFlow, Flow>> = { bad, simple, untracked, level, fasteoi, edge, percpu, percpu_devid: percpuDevid };

function hasFlag(desc: IrqDesc, flag: number): boolean {
  return ((desc.chip?.flags ?? 0) & flag) !== 0;
}
