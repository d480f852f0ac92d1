/** The calls that wake who waits in a queue, by their kernel names. (waitq spec 2.2) */
import type { WaitHeadId, WaitQueues } from '@kmem/contracts';
import { TASK_INTERRUPTIBLE, TASK_NORMAL, WF_SYNC } from '@kmem/contracts';

/** Their names. */
export const WAKE_CALLS = [
  ...['wake_up', 'wake_up_nr', 'wake_up_all', 'wake_up_interruptible', 'wake_up_interruptible_nr', 'wake_up_interruptible_all'],
  ...['wake_up_sync', 'wake_up_interruptible_sync', 'wake_up_locked', 'wake_up_all_locked', 'wake_up_poll'],
  ...['wake_up_locked_poll', 'wake_up_interruptible_poll', 'wake_up_interruptible_sync_poll'],
];

/** Parts of such a name. */
const NAME = /^wake_up(_interruptible)?(_sync)?(_nr|_all)?(_locked)?(_poll)?$/;

/**
 * Makes one of these calls; the locked ones under the lock.
 *
 * @param waitQueues - the queues.
 * @param head - the queue.
 * @param name - which call.
 * @param nr - how many exclusive entries the calls with `_nr` wake.
 * @param key - what the calls with `_poll` pass on.
 */
export function callWake(waitQueues: WaitQueues, head: WaitHeadId, name: string, nr: number, key: number): void {
  const found = NAME.exec(name);
  if (found === null) throw new TypeError(`no wake call ${name}`);
  const [, interruptible, sync, amount, locked, poll] = found;
  const mode = interruptible === undefined ? TASK_NORMAL : TASK_INTERRUPTIBLE;
  const passed = poll === undefined ? 0 : key;
  const nrExclusive = amount === '_nr' ? nr : amount === '_all' ? 0 : 1;
  if (locked === undefined) {
    waitQueues.wakeUp(head, mode, nrExclusive, passed, sync === undefined ? 0 : WF_SYNC);
    return;
  }
  const wasOff = waitQueues.lock(head);
  waitQueues.wakeUpLocked(head, mode, nrExclusive, passed);
  waitQueues.unlock(head, wasOff);
}
