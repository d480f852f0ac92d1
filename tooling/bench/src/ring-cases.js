// What is timed of rings: bytes in one thread, bytes from thread to thread, integers.
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { Kfifo } from "@kmem/waitq";
import { CircularBuffer } from "mnemonist";
import { compile } from "./loops.js";
import { PORT, RING_BYTES, rings } from "./ring-contestants.js";

const OURS = "@kmem/waitq ring";
const LIMIT = "bare ring";
const RINGBUF = "ringbuf.js";

/** Half of the ring in, half of it out; a step is one message in and out. */
function oneThread({ memory, writer, reader }, bytes) {
  const shared = memory();
  const body = `
    const message = new Uint8Array(${bytes}).fill(7);
    const into = new Uint8Array(${bytes});
    const burst = ${RING_BYTES / 2 / bytes};
    return (steps) => {
      let failures = 0;
      for (let done = 0; done < steps; done += burst) {
        for (let i = 0; i < burst; i++) if (write(message) !== ${bytes}) failures++;
        for (let i = 0; i < burst; i++) if (read(into) !== ${bytes}) failures++;
      }
      return failures + (into[${bytes - 1}] === 7 ? 0 : 1);
    };`;
  return compile(body, "write", "read")(writer(shared), reader(shared));
}

/** Bytes that were received so far, and a function that waits for more. */
function makeReceive(name, memory, port, into) {
  if (name === PORT) return () => receiveMessageOnPort(port)?.message.length ?? 0;
  const read = rings[name].reader(memory);
  return () => read(into);
}

/** A thread that sends when it is told; the clock runs from its first message to its last. */
async function startThread(name, bytes) {
  const memory = name === PORT ? undefined : rings[name].memory();
  const { port1, port2 } = new MessageChannel();
  const control = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("./ring-thread.js", import.meta.url), {
    workerData: { name, memory, port: port2, bytes, control },
    transferList: [port2],
  });
  // The process ends with the main thread.
  worker.unref();
  await new Promise((resolve) => void worker.once("online", resolve));
  const into = new Uint8Array(bytes);
  const receive = makeReceive(name, memory, port1, into);
  return (steps) => {
    Atomics.store(control, 0, steps + 1);
    Atomics.notify(control, 0);
    let got = 0;
    while (got < bytes) {
      const nr = receive();
      if (nr > 0) got += nr;
    }
    const start = process.hrtime.bigint();
    const total = (steps + 1) * bytes;
    while (got < total) {
      const nr = receive();
      if (nr > 0) got += nr;
    }
    return { ns: Number(process.hrtime.bigint() - start), failures: 0 };
  };
}

const oneThreadCase = (bytes, target) => ({
  title: `messages of ${bytes} bytes into a ring and out of it, by one thread`,
  contestants: Object.fromEntries(Object.entries(rings).map(([name, ring]) => [name, { make: () => ring }])),
  ours: OURS,
  limit: LIMIT,
  against: [LIMIT, RINGBUF],
  targets: { [RINGBUF]: target },
  loop: (ring) => oneThread(ring, bytes),
});

const twoThreadCase = (bytes, targets) => ({
  title: `messages of ${bytes} bytes from thread to thread`,
  contestants: Object.fromEntries([...Object.keys(rings), PORT].map((name) => [name, { make: () => startThread(name, bytes) }])),
  ours: OURS,
  limit: LIMIT,
  against: [LIMIT, RINGBUF, PORT],
  targets,
  loop: (run) => run,
  ownClock: true,
});

const INTEGERS = 2048;
const BURST = 1024;

/** The limit: an array and two counters. */
function makeBareIntegers() {
  const elements = new Int32Array(INTEGERS);
  let put = 0;
  let got = 0;
  return { push: (value) => void (elements[put++ & (INTEGERS - 1)] = value), shift: () => elements[got++ & (INTEGERS - 1)] };
}

function makeKfifo() {
  const fifo = new Kfifo(Int32Array, INTEGERS);
  return { push: (value) => fifo.put(value), shift: () => fifo.get() };
}

function makeCircularBuffer() {
  const buffer = new CircularBuffer(Int32Array, INTEGERS);
  return { push: (value) => buffer.push(value), shift: () => buffer.shift() };
}

/** 1024 integers in, then out; a step is one of them. */
function integerLoop({ push, shift }) {
  const body = `
    return (steps) => {
      let sum = 0;
      let expected = 0;
      for (let done = 0; done < steps; done += ${BURST}) {
        for (let i = 0; i < ${BURST}; i++) push(i);
        for (let i = 0; i < ${BURST}; i++) sum += shift();
        expected += ${(BURST * (BURST - 1)) / 2};
      }
      return sum === expected ? 0 : steps;
    };`;
  return compile(body, "push", "shift")(push, shift);
}

const KFIFO = "@kmem/waitq Kfifo";
const BARE_INTEGERS = "bare Int32Array ring";
const CIRCULAR = "mnemonist CircularBuffer";

export const ringCases = {
  "ring-integers": {
    title: `${BURST} integers in and out`,
    contestants: { [KFIFO]: { make: makeKfifo }, [BARE_INTEGERS]: { make: makeBareIntegers }, [CIRCULAR]: { make: makeCircularBuffer } },
    ours: KFIFO,
    limit: BARE_INTEGERS,
    against: [BARE_INTEGERS, CIRCULAR],
    targets: { [CIRCULAR]: 1 },
    loop: integerLoop,
  },
  "ring-64": oneThreadCase(64, 1 / 1.2),
  "ring-1024": oneThreadCase(1024, 0.1),
  "ring-16384": oneThreadCase(16_384, 0.1),
  "ring-threads-64": twoThreadCase(64, { [RINGBUF]: 1 / 1.2 }),
  "ring-threads-1024": twoThreadCase(1024, { [RINGBUF]: 1 / 1.2 }),
  "ring-threads-16384": twoThreadCase(16_384, { [RINGBUF]: 1 / 1.2, [PORT]: 1 }),
};
