/** Steps about wait queue entries with scripted wake functions: one queue, no tasks. */
import type { Atomic, WaitEntryId } from '@kmem/contracts';
import { IRQ_WORK_VECTOR, WQ_FLAG_BOOKMARK, WQ_FLAG_EXCLUSIVE } from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { logAround, numberOf, Program, resourcesOf, type AtomicStep, type StepFamily } from './step-kinds.js';
import { callWake, WAKE_CALLS } from './wake-calls.js';

/** An entry of the script. */
interface ScriptEntry {
  readonly entry: WaitEntryId;
  /** Number shown in lines. */
  readonly id: unknown;
  returns: number;
  autoremove: boolean;
  short: boolean;
  program: Program;
}

/** Calls that queue or unqueue one entry. */
const QUEUEING = [
  ...['add_wait_queue', 'add_wait_queue_exclusive', 'add_wait_queue_priority', '__add_wait_queue', '__add_wait_queue_exclusive'],
  ...['__add_wait_queue_entry_tail', '__add_wait_queue_entry_tail_exclusive', 'remove_wait_queue'],
];
/** Letters of the states in the order of their numbers. */
const STATE_LETTERS = 'RSDTtXZPI';
const EXIT_STATES: Readonly<Record<string, number>> = { 'DEAD+ZOMBIE': 0xa0, 'DEAD+EXIT_DEAD': 0x90 };

/** What these steps are called, and the resources they are about. */
export const WAIT_ENTRY_FAMILY = {
  resources: ['entries', 'irq_works'],
  steps: [...QUEUEING, ...WAKE_CALLS, 'list', 'list_bookmarks', 'for_entries', 'irq_work_queue'],
};

/**
 * Makes the entries of a script, and their steps.
 *
 * @param run - the scenario.
 * @param runSteps - does the steps of a program.
 * @returns the steps.
 */
export function waitEntrySteps(run: ScenarioRun, runSteps: (steps: readonly Step[]) => Atomic<JsonObject>): StepFamily {
  const { cpus, sched, waitQueues } = run.kernel;
  const head = waitQueues.createHead();
  const known = new Map<unknown, ScriptEntry>();
  const byNode = new Map<WaitEntryId, ScriptEntry>();
  /** irq_work that was queued and has not run. */
  let queuedWork: JsonObject[] = [];

  function create(key: unknown, id: unknown): ScriptEntry {
    const entry = waitQueues.createEntry();
    const own: ScriptEntry = { entry, id, returns: 1, autoremove: false, short: false, program: new Program([]) };
    waitQueues.initEntry(entry, 0, (_entry, mode, wakeFlags, key_) => wake(own, mode, wakeFlags, key_));
    known.set(key, own);
    byNode.set(entry, own);
    return own;
  }

  function wake(own: ScriptEntry, mode: number, wakeFlags: number, key: number): number {
    const flags = waitQueues.flags(own.entry);
    const { id, returns } = own;
    if (own.short) cpus.runNow(runSteps(own.program.next()));
    const removes = own.autoremove && (own.short || returns > 0);
    const line = { id, flags, returns };
    const more = { mode, wake_flags: wakeFlags, key, locked: waitQueues.isLocked(head) ? 1 : 0, removes: removes ? 1 : 0 };
    run.write('func', own.short ? line : { ...line, ...more });
    if (!own.short) cpus.runNow(runSteps(own.program.next()));
    if (removes) waitQueues.removeEntry(own.entry);
    return returns;
  }

  for (const resource of resourcesOf(run.scenario.script, 'entries')) {
    const { entries } = resource;
    const [first, last] = Array.isArray(entries) ? [Number(entries[0]), Number(entries[1])] : [0, 0];
    const keys = Array.isArray(entries) ? Array.from({ length: last - first + 1 }, (_, i) => first + i) : [resource['entry']];
    for (const key of keys) change(known.get(key) ?? create(key, resource['id'] ?? key), resource);
  }

  function change(own: ScriptEntry, members: JsonObject): void {
    if ('returns' in members) own.returns = numberOf(members, 'returns');
    if ('autoremove' in members) own.autoremove = numberOf(members, 'autoremove') !== 0;
    if ('short' in members) own.short = numberOf(members, 'short') !== 0;
    if ('prog' in members) own.program = new Program(members['prog']);
  }

  function find(key: unknown): ScriptEntry {
    const own = known.get(key);
    if (own === undefined) throw new TypeError(`no wait queue entry ${String(key)}`);
    return own;
  }

  function queue(name: string, { entry }: ScriptEntry): void {
    if (name === 'add_wait_queue') waitQueues.addWaitQueue(head, entry);
    else if (name === 'add_wait_queue_exclusive') waitQueues.addWaitQueueExclusive(head, entry);
    else if (name === 'add_wait_queue_priority') waitQueues.addWaitQueuePriority(head, entry);
    else if (name === 'remove_wait_queue') waitQueues.removeWaitQueue(head, entry);
    else {
      const wasOff = waitQueues.lock(head);
      if (name.endsWith('_exclusive')) waitQueues.setFlags(entry, waitQueues.flags(entry) | WQ_FLAG_EXCLUSIVE);
      if (name.includes('_tail')) waitQueues.addEntryTail(head, entry);
      else waitQueues.addEntry(head, entry);
      waitQueues.unlock(head, wasOff);
    }
  }

  function list(): void {
    const single = waitQueues.wqHasSingleSleeper(head) ? 1 : 0;
    const active = waitQueues.waitqueueActive(head) ? 1 : 0;
    const entries = waitQueues.entries(head).map((entry) => [byNode.get(entry)?.id ?? entry, waitQueues.flags(entry)]);
    run.write('list', { cols: 'id,flags', entries, waitqueue_active: active, wq_has_sleeper: active, wq_has_single_sleeper: single });
  }

  cpus.setVectorHandler(IRQ_WORK_VECTOR, function* (): Atomic<void> {
    const works = queuedWork;
    queuedWork = [];
    for (const work of works.reverse()) {
      // What is to be spread is an object or absent.
      run.write(String(work['log']), { locked: waitQueues.isLocked(head) ? 1 : 0, ...(work['a'] as JsonObject) });
      yield* runSteps(new Program(work['prog']).next());
    }
  });

  function* queueStep(step: Step): Atomic<void> {
    yield* run.catchUp();
    const own = find(step['entry']);
    const inputs = { flags_before: waitQueues.flags(own.entry), func_returns: own.returns, autoremove: own.autoremove ? 1 : 0 };
    const inGap = step.do === 'remove_wait_queue' && Array.isArray(step['log']) && step['log'][0] === null;
    logAround(run, step, 0, { op: step['as'] ?? step.do, id: own.id, ...(step.do !== 'remove_wait_queue' && inputs) });
    queue(step.do, own);
    logAround(run, step, 1, inGap ? { id: own.id } : { op: step['as'] ?? step.do });
  }

  function* wakeStep(step: Step): Atomic<void> {
    yield* run.catchUp();
    const op = step['as'] ?? step.do;
    logAround(run, step, 0, { op });
    // The walk turns interrupts off: time passes before it or not at all.
    yield* run.catchUp();
    callWake(waitQueues, head, step.do, numberOf(step, 'nr'), numberOf(step, 'key'));
    yield* run.catchUp();
    logAround(run, step, 1, { op });
  }

  const atomic: Record<string, AtomicStep> = {};
  for (const name of QUEUEING) atomic[name] = queueStep;
  for (const name of WAKE_CALLS) atomic[name] = wakeStep;
  atomic['list'] = function* (): Atomic<void> {
    yield* run.catchUp();
    list();
  };
  atomic['list_bookmarks'] = function* (): Atomic<void> {
    yield* run.catchUp();
    waitQueues.entries(head).forEach((entry, position) => {
      if ((waitQueues.flags(entry) & WQ_FLAG_BOOKMARK) === 0) return;
      run.write('bookmark', { position, func_is_null: waitQueues.wakeFunction(entry) === null ? 1 : 0 });
    });
  };
  atomic['for_entries'] = function* (step): Atomic<void> {
    yield* run.catchUp();
    const [first, last] = Array.isArray(step['entries']) ? step['entries'].map(Number) : [0, -1];
    for (let key = first; key <= last; key++) queue(String(step['call']), find(key));
  };
  atomic['irq_work_queue'] = function* (step): Atomic<void> {
    const work = resourcesOf(run.scenario.script, 'irq_works').find((known_) => known_['irq_work'] === step['irq_work']);
    if (work === undefined) throw new TypeError(`no irq_work ${String(step['irq_work'])}`);
    yield* run.catchUp();
    queuedWork.push(work);
    cpus.raiseVector(cpus.cpu, IRQ_WORK_VECTOR);
  };
  atomic['set:entry'] = function* (step): Atomic<void> {
    yield* run.catchUp();
    change(find(step['entry']), step);
  };
  /** One recorded call of an `events` script; the queue is listed after it. */
  atomic['events:op'] = function* (line): Atomic<void> {
    const [name, argument = '0'] = String(line['op']).split(' ');
    if (!('id' in line)) {
      const nr = Number(argument);
      yield* wakeStep({ do: name, as: line['op'], nr, key: nr, log: ['op', 'op-end'] });
      // Every call that changed something is followed by a list.
      yield* run.catchUp();
      list();
      return;
    }
    const own = known.get(line['id']) ?? create(line['id'], line['id']);
    if (name === 'set_return') {
      own.returns = numberOf(line, 'ret');
      run.write('op', { op: name, id: own.id, ret: own.returns });
    } else {
      change(own, { returns: line['func_returns'] ?? own.returns, autoremove: line['autoremove'] ?? (own.autoremove ? 1 : 0) });
      if ('flags_before' in line) waitQueues.setFlags(own.entry, numberOf(line, 'flags_before'));
      yield* queueStep({ do: name, entry: line['id'], log: ['op', null] });
    }
    yield* run.catchUp();
    list();
  };
  /** The letter of a state; of two words, that of the first with the exit state of the second. */
  atomic['events:letter'] = function* (line): Atomic<void> {
    yield* run.catchUp();
    const { state } = line;
    const letter = sched.taskStateToChar(typeof state === 'number' ? state : (EXIT_STATES[String(state)] ?? 0));
    run.write('letter', { state, ...(typeof state === 'number' && { index: STATE_LETTERS.indexOf(letter) }), letter });
  };
  atomic['events:list'] = function* (): Atomic<void> {
    yield* run.catchUp();
    list();
  };
  return { atomic, sleepable: {} };
}
