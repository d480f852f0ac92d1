// What is timed of the heap.
import { churnLoop, pairLoop, stackLoop } from "./loops.js";
import { objectContestants } from "./object-contestants.js";
import { objectChurn } from "./workload.js";

const LISTS = "bare list for every 8 bytes";
const DLMALLOC = "dlmalloc in wasm";
const MIMALLOC = "mimalloc in wasm";
const PEERS = [DLMALLOC, MIMALLOC, "emmalloc in wasm", "AssemblyScript TLSF", "@thi.ng/malloc"];
const HEIGHT = 1000;
const churn = objectChurn();

const heap = { contestants: objectContestants, ours: "@kmem/heap", limit: LISTS, against: [LISTS, ...PEERS] };

const pair = (size) => ({
  title: `${size} bytes taken from the heap and given back at once`,
  ...heap,
  targets: { [DLMALLOC]: 0.6 },
  loop: (contestant) => pairLoop(contestant, size),
});

const stack = (size) => ({
  title: `${HEIGHT} blocks of ${size} bytes taken from the heap, then given back from the last to the first`,
  ...heap,
  targets: { [DLMALLOC]: 0.6, [MIMALLOC]: 0.6 },
  loop: (contestant) => stackLoop(contestant, size, HEIGHT),
});

export const heapCases = {
  "heap-pair-64": pair(64),
  "heap-pair-1024": pair(1024),
  "heap-stack-64": stack(64),
  "heap-stack-1024": stack(1024),
  "heap-churn": {
    title: `Churn by the heap: 8 to 4096 bytes, ${churn.slots} live`,
    ...heap,
    targets: { [MIMALLOC]: 0.9 },
    loop: (contestant) => churnLoop(contestant, churn),
  },
  "heap-churn-fine": {
    title: `Churn by the heap with fine sizes: 8 to 4096 bytes, ${churn.slots} live`,
    ...heap,
    ours: "@kmem/heap fine",
    targets: {},
    loop: (contestant) => churnLoop(contestant, churn),
  },
};
