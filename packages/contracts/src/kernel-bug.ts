/**
 * KernelBug: the report of a broken promise.
 *
 * Memory shortage is a value. Misuse - a double free, a foreign frame, a wrong order - is a KernelBug: an
 * error with a stable code, machine-readable fields, and a text that reads like the kernel's own report.
 */

/**
 * Every code, with the rule that was broken. Codes never change their meaning.
 */
export const KERNEL_BUG_CODES = Object.freeze({
  BAD_ORDER: 'the order is not an integer from 0 to maxOrder - 1',
  BAD_FRAME: 'the frame number is not an integer inside the frame table, or lies in a hole',
  BAD_SIZE: 'the size in bytes or pages is not a positive safe integer within range',
  BAD_RANGE: 'no range in use starts at the address, or what is asked for does not lie in the address space',
  BAD_GFP: 'the combination of GFP flags is not allowed for this call',
  BAD_NODE: 'the memory node does not exist',
  BAD_ZONE: 'the memory zone does not exist',
  BAD_SHRINKER: 'the shrinker is registered already, or answers with what is no number of objects',
  DOUBLE_FREE: 'the block or object is already free',
  BAD_FREE: 'the frame is not the start of an allocated block',
  BAD_PAGE: 'the page has a state that a free page must not have',
  BAD_SPLIT: 'the page cannot be split',
  REFCOUNT: 'a reference was taken or dropped on a page that nobody holds',
  CORRUPT_STATE: 'an invariant of the allocator does not hold',
  ALLOC_FAILURE: 'there is no memory for a request that did not ask for silence',
  OOM_KILL: 'a task was ended to get its memory back',
  OOM_PANIC: 'memory has run out and there is no task left that could be ended',
  BAD_CACHE: 'the cache cannot be made as asked for',
  BAD_OBJECT: 'the address is not the start of an object',
  WRONG_CACHE: 'the object belongs to another cache',
  CORRUPT_OBJECT: 'bytes were written that are nobody\'s, or a free object\'s',
  LIVE_OBJECTS: 'a cache cannot go while objects of it are in use',
  DESTROYED_CACHE: 'the cache has been destroyed',
  NO_BACKING: 'the memory has no bytes behind it',
  SPIN_IN_PLAIN: 'a plain function waits for another CPU, which cannot run before it has ended',
  SCHEDULING_WHILE_ATOMIC: 'schedule was called in atomic context',
  SLEEP_IN_ATOMIC: 'a function that may sleep was called in atomic context',
  PREEMPT_LEAK: 'a callback ended with another preempt_count than it began with',
  TIMER_ADD_PENDING: 'add_timer was called for a timer that is pending',
  HRTIMER_NO_FORWARD_STORM: 'a high-resolution timer restarts without being moved forward',
  WRONG_TIMEOUT: 'a timeout is negative',
  BH_IN_IRQ: 'bottom halves were turned on in a hard interrupt or with interrupts off',
  SELF_DEADLOCK: 'a lock was asked for by the CPU that holds it',
  IRQ_UNBALANCED_ENABLE: 'a line was enabled more often than disabled, or before anybody had set it up',
  IRQ_FREE_UNKNOWN: 'a line was freed by somebody who has no action on it',
  IRQ_FREE_IN_IRQ: 'a line was freed in an interrupt',
  IRQ_FLAGS_MISMATCH: 'a line was requested with other flags than those who share it',
  IRQ_ONESHOT_REQUIRED: 'a line was requested without a handler and would not stay masked while its thread works',
  IRQ_PER_CPU: 'a line with a dev_id for each CPU was requested as a whole',
  IRQ_SET_TYPE_FAILED: 'the chip of a line has refused a trigger type',
  IRQ_UNBALANCED_WAKE: 'a line was disarmed as a wake-up source more often than armed',
  IRQ_WAKE_NO_THREAD: 'a handler asked for a thread that its action does not have',
  IRQ_HANDLER_ENABLED_IRQS: 'a handler returned with interrupts on',
  IRQ_BOGUS_RETURN: 'a handler returned something that is no result',
  IRQ_NOBODY_CARED: 'nearly all of 100000 interrupts of a line were claimed by no handler',
  PERCPU_STILL_ENABLED: 'a line that each CPU has was freed while a CPU has it enabled',
  IRQ_PERCPU_SPURIOUS: 'an interrupt came of a line that each CPU has and nobody has requested',
  TASKLET_KILL_IN_IRQ: 'a tasklet was killed from an interrupt, where nobody can wait for it',
  WORK_DRAIN_QUEUE: 'an item was queued from outside on a queue that is drained',
  WORK_DRAIN_TRIES: 'a queue does not become empty, because its items go on queueing',
  WORK_LEAKED_ATOMIC: 'the function of an item ended in atomic context',
  WORK_MAX_ACTIVE: 'a queue was asked for with more items at once than there may be',
  WORK_DESTROYED_QUEUE: 'a work queue was used after it had been destroyed',
  PAGE_FAULT: 'memory was accessed at an address where nothing is mapped, or in a way that is not allowed there',
  GENERAL_PROTECTION: 'memory was accessed at what is no address',
  BAD_MAPPING: 'a page cannot be mapped as asked for',
  BAD_AREA: 'no virtual area lies at the address, or not one for this call',
  TASK_FAILED: 'the code of a task threw an error',
} as const);

/** One of the codes of {@link KERNEL_BUG_CODES}. */
export type KernelBugCode = keyof typeof KERNEL_BUG_CODES;

/** How the kernel would have reacted: stop the task (`bug`), or report and go on (`warn`). */
export type KernelBugSeverity = 'bug' | 'warn';

/** Values that describe the incident: frames, orders, counts, names. */
export type KernelBugFields = Readonly<Record<string, number | string | boolean>>;

const MARKER = Symbol.for('kmem.KernelBug');

/**
 * The report of a misuse that Linux would answer with BUG, WARN or a sanitizer report.
 *
 * @remarks
 * Recognize one with {@link isKernelBug}, never by `instanceof` (two copies of this package may be
 * installed) and never by its text.
 */
export class KernelBug extends Error {
  override readonly name = 'KernelBug';
  /** Which rule was broken. */
  readonly code: KernelBugCode;
  /** What the kernel would have done. */
  readonly severity: KernelBugSeverity;
  /** The incident in machine-readable form. */
  readonly fields: KernelBugFields;
  /** Marks the object for {@link isKernelBug}. */
  readonly [MARKER] = true;

  /**
   * @param code - the rule that was broken.
   * @param what - one sentence: what was found and what was expected.
   * @param fields - the numbers behind the sentence.
   * @param severity - `bug` unless the kernel would only warn.
   */
  constructor(code: KernelBugCode, what: string, fields: KernelBugFields = {}, severity: KernelBugSeverity = 'bug') {
    super(`${severity === 'bug' ? 'BUG' : 'WARNING'}: ${code}: ${what}`);
    this.code = code;
    this.severity = severity;
    this.fields = fields;
  }
}

/**
 * Tells whether a caught value is a {@link KernelBug}, also one made by another copy of this package.
 *
 * @param value - anything that was caught.
 * @returns true for a KernelBug.
 */
export function isKernelBug(value: unknown): value is KernelBug {
  return typeof value === 'object' && value !== null && MARKER in value;
}

/**
 * Where reports go. Without one, a `bug` is thrown to the caller and a `warn` is dropped.
 *
 * @remarks
 * A sink that returns normally makes the call that was misused do nothing: the state stays as it was.
 */
export interface ReportSink {
  /**
   * Takes one report.
   *
   * @param report - what happened.
   */
  report(report: KernelBug): void;
}
