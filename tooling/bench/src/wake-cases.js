// What is timed of wake-ups: of threads, and of promises.
import { Worker } from "node:worker_threads";
import { PromiseWaitQueue } from "@kmem/waitq/host";
import { BARE, makeMemory, makeSide, QUEUE } from "./wake-contestants.js";

/** Another thread that answers each wake-up with one; a step is both. */
async function startAnswering(name) {
  const word = new Int32Array(new SharedArrayBuffer(4));
  const memory = makeMemory(name);
  const worker = new Worker(new URL("./wake-thread.js", import.meta.url), { workerData: { name, word, memory } });
  worker.unref();
  await new Promise((resolve) => void worker.once("online", resolve));
  const { waitFor, wake } = makeSide(name, word, memory);
  let turn = 0;
  return (steps) => {
    for (let i = 0; i < steps; i++) {
      Atomics.add(word, 0, 1);
      wake();
      turn = (turn + 2) | 0;
      waitFor(turn);
    }
    return 0;
  };
}

const PROMISES = "@kmem/waitq PromiseWaitQueue";
const BARE_PROMISE = "bare promise";

/** Promises that wait by turns and are woken one by one; a step is one wake-up. */
function makePromises() {
  const queue = new PromiseWaitQueue();
  let ready = false;
  const take = () => ready && !(ready = false);
  return {
    wait: () => queue.waitEvent(take, { exclusive: true }),
    wake: () => {
      ready = true;
      queue.wakeUp();
    },
  };
}

/** The limit: a promise that is resolved from outside. */
function makeBarePromise() {
  let wake;
  return { wait: () => new Promise((resolve) => void (wake = resolve)), wake: () => wake() };
}

/** Its own clock, as it is asynchronous. */
const promiseRunner = ({ wait, wake }) => async (steps) => {
  const start = process.hrtime.bigint();
  for (let i = 0; i < steps; i++) {
    const waiting = wait();
    wake();
    await waiting;
  }
  return { ns: Number(process.hrtime.bigint() - start), failures: 0 };
};

export const wakeCases = {
  "wake-threads": {
    title: "two threads that wake each other",
    contestants: Object.fromEntries([QUEUE, BARE].map((name) => [name, { make: () => startAnswering(name) }])),
    ours: QUEUE,
    limit: BARE,
    against: [BARE],
    targets: {},
    loop: (run) => run,
  },
  "wake-promises": {
    title: "a promise that waits and is woken",
    contestants: { [PROMISES]: { make: makePromises }, [BARE_PROMISE]: { make: makeBarePromise } },
    ours: PROMISES,
    limit: BARE_PROMISE,
    against: [BARE_PROMISE],
    targets: {},
    loop: promiseRunner,
    ownClock: true,
  },
};
