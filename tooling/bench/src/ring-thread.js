// A thread that writes: as many messages as the first word of `control` says, whenever it says so.
import { workerData } from "node:worker_threads";
import { PORT, rings } from "./ring-contestants.js";

const { name, memory, port, bytes, control } = workerData;
const message = new Uint8Array(bytes).fill(7);

function post(nr) {
  for (let i = 0; i < nr; i++) port.postMessage(message);
}

function makeWrite() {
  const write = rings[name].writer(memory);
  return (nr) => {
    const total = nr * bytes;
    for (let done = 0; done < total; ) {
      const written = write(message);
      if (written > 0) done += written;
    }
  };
}

const send = name === PORT ? post : makeWrite();
for (;;) {
  Atomics.wait(control, 0, 0);
  send(Atomics.exchange(control, 0, 0));
}
