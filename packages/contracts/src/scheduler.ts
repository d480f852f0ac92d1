/**
 * Scheduler: tasks, their states, and which of them each CPU executes.
 *
 * Calls without a task are about the one that is current on the CPU of the caller. (waitq spec 5, 10, 12)
 */
import type { Sleepable } from './execution.js';
import type { CpuId, TaskId } from './units.js';

/** The idle task of every CPU, `swapper/N`. */
export const IDLE_TASK: TaskId = 0;

/** Is told when a CPU changes its task. A member that is left out is not called. */
export interface SwitchHooks {
  /** A task begins to be executed. Called after `switchOut`, before its code goes on. */
  readonly switchIn?: (task: TaskId, cpu: CpuId) => void;
  /** A task is no longer executed: it sleeps, or others come first. */
  readonly switchOut?: (task: TaskId, cpu: CpuId) => void;
  /**
   * A CPU has nothing to execute, or has something again. Called after `switchOut` and before `switchIn`, and each time an idle CPU that
   * was interrupted to look for a task has found none.
   */
  readonly idle?: (cpu: CpuId, isIdle: boolean) => void;
  /** A task has ended; `result` is what its code returned. Its number is not given to another one. */
  readonly exit?: (task: TaskId, result: number) => void;
}

/** Is told when one task sleeps. */
export interface SleepHooks {
  /** It goes to sleep. Called in its place, before its CPU looks for another task: it may wake one. */
  readonly sleep: (task: TaskId) => void;
  /** It begins to be executed, having slept or not. */
  readonly goesOn: (task: TaskId) => void;
}

/** Receives what the scheduler traces. */
export interface SchedTrace {
  /**
   * A task is about to be woken; it still has the state in which it slept.
   *
   * @param task - which one.
   */
  schedWaking(task: TaskId): void;
}

/** Tasks and the CPUs they run on. */
export interface Scheduler {
  /** The task of this CPU: the one that was interrupted, inside an interrupt. */
  readonly current: TaskId;
  /** True when this CPU should change its task at the next opportunity. */
  readonly needResched: boolean;
  /**
   * Lists the tasks that have not ended, the idle tasks left out.
   *
   * @kernelName for_each_process
   * @returns a new list, in the order in which they were made.
   */
  tasks(): TaskId[];
  /**
   * Reads a task's state word.
   *
   * @param task - which one.
   * @returns `TASK_*` bits.
   */
  taskState(task: TaskId): number;
  /**
   * Sets the state of the current task. Everything but TASK_RUNNING puts it to sleep at the next `schedule`.
   *
   * @kernelName set_current_state
   * @param state - `TASK_*` bits.
   */
  setCurrentState(state: number): void;
  /**
   * Says by which letter /proc shows a state.
   *
   * @kernelName task_state_to_char
   * @param state - `TASK_*` bits.
   * @returns one of `R S D T t X Z P I`.
   */
  taskStateToChar(state: number): string;
  /**
   * Says what a task is called.
   *
   * @param task - which one.
   * @returns at most 15 characters.
   */
  comm(task: TaskId): string;
  /**
   * Makes the current task a real-time task of the usual priority: it goes before all others and keeps its CPU.
   *
   * @kernelName sched_set_fifo
   */
  schedSetFifo(): void;
  /**
   * Reads a task's real-time priority.
   *
   * @param task - which one.
   * @returns from 1 to 99; 0 for a task of the normal policy.
   */
  rtPriority(task: TaskId): number;
  /**
   * Follows when a task sleeps, as work queues do with their workers.
   *
   * @param task - which one; it then has the flag PF_WQ_WORKER.
   * @param hooks - what to call.
   */
  followSleep(task: TaskId, hooks: SleepHooks): void;
  /**
   * Sets a task's nice value.
   *
   * @kernelName set_user_nice
   * @param task - which one.
   * @param nice - from -20 to 19.
   */
  setUserNice(task: TaskId, nice: number): void;
  /**
   * Reads a task's nice value.
   *
   * @kernelName task_nice
   * @param task - which one.
   * @returns from -20 to 19; 0 unless it was set.
   */
  taskNice(task: TaskId): number;
  /**
   * Gives the CPU away. A task whose state is not TASK_RUNNING sleeps until it is woken, unless a signal that its
   * state heeds is pending; interrupts are on when it returns.
   *
   * @kernelName schedule
   * @context task, preempt_count 0; otherwise SCHEDULING_WHILE_ATOMIC is reported and the count set to 0.
   */
  schedule(): Sleepable<void>;
  /**
   * Gives the CPU away if another task should have it.
   *
   * @kernelName cond_resched
   * @returns 1 when others ran meanwhile.
   */
  condResched(): Sleepable<number>;
  /**
   * Says that the caller may sleep here, and lets others go first if they should.
   *
   * @kernelName might_sleep
   * @context task, preempt_count 0, interrupts on; otherwise SLEEP_IN_ATOMIC is reported.
   */
  mightSleep(): Sleepable<void>;
  /**
   * Wakes a task if its state is among those given.
   *
   * @kernelName try_to_wake_up
   * @param task - which one.
   * @param mask - `TASK_*` bits.
   * @param wakeFlags - WF_SYNC or 0.
   * @returns 1 when it was woken, 0 when its state was another one.
   */
  tryToWakeUp(task: TaskId, mask: number, wakeFlags: number): number;
  /**
   * Wakes a task that sleeps in any normal way.
   *
   * @kernelName wake_up_process
   * @param task - which one.
   * @returns 1 when it was woken.
   */
  wakeUpProcess(task: TaskId): number;
  /**
   * Tells whether a signal is pending.
   *
   * @kernelName signal_pending
   * @param task - whose.
   * @returns true also for a kernel thread that shall stop.
   */
  signalPending(task: TaskId): boolean;
  /**
   * Tells whether a signal is pending that a sleep heeds.
   *
   * @kernelName signal_pending_state
   * @param state - state of the sleep.
   * @param task - whose signals.
   * @returns true when it does not go to sleep, or not on.
   */
  signalPendingState(state: number, task: TaskId): boolean;
  /**
   * Sends a signal.
   *
   * @kernelName send_sig
   * @param sig - number, from 1 to 31.
   * @param task - to whom. Kernel threads heed those that they have allowed.
   * @returns 0.
   */
  sendSig(sig: number, task: TaskId): number;
  /**
   * Makes the current kernel thread heed a signal.
   *
   * @kernelName allow_signal
   * @param sig - number, from 1 to 31.
   */
  allowSignal(sig: number): void;
  /**
   * Drops all pending signals.
   *
   * @kernelName flush_signals
   * @param task - whose.
   */
  flushSignals(task: TaskId): void;
  /**
   * Makes a kernel thread. It sleeps until it is woken for the first time.
   *
   * @kernelName kthread_create
   * @param code - what it does; returns its result.
   * @param name - of which 15 characters are kept as `comm`.
   * @param cpu - the CPU it runs on.
   * @returns the task.
   */
  kthreadCreate(code: () => Sleepable<number>, name: string, cpu: CpuId): TaskId;
  /**
   * Makes a kernel thread stop and waits for that.
   *
   * @kernelName kthread_stop
   * @param task - which one.
   * @returns what its code returned; -EINTR when it had never been woken.
   */
  kthreadStop(task: TaskId): Sleepable<number>;
  /**
   * Tells the current kernel thread whether it shall stop.
   *
   * @kernelName kthread_should_stop
   * @returns true when it shall.
   */
  kthreadShouldStop(): boolean;
  /**
   * Makes a kernel thread park and waits for that.
   *
   * @kernelName kthread_park
   * @param task - which one; it looks at `kthreadShouldPark` and calls `kthreadParkme`.
   * @returns 0; -EBUSY when it was told so before, -ENOSYS when it has ended.
   */
  kthreadPark(task: TaskId): Sleepable<number>;
  /**
   * Lets a parked kernel thread go on.
   *
   * @kernelName kthread_unpark
   * @param task - which one.
   */
  kthreadUnpark(task: TaskId): void;
  /**
   * Tells the current kernel thread whether it shall park.
   *
   * @kernelName kthread_should_park
   * @returns true when it shall.
   */
  kthreadShouldPark(): boolean;
  /**
   * Parks the current kernel thread until it shall not any more. Only `kthreadUnpark` and `kthreadStop` end that.
   *
   * @kernelName kthread_parkme
   */
  kthreadParkme(): Sleepable<void>;
  /**
   * Adds hooks; those added first are called first.
   *
   * @param hooks - what to call.
   */
  addSwitchHooks(hooks: SwitchHooks): void;
}
