export { NO_PAGE, NULL, NUMA_NO_NODE, ZERO_SIZE_PTR } from './units.js';
export type {
  CompletionId,
  CpuId,
  Gfp,
  HrTimerId,
  Irq,
  IrqWorkId,
  KAddr,
  NodeId,
  Order,
  Pfn,
  PhysAddr,
  SwaitHeadId,
  TaskId,
  TaskletId,
  TimerId,
  WaitEntryId,
  WaitHeadId,
  WorkId,
  WorkqueueId,
} from './units.js';
export {
  __GFP_ACCOUNT,
  __GFP_ATOMIC,
  __GFP_BITS_MASK,
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_FS,
  __GFP_HARDWALL,
  __GFP_HIGH,
  __GFP_HIGHMEM,
  __GFP_IO,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_MOVABLE,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  __GFP_RECLAIMABLE,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  __GFP_WRITE,
  __GFP_ZERO,
  __GFP_ZEROTAGS,
  GFP_ATOMIC,
  GFP_CONSTRAINT_MASK,
  GFP_DMA,
  GFP_DMA32,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_KERNEL_ACCOUNT,
  GFP_NAMES,
  GFP_NOFS,
  GFP_NOIO,
  GFP_NOWAIT,
  GFP_RECLAIM_MASK,
  GFP_SLAB_BUG_MASK,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
  GFP_USER,
  GFP_ZONEMASK,
  LEGACY_GFP,
} from './gfp.js';
export {
  MIGRATE_HIGHATOMIC,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  MIGRATETYPE_NAMES,
} from './migratetype.js';
export {
  EACCES,
  EAGAIN,
  EBUSY,
  EEXIST,
  EFAULT,
  EINTR,
  EINVAL,
  EIO,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  ENOTCONN,
  ENOTTY,
  ENXIO,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  EPIPE,
  ERANGE,
  ERESTARTSYS,
  ETIME,
  ETIMEDOUT,
} from './errno.js';
export { isKernelBug, KERNEL_BUG_CODES, KernelBug } from './kernel-bug.js';
export type { KernelBugCode, KernelBugFields, KernelBugSeverity, ReportSink } from './kernel-bug.js';
export type { MemoryBacking, PhysicalMemory } from './physical-memory.js';
export {
  BLOCK_ORDER_MASK,
  BLOCK_PCP,
  BLOCK_TAIL,
  BLOCK_TYPE_MASK,
  BLOCK_TYPE_SHIFT,
  BLOCK_ZONE_SHIFT,
  PAGE_FLAG_NAMES,
  PAGE_FLAGS_FORBIDDEN_AT_FREE,
  PAGE_TYPE_BUDDY,
  PAGE_TYPE_GUARD,
  PAGE_TYPE_MASK,
  PAGE_TYPE_OFFLINE,
  PAGE_TYPE_TABLE,
  PB_ABSENT,
  PB_SHARED,
  PB_SKIP,
  PB_TOUCHED,
  PB_TYPE_MASK,
  PG_active,
  PG_arch_1,
  PG_dirty,
  PG_error,
  PG_head,
  PG_locked,
  PG_lru,
  PG_mappedtodisk,
  PG_mlocked,
  PG_owner_priv_1,
  PG_private,
  PG_private_2,
  PG_reclaim,
  PG_referenced,
  PG_reserved,
  PG_slab,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
  PG_waiters,
  PG_workingset,
  PG_writeback,
} from './frame-table.js';
export type { FrameTable } from './frame-table.js';
export type { PfnRange, ZoneKind, ZoneSpec } from './zone.js';
export { PF_KTHREAD, PF_MEMALLOC, PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, PF_MEMALLOC_PIN, PF_WQ_WORKER } from './cpu-context.js';
export type { CpuContext } from './cpu-context.js';
export {
  COMPACT_COMPLETE,
  COMPACT_CONTENDED,
  COMPACT_CONTINUE,
  COMPACT_DEFERRED,
  COMPACT_NO_SUITABLE_PAGE,
  COMPACT_NOT_SUITABLE_ZONE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  WMARK_HIGH,
  WMARK_LOW,
  WMARK_MIN,
} from './reclaim.js';
export type { Reclaim, ReclaimTarget, ReclaimZone } from './reclaim.js';
export type { TraceSink } from './trace-sink.js';
export type { PageAddresses } from './page-addresses.js';
export type { PageAllocator } from './page-allocator.js';
export type { PageState, PcpState, ZoneState } from './page-state.js';
export type { ProcInputs, ProcRow } from './proc-text.js';
export type { SlabAllocator, SlabCache, SlabCacheOptions, SlabObject } from './slab-allocator.js';
export type { SlabTrack } from './slab-track.js';
export type { ClassicSlabState, SlabArrayState } from './slab-array-state.js';
export type { SlobPageState, SlobState } from './slob-state.js';
export type { SlabCacheAttributes, SlabCacheState, SlabCpuState, SlabState } from './slab-state.js';
export {
  SLAB_ACCOUNT,
  SLAB_CACHE_DMA,
  SLAB_CACHE_DMA32,
  SLAB_CONSISTENCY_CHECKS,
  SLAB_DEBUG_OBJECTS,
  SLAB_FAILSLAB,
  SLAB_HWCACHE_ALIGN,
  SLAB_KASAN,
  SLAB_KMALLOC,
  SLAB_MEM_SPREAD,
  SLAB_NOLEAKTRACE,
  SLAB_NO_USER_FLAGS,
  SLAB_PANIC,
  SLAB_POISON,
  SLAB_RECLAIM_ACCOUNT,
  SLAB_RED_ZONE,
  SLAB_SKIP_KFENCE,
  SLAB_STORE_USER,
  SLAB_TRACE,
  SLAB_TYPESAFE_BY_RCU,
} from './slab-flags.js';
export {
  BUSY_WAIT,
  SCHEDULE,
} from './execution.js';
export type { Atomic, AtomicResult, Sleepable } from './execution.js';
export {
  CALL_FUNCTION_SINGLE_VECTOR,
  FIRST_EXTERNAL_VECTOR,
  HARDIRQ_MASK,
  HARDIRQ_OFFSET,
  IRQ_WORK_VECTOR,
  LOCAL_TIMER_VECTOR,
  NMI_MASK,
  NMI_OFFSET,
  PREEMPT_MASK,
  PREEMPT_OFFSET,
  RESCHEDULE_VECTOR,
  SOFTIRQ_DISABLE_OFFSET,
  SOFTIRQ_MASK,
  SOFTIRQ_OFFSET,
} from './cpus.js';
export type { Cpus, VectorHandler } from './cpus.js';
export type { CpuExecution, CpuHooks } from './cpu-execution.js';
export type { Clock, ClockEvent } from './clock.js';
export type { Delays } from './delays.js';
export type { HrTimerFunction, HrTimers } from './hrtimers.js';
export {
  MAX_SCHEDULE_TIMEOUT,
  SIGKILL,
  SIGSTOP,
  SIGUSR1,
  TASK_DEAD,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_KILLABLE,
  TASK_NOLOAD,
  TASK_NORMAL,
  TASK_PARKED,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
  TASK_WAKEKILL,
  WF_SYNC,
} from './task-state.js';
export { IDLE_TASK } from './scheduler.js';
export type { SchedTrace, Scheduler, SleepHooks, SwitchHooks } from './scheduler.js';
export {
  BLOCK_SOFTIRQ,
  HI_SOFTIRQ,
  HRTIMER_SOFTIRQ,
  IRQ_POLL_SOFTIRQ,
  NET_RX_SOFTIRQ,
  NET_TX_SOFTIRQ,
  NR_SOFTIRQS,
  RCU_SOFTIRQ,
  SCHED_SOFTIRQ,
  SOFTIRQ_NAMES,
  TASKLET_SOFTIRQ,
  TIMER_SOFTIRQ,
} from './softirqs.js';
export type { SoftirqTrace, Softirqs } from './softirqs.js';
export { IRQ_WORK_BUSY, IRQ_WORK_LAZY, IRQ_WORK_PENDING } from './irq-works.js';
export type { IrqWorks } from './irq-works.js';
export {
  NO_WORK,
  WORK_BUSY_PENDING,
  WORK_BUSY_RUNNING,
  WQ_CPU_INTENSIVE,
  WQ_DFL_ACTIVE,
  WQ_FREEZABLE,
  WQ_HIGHPRI,
  WQ_MAX_ACTIVE,
  WQ_MEM_RECLAIM,
  WQ_POWER_EFFICIENT,
  WQ_SYSFS,
  WQ_UNBOUND,
  __WQ_ORDERED,
} from './workqueues.js';
export type { SystemWorkqueues, WorkFunction, Workqueues } from './workqueues.js';
export { TASKLET_STATE_RUN, TASKLET_STATE_SCHED } from './tasklets.js';
export type { Tasklets } from './tasklets.js';
export {
  IRQC_IS_HARDIRQ,
  IRQC_IS_NESTED,
  IRQF_COND_SUSPEND,
  IRQF_NO_AUTOEN,
  IRQF_NO_SUSPEND,
  IRQF_ONESHOT,
  IRQF_PERCPU,
  IRQF_PROBE_SHARED,
  IRQF_SHARED,
  IRQF_TIMER,
  IRQ_HANDLED,
  IRQ_NONE,
  IRQ_NOTCONNECTED,
  IRQ_WAKE_THREAD,
  __IRQF_TIMER,
} from './interrupts.js';
export type { Interrupts, IrqFlow, IrqHandler, IrqState, IrqThreadFn } from './interrupts.js';
export {
  IRQCHIP_EOI_IF_HANDLED,
  IRQCHIP_EOI_THREADED,
  IRQCHIP_ONESHOT_SAFE,
  IRQCHIP_SET_TYPE_MASKED,
  IRQCHIP_SKIP_SET_WAKE,
  IRQCHIP_STATE_ACTIVE,
  IRQCHIP_STATE_PENDING,
  IRQ_DISABLE_UNLAZY,
  IRQ_IS_POLLED,
  IRQ_LEVEL,
  IRQ_NESTED_THREAD,
  IRQ_MOVE_PCNTXT,
  IRQ_NOAUTOEN,
  IRQ_NOREQUEST,
  IRQ_NOTHREAD,
  IRQ_PER_CPU_DEVID,
  IRQ_SET_MASK_OK,
  IRQ_SET_MASK_OK_NOCOPY,
  IRQ_TYPE_EDGE_FALLING,
  IRQ_TYPE_EDGE_RISING,
  IRQ_TYPE_LEVEL_HIGH,
  IRQ_TYPE_LEVEL_LOW,
  IRQ_TYPE_LEVEL_MASK,
  IRQ_TYPE_NONE,
  IRQ_TYPE_SENSE_MASK,
} from './irq-chip.js';
export type { IrqChip, IrqChipCallback, ScriptedChipOptions } from './irq-chip.js';
export { TIMER_DEFERRABLE, TIMER_IRQSAFE, TIMER_PINNED } from './timers.js';
export type { SleepTimeout, TimerFunction, Timers } from './timers.js';
export {
  WOULD_BLOCK,
  WQ_FLAG_BOOKMARK,
  WQ_FLAG_CUSTOM,
  WQ_FLAG_DONE,
  WQ_FLAG_EXCLUSIVE,
  WQ_FLAG_PRIORITY,
  WQ_FLAG_WOKEN,
} from './wait-queues.js';
export type { WaitQueues, WakeFunction } from './wait-queues.js';
export type { SimpleWaitQueues } from './simple-wait-queues.js';
export { COMPLETED_FOR_ALL } from './completions.js';
export type { Completions } from './completions.js';
export type { BitWaits, BitWord } from './bit-waits.js';
export type { BrokenDownTime, TimeConstants, TimeMath, Timespec64 } from './time-math.js';
export {
  _PAGE_ACCESSED,
  _PAGE_DIRTY,
  _PAGE_GLOBAL,
  _PAGE_NX,
  _PAGE_PCD,
  _PAGE_PRESENT,
  _PAGE_PSE,
  _PAGE_PWT,
  _PAGE_RW,
  _PAGE_USER,
  PAGE_KERNEL,
  PAGE_KERNEL_EXEC,
  PAGE_KERNEL_IO,
  PAGE_KERNEL_IO_WC,
  PAGE_KERNEL_RO,
  PTE_FRAME,
} from './mmu.js';
export type { Mmu } from './mmu.js';
export type { AddressOwner, OwnedAddresses } from './address-owner.js';
export { NO_RANGE } from './address-range.js';
export type { AddressRange, AddressRanges, AddressRangesOptions, AddressSpaceState, FreeAddressRange } from './address-range.js';
export {
  VM_ALLOC,
  VM_ALLOW_HUGE_VMAP,
  VM_DMA_COHERENT,
  VM_FLUSH_RESET_PERMS,
  VM_IOREMAP,
  VM_MAP,
  VM_MAP_PUT_PAGES,
  VM_NO_GUARD,
  VM_UNINITIALIZED,
  VM_USERMAP,
} from './vm-area.js';
export type { VmArea, VmAreasState } from './vm-area.js';
export type { VirtualAllocator } from './virtual-allocator.js';
export type { KmallocCalls } from './kmalloc-calls.js';
