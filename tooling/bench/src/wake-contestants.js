// Two ways in which a thread waits until a word of shared memory has a value, and is woken.
import { createSharedWaitQueue, SharedWaitQueue } from "@kmem/waitq/host";

export const QUEUE = "@kmem/waitq SharedWaitQueue";
export const BARE = "bare Atomics.wait";

/** Memory that both sides need besides the word. */
export const makeMemory = (name) => (name === QUEUE ? createSharedWaitQueue().buffer : undefined);

/** One side of two. */
export function makeSide(name, word, memory) {
  if (name === QUEUE) {
    const queue = new SharedWaitQueue(memory);
    return { waitFor: (value) => queue.waitEvent(() => Atomics.load(word, 0) === value), wake: () => queue.wakeUp() };
  }
  const waitFor = (value) => {
    for (let now = Atomics.load(word, 0); now !== value; now = Atomics.load(word, 0)) Atomics.wait(word, 0, now);
  };
  return { waitFor, wake: () => Atomics.notify(word, 0) };
}
