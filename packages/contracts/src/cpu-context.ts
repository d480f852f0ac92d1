/** CpuContext: who is asking. The facts about the current CPU and task that allocation rules depend on. */
import type { CpuId } from './units.js';

/** Task flag: may use all reserves. */
export const PF_MEMALLOC = 0x0800;
/** Task flag: the task is a worker of a work queue. */
export const PF_WQ_WORKER = 0x20;
/** Task flag: the task is a kernel thread. */
export const PF_KTHREAD = 0x00200000;
/** Task flag: its allocations must not enter a file system. */
export const PF_MEMALLOC_NOFS = 0x00040000;
/** Task flag: its allocations must not start I/O. */
export const PF_MEMALLOC_NOIO = 0x00080000;
/** Task flag: its allocations must not come from movable memory. */
export const PF_MEMALLOC_PIN = 0x10000000;

/** The current CPU and task. Read at every call; the values change as the machine runs. */
export interface CpuContext {
  /** CPUs of the machine, at least 1. Fixed. */
  readonly nrCpus: number;
  /** The CPU the caller runs on, from 0 to `nrCpus - 1`. */
  readonly cpu: CpuId;
  /** True in hard interrupts, in softirqs and with bottom halves off. */
  readonly inInterrupt: boolean;
  /** True while a softirq is being served. */
  readonly inSoftirq: boolean;
  /** `PF_*` bits of the current task. */
  readonly taskFlags: number;
  /** True when the current task has a realtime policy. */
  readonly realtime: boolean;
  /** True when the OOM killer has chosen the current task. */
  readonly oomVictim: boolean;
}
