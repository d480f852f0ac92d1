/**
 * TaskScheduler: which task each CPU executes, and the ways tasks sleep and are woken.
 *
 * A task runs until it calls `schedule`, `condResched` or `mightSleep`; nothing preempts it in between. Of several
 * runnable tasks the one that has waited longest comes first, or the one that `chooseTask` names. (waitq spec 5, 10, 12)
 */
import type {
  CpuExecution,
  CpuId,
  Cpus,
  KernelBugCode,
  ReportSink,
  Scheduler,
  SchedTrace,
  Sleepable,
  SleepHooks,
  SwitchHooks,
  TaskId,
} from '@kmem/contracts';
import {
  EBUSY,
  EINTR,
  ENOSYS,
  IDLE_TASK,
  KernelBug,
  PF_KTHREAD,
  PF_WQ_WORKER,
  SIGKILL,
  TASK_DEAD,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_NORMAL,
  TASK_PARKED,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
  TASK_WAKEKILL,
} from '@kmem/contracts';
import { ScheduleOnce } from './schedule-once.js';
import { TaskTable } from './task-table.js';

const COMM_LENGTH = 15;
/** Real-time priority of all kernel threads that ask for one. */
const FIFO_PRIORITY = 50;
/** Bits of the column `kthread`: shall stop; shall park; its code has ended. */
const SHOULD_STOP = 1;
const SHOULD_PARK = 2;
const HAS_ENDED = 4;
/** Letters of the states whose highest bit is 0, 1, 2, ...; the last one is that of TASK_IDLE. */
const STATE_LETTERS = 'RSDTtXZPI';
const REPORTED_STATES = 0x7f;

/** Options of {@link TaskScheduler}. */
export interface TaskSchedulerOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they execute. */
  readonly execution: CpuExecution;
  /** Receives wake-ups. */
  readonly trace?: SchedTrace;
  /** Receives misuse. @default misuse is thrown */
  readonly reports?: ReportSink;
  /**
   * Chooses among runnable tasks, to try out schedules or to follow a recorded one.
   *
   * @param cpu - the CPU that looks for a task.
   * @param runnable - at least one, the one that has waited longest first; the current one last when it can go on.
   * @returns one of them.
   */
  readonly chooseTask?: (cpu: CpuId, runnable: readonly TaskId[]) => TaskId;
}

/** Tasks and the CPUs they run on. */
export class TaskScheduler implements Scheduler {
  readonly #cpus: Cpus;
  readonly #execution: CpuExecution;
  readonly #options: TaskSchedulerOptions;
  readonly #chooseTask: TaskSchedulerOptions['chooseTask'];
  readonly #tasks: TaskTable;
  readonly #current: Int32Array;
  readonly #resched: Uint8Array;
  #switchIn: SwitchHooks['switchIn'];
  #switchOut: SwitchHooks['switchOut'];
  #idle: SwitchHooks['idle'];
  #exit: SwitchHooks['exit'];
  /** Who follows a task with the flag PF_WQ_WORKER. */
  readonly #followed: (SleepHooks | undefined)[] = [];
  /** Somebody wants to know of every switch. */
  #isFollowed = false;
  readonly #givesWay = new ScheduleOnce<void>(true, undefined);
  readonly #gaveWay = new ScheduleOnce(true, 1);
  readonly #staysOn = new ScheduleOnce<void>(false, undefined);
  readonly #stayedOn = new ScheduleOnce(false, 0);

  /**
   * Makes a scheduler and has the CPUs ask it.
   *
   * @param options - what it works with.
   */
  constructor(options: TaskSchedulerOptions) {
    const { cpus, execution } = options;
    this.#cpus = cpus;
    this.#execution = execution;
    this.#options = options;
    this.#chooseTask = options.chooseTask;
    this.#tasks = new TaskTable(cpus.nrCpus);
    this.#current = new Int32Array(cpus.nrCpus);
    this.#resched = new Uint8Array(cpus.nrCpus);
    execution.setHooks({
      schedule: (cpu) => this.#switchTask(cpu),
      ended: (cpu, result) => this.#ended(cpu, Number(result)),
      failed: (cpu, error) => this.#failed(cpu, error),
    });
  }

  get current(): TaskId {
    return this.#current[this.#cpus.cpu];
  }

  get needResched(): boolean {
    return this.#isOthersTurn();
  }

  tasks(): TaskId[] {
    return [...this.#tasks.entry.keys()].filter((task) => this.#tasks.entry[task] !== null);
  }

  taskState(task: TaskId): number {
    return this.#tasks.state[task];
  }

  setCurrentState(state: number): void {
    this.#tasks.state[this.current] = state;
  }

  taskStateToChar(state: number): string {
    if (state === TASK_IDLE) return STATE_LETTERS[STATE_LETTERS.length - 1];
    // A dead task that nobody has to ask for its result is gone; it has no zombie bit.
    if (state === TASK_DEAD) return 'X';
    return STATE_LETTERS[32 - Math.clz32(state & REPORTED_STATES)];
  }

  comm(task: TaskId): string {
    return task === IDLE_TASK ? `swapper/${this.#cpus.cpu}` : this.#tasks.comm[task];
  }

  schedSetFifo(): void {
    this.#tasks.rtPriority[this.current] = FIFO_PRIORITY;
  }

  rtPriority(task: TaskId): number {
    return this.#tasks.rtPriority[task];
  }

  followSleep(task: TaskId, hooks: SleepHooks): void {
    this.#tasks.flags[task] |= PF_WQ_WORKER;
    this.#followed[task] = hooks;
  }

  setUserNice(task: TaskId, nice: number): void {
    this.#tasks.nice[task] = nice;
  }

  taskNice(task: TaskId): number {
    return this.#tasks.nice[task];
  }

  // Giving the CPU away

  schedule(): Sleepable<void> {
    if (this.#cpus.preemptCount() !== 0) this.#scheduledWhileAtomic();
    return this.#givesWay.begin();
  }

  condResched(): Sleepable<number> {
    return this.#shouldYield() ? this.#gaveWay.begin() : this.#stayedOn;
  }

  mightSleep(): Sleepable<void> {
    if (!this.#cpus.preemptible()) this.#sleepInAtomic();
    return this.#shouldYield() ? this.#givesWay.begin() : this.#staysOn;
  }

  /**
   * Does what the scheduler does at each tick: a task that others wait for goes behind them at its next opportunity.
   *
   * @kernelName scheduler_tick
   */
  schedulerTick(): void {
    const { cpu } = this.#cpus;
    // Real-time tasks keep their CPU.
    if (this.#tasks.waiting(cpu) > 0 && this.#tasks.rtPriority[this.current] === 0) this.#resched[cpu] = 1;
  }

  // Waking

  // A sync wake-up says where to run the task; here each has its CPU, so the flags say nothing.
  tryToWakeUp(task: TaskId, mask: number): number {
    const tasks = this.#tasks;
    if ((tasks.state[task] & mask) === 0) return 0;
    if (task === this.current) {
      tasks.state[task] = TASK_RUNNING;
      return 1;
    }
    const wasOff = this.#cpus.localIrqSave();
    this.#options.trace?.schedWaking(task);
    tasks.state[task] = TASK_RUNNING;
    // One that has set its state and not yet slept is still there.
    if (tasks.onRq[task] === 0) {
      tasks.onRq[task] = 1;
      tasks.enqueue(task);
      const cpu = tasks.cpu[task];
      if (tasks.rtPriority[task] > tasks.rtPriority[this.#current[cpu]]) this.#resched[cpu] = 1;
      this.#execution.kick(cpu);
    }
    this.#cpus.localIrqRestore(wasOff);
    return 1;
  }

  wakeUpProcess(task: TaskId): number {
    return this.tryToWakeUp(task, TASK_NORMAL);
  }

  // Signals

  signalPending(task: TaskId): boolean {
    return this.#tasks.pending[task] !== 0 || (this.#tasks.kthread[task] & SHOULD_STOP) !== 0;
  }

  signalPendingState(state: number, task: TaskId): boolean {
    if ((state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)) === 0 || !this.signalPending(task)) return false;
    return (state & TASK_INTERRUPTIBLE) !== 0 || (this.#tasks.pending[task] & bitOf(SIGKILL)) !== 0;
  }

  sendSig(sig: number, task: TaskId): number {
    const tasks = this.#tasks;
    const bit = bitOf(sig);
    if ((tasks.allowed[task] & bit) === 0 || (tasks.pending[task] & bit) !== 0) return 0;
    tasks.pending[task] |= bit;
    this.tryToWakeUp(task, TASK_INTERRUPTIBLE | (sig === SIGKILL ? TASK_WAKEKILL : 0));
    return 0;
  }

  allowSignal(sig: number): void {
    this.#tasks.allowed[this.current] |= bitOf(sig);
  }

  flushSignals(task: TaskId): void {
    this.#tasks.pending[task] = 0;
  }

  // Kernel threads

  kthreadCreate(code: () => Sleepable<number>, name: string, cpu: CpuId): TaskId {
    return this.#tasks.add(name.slice(0, COMM_LENGTH), cpu, TASK_UNINTERRUPTIBLE, PF_KTHREAD, code);
  }

  *kthreadStop(task: TaskId): Sleepable<number> {
    const tasks = this.#tasks;
    tasks.kthread[task] |= SHOULD_STOP;
    this.kthreadUnpark(task);
    this.wakeUpProcess(task);
    yield* this.#waitFor(task, () => (tasks.kthread[task] & HAS_ENDED) !== 0);
    return tasks.result[task];
  }

  *kthreadPark(task: TaskId): Sleepable<number> {
    const tasks = this.#tasks;
    if ((tasks.kthread[task] & HAS_ENDED) !== 0) return -ENOSYS;
    if ((tasks.kthread[task] & SHOULD_PARK) !== 0) return -EBUSY;
    tasks.kthread[task] |= SHOULD_PARK;
    if (task !== this.current) {
      this.wakeUpProcess(task);
      yield* this.#waitFor(task, () => tasks.state[task] === TASK_PARKED);
    }
    return 0;
  }

  kthreadUnpark(task: TaskId): void {
    this.#tasks.kthread[task] &= ~SHOULD_PARK;
    this.tryToWakeUp(task, TASK_PARKED);
  }

  kthreadShouldPark(): boolean {
    return (this.#tasks.kthread[this.current] & SHOULD_PARK) !== 0;
  }

  *kthreadParkme(): Sleepable<void> {
    while (this.kthreadShouldPark()) {
      this.setCurrentState(TASK_PARKED);
      this.#tellWaiter(this.current);
      yield* this.schedule();
    }
    this.setCurrentState(TASK_RUNNING);
  }

  kthreadShouldStop(): boolean {
    return (this.#tasks.kthread[this.current] & SHOULD_STOP) !== 0;
  }

  addSwitchHooks({ switchIn, switchOut, idle, exit }: SwitchHooks): void {
    this.#switchIn = both(this.#switchIn, switchIn);
    this.#switchOut = both(this.#switchOut, switchOut);
    this.#idle = both(this.#idle, idle);
    this.#exit = both(this.#exit, exit);
    this.#isFollowed = this.#switchIn !== undefined || this.#switchOut !== undefined;
  }

  #tellEnd(task: TaskId, result: number): void {
    this.#tasks.kthread[task] |= HAS_ENDED;
    this.#tasks.result[task] = result;
    this.#tellWaiter(task);
  }

  #tellWaiter(task: TaskId): void {
    const waiter = this.#tasks.waiter[task];
    this.#tasks.waiter[task] = 0;
    if (waiter !== 0) this.wakeUpProcess(waiter);
  }

  /** Sleeps until a kernel thread has said that it has ended, or parked. */
  *#waitFor(task: TaskId, condition: () => boolean): Sleepable<void> {
    while (!condition()) {
      this.#tasks.waiter[task] = this.current;
      this.setCurrentState(TASK_UNINTERRUPTIBLE);
      yield* this.schedule();
    }
  }

  // What the CPUs ask

  /** Puts the current task to sleep or at the end of the queue, and says which one comes next. */
  #switchTask(cpu: CpuId): void {
    const tasks = this.#tasks;
    const current = this.#current[cpu];
    this.#resched[cpu] = 0;
    if (current !== IDLE_TASK) {
      const state = tasks.state[current];
      if (state === TASK_RUNNING || this.#wakesAtOnce(current, state)) tasks.enqueue(current);
      else this.#fallsAsleep(current);
    }
    const next = this.#pick(cpu);
    const code = tasks.code[next];
    if (code === null || current === IDLE_TASK || this.#isFollowed) {
      this.#execute(cpu, current, next);
      return;
    }
    // The usual case, from a task to another that has begun.
    this.#current[cpu] = next;
    this.#execution.execute(cpu, code, tasks.flags[next]);
    if ((tasks.flags[next] & PF_WQ_WORKER) !== 0) this.#followed[next]?.goesOn(next);
  }

  /** Takes a task off its CPU; who follows it may wake another one. */
  #fallsAsleep(task: TaskId): void {
    this.#tasks.onRq[task] = 0;
    if ((this.#tasks.flags[task] & PF_WQ_WORKER) !== 0) this.#followed[task]?.sleep(task);
  }

  /** A task that is about to sleep does not if it heeds a signal that is pending. */
  #wakesAtOnce(task: TaskId, state: number): boolean {
    if (!this.signalPendingState(state, task)) return false;
    this.#tasks.state[task] = TASK_RUNNING;
    return true;
  }

  #pick(cpu: CpuId): TaskId {
    return this.#chooseTask === undefined ? this.#tasks.dequeueFirst(cpu) : this.#chosen(cpu, this.#chooseTask);
  }

  #chosen(cpu: CpuId, choose: (cpu: CpuId, runnable: readonly TaskId[]) => TaskId): TaskId {
    const tasks = this.#tasks;
    if (tasks.waiting(cpu) < 2) return tasks.dequeueFirst(cpu);
    const chosen = choose(cpu, tasks.queue(cpu));
    tasks.dequeue(chosen);
    return chosen;
  }

  /** Has a CPU execute a task, and tells those who follow that. */
  #execute(cpu: CpuId, previous: TaskId, next: TaskId): void {
    const { code, flags } = this.#tasks;
    this.#current[cpu] = next;
    if (previous !== next) this.#switchOut?.(previous, cpu);
    this.#execution.execute(cpu, code[next] ?? this.#begin(next), flags[next]);
    if ((flags[next] & PF_WQ_WORKER) !== 0) this.#followed[next]?.goesOn(next);
    if (previous === IDLE_TASK || next === IDLE_TASK) this.#idle?.(cpu, next === IDLE_TASK);
    if (previous !== next) this.#switchIn?.(next, cpu);
  }

  /** Makes the code of a task that is executed for the first time; there is none for the idle task. */
  #begin(task: TaskId): Sleepable<number> | null {
    const tasks = this.#tasks;
    const entry = tasks.entry[task];
    if (entry === null) return null;
    // Stopped before it was woken for the first time: it never begins.
    const code = (tasks.kthread[task] & SHOULD_STOP) !== 0 ? returning(-EINTR) : entry();
    tasks.code[task] = code;
    return code;
  }

  #ended(cpu: CpuId, result: number): void {
    const tasks = this.#tasks;
    const task = this.#current[cpu];
    if ((tasks.kthread[task] & HAS_ENDED) === 0) {
      this.#tellEnd(task, result);
      // Whoever was told may go first, and then still sees it.
      if (this.#shouldYield()) {
        tasks.code[task] = returning(result);
        this.#switchTask(cpu);
        return;
      }
    }
    tasks.state[task] = TASK_DEAD;
    tasks.onRq[task] = 0;
    tasks.remove(task);
    this.#exit?.(task, result);
    this.#execute(cpu, task, this.#pick(cpu));
  }

  #failed(cpu: CpuId, error: unknown): void {
    // Thrown on unless somebody collects it: then the task has ended like one that the kernel kills after a BUG.
    if (this.#options.reports === undefined) throw error;
    this.#report('TASK_FAILED', `${this.comm(this.#current[cpu])}: ${String(error)}`);
    this.#ended(cpu, -EINTR);
  }

  /** Tells whether the current task should let others go first, and can. */
  #shouldYield(): boolean {
    return this.#cpus.preemptible() && this.#isOthersTurn();
  }

  #isOthersTurn(): boolean {
    const { cpu } = this.#cpus;
    if (this.#tasks.waiting(cpu) === 0) return false;
    if (this.#current[cpu] === IDLE_TASK) return true;
    if (this.#chooseTask === undefined) return this.#resched[cpu] === 1;
    const current = this.#current[cpu];
    return this.#chooseTask(cpu, [...this.#tasks.queue(cpu), current]) !== current;
  }

  #sleepInAtomic(): void {
    const inAtomic = this.#cpus.inAtomic() ? 1 : 0;
    const irqsDisabled = this.#cpus.irqsDisabled() ? 1 : 0;
    this.#report(
      'SLEEP_IN_ATOMIC',
      `sleeping function called from invalid context: in_atomic(): ${inAtomic}, irqs_disabled(): ${irqsDisabled}, name: ${this.comm(this.current)}`,
    );
  }

  #scheduledWhileAtomic(): void {
    // The kernel's value has its own preempt_disable in it.
    const count = (this.#cpus.preemptCount() + 1).toString(16).padStart(8, '0');
    this.#cpus.preemptCountSet(0);
    this.#report('SCHEDULING_WHILE_ATOMIC', `scheduling while atomic: ${this.comm(this.current)}/${this.current}/0x${count}`);
  }

  #report(code: KernelBugCode, what: string): void {
    const bug = new KernelBug(code, what, { task: this.current, cpu: this.#cpus.cpu });
    if (this.#options.reports === undefined) throw bug;
    this.#options.reports.report(bug);
  }
}

// eslint-disable-next-line require-yield -- what remains of a task is its result
function* returning(result: number): Sleepable<number> {
  return result;
}

/** One hook that calls two, if there are two. */
function both<A extends unknown[]>(
  first: ((...args: A) => void) | undefined,
  second: ((...args: A) => void) | undefined,
): ((...args: A) => void) | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return (...args) => {
    first(...args);
    second(...args);
  };
}

function bitOf(sig: number): number {
  return 1 << (sig - 1);
}
