// A thread that answers: it waits until the word is odd, makes it even and wakes the other one.
import { workerData } from "node:worker_threads";
import { makeSide } from "./wake-contestants.js";

const { name, word, memory } = workerData;
const { waitFor, wake } = makeSide(name, word, memory);
for (let turn = 1; ; turn += 2) {
  waitFor(turn | 0);
  Atomics.add(word, 0, 1);
  wake();
}
