/** sleepAsync: sleeping on a word of shared memory while the thread goes on. */

/** What the types of ES2023 do not know yet, and every host of today has. */
interface AtomicsWithWaitAsync {
  waitAsync(words: Int32Array, at: number, value: number): { async: boolean; value: string | Promise<string> };
}

/** Longest delay that timers of hosts keep. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Waits until a word is notified or the time is up.
 *
 * @param words - shared memory.
 * @param at - the word, on which nobody else sleeps.
 * @param value - what it must hold; otherwise the wait is over at once.
 * @param timeoutMs - how long; Infinity for no end.
 */
export async function sleepAsync(words: Int32Array, at: number, value: number, timeoutMs: number): Promise<void> {
  // The cast holds where the function exists, and there is no use in going on where it does not.
  const waiting = (Atomics as unknown as AtomicsWithWaitAsync).waitAsync(words, at, value);
  if (!waiting.async) return;
  // A timer of the host for the end too: the one of waitAsync would let a Node process exit meanwhile.
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(Math.max(0, Math.ceil(timeoutMs)), LONGEST_MS));
  });
  await Promise.race([waiting.value, timeUp]);
  clearTimeout(timer);
  // When the time was up the sleeper is still there. Nobody else sleeps on this word.
  Atomics.notify(words, at);
}
