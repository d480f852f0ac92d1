/**
 * Numbers that mean different things have different types.
 *
 * Every unit below is a plain number at run time. The types are flavours: an arithmetic result or a
 * literal fits where a unit is expected, but a page frame number does not fit where an address is.
 */

declare const unit: unique symbol;

type Unit<Name extends string> = number & { readonly [unit]?: Name };

/** A page frame number: index of a frame of `2 ** pageShift` bytes, counted from physical address 0. */
export type Pfn = Unit<'pfn'>;

/** A physical address: byte offset into RAM. */
export type PhysAddr = Unit<'phys'>;

/**
 * A kernel virtual address: the 64-bit pattern read as a signed number, which is exact in a double for
 * the upper canonical half of a 4-level x86_64 machine. On 32-bit machines it is unsigned.
 */
export type KAddr = Unit<'kaddr'>;

/** log2 of a number of frames, from 0 to `maxOrder - 1`. */
export type Order = Unit<'order'>;

/** A set of `__GFP_*` bits. It is read by bit operators: of an integer the low 32 bits count, and what is no number has none. */
export type Gfp = Unit<'gfp'>;

/** Number of a CPU, from 0. */
export type CpuId = Unit<'cpu'>;

/** Number of a task; 0 is the idle task of every CPU. */
export type TaskId = Unit<'task'>;

/** Number of a timer. */
export type TimerId = Unit<'timer'>;

/** Number of a high-resolution timer. */
export type HrTimerId = Unit<'hrtimer'>;

/** Number of an interrupt line, as drivers name it. */
export type Irq = Unit<'irq'>;

/** Number of a tasklet. */
export type TaskletId = Unit<'tasklet'>;

/** Number of an irq_work item. */
export type IrqWorkId = Unit<'irq-work'>;

/** Number of an item of work. */
export type WorkId = Unit<'work'>;

/** Number of a work queue. */
export type WorkqueueId = Unit<'workqueue'>;

/** Number of the head of a wait queue. */
export type WaitHeadId = Unit<'wait-head'>;

/** Number of an entry of a wait queue. */
export type WaitEntryId = Unit<'wait-entry'>;

/** Number of the head of a simple wait queue. */
export type SwaitHeadId = Unit<'swait-head'>;

/** Number of a completion. */
export type CompletionId = Unit<'completion'>;

/** Number of a memory node, from 0. */
export type NodeId = Unit<'node'>;

/** What page allocations return when there is no memory. */
export const NO_PAGE: Pfn = -1;

/** No address, physical or of the kernel. Frame 0 is never handed out, so it is never a valid result. */
export const NULL = 0;

/** What a request for no bytes returns: an address that may be freed and must not be touched. */
export const ZERO_SIZE_PTR: PhysAddr = 16;

/** No node in particular: the one of the CPU that asks. */
export const NUMA_NO_NODE: NodeId = -1;
