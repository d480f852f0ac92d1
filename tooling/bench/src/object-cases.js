// What is timed of the object allocator and of kmalloc.
import { churnLoop, pairLoop, resizeLoop, stackLoop } from "./loops.js";
import { objectContestants } from "./object-contestants.js";
import { objectChurn } from "./workload.js";

const LIST = "bare Int32Array list";
const LISTS = "bare list for every 8 bytes";
const DLMALLOC = "dlmalloc in wasm";
const MIMALLOC = "mimalloc in wasm";
const PEERS = [DLMALLOC, MIMALLOC, "emmalloc in wasm", "AssemblyScript TLSF", "@thi.ng/malloc"];
const HEIGHT = 1000;
const churn = objectChurn();

const cache = { contestants: objectContestants, ours: "@kmem/slab cache", limit: LIST, against: [LIST, ...PEERS] };
const kmalloc = { contestants: objectContestants, ours: "@kmem/slab kmalloc", limit: LISTS, against: [LISTS, ...PEERS] };

const pair = (size) => ({
  title: `One object of ${size} bytes taken from a cache and given back at once`,
  ...cache,
  size,
  targets: { [DLMALLOC]: 0.5 },
  loop: (contestant) => pairLoop(contestant, size),
});

const kmallocPair = (size) => ({
  title: `${size} bytes taken by kmalloc and given back at once`,
  ...kmalloc,
  targets: { [DLMALLOC]: 0.6 },
  loop: (contestant) => pairLoop(contestant, size),
});

const stack = (size) => ({
  title: `${HEIGHT} objects of ${size} bytes taken from a cache, then given back from the last to the first`,
  ...cache,
  size,
  targets: { [DLMALLOC]: 0.6, [MIMALLOC]: 0.6 },
  loop: (contestant) => stackLoop(contestant, size, HEIGHT),
});

export const objectCases = {
  "object-pair-16": pair(16),
  "object-pair-64": pair(64),
  "object-pair-256": pair(256),
  "object-pair-1024": pair(1024),
  "object-pair-4096": pair(4096),
  "kmalloc-pair-64": kmallocPair(64),
  "kmalloc-pair-1024": kmallocPair(1024),
  "object-stack-64": stack(64),
  "object-stack-1024": stack(1024),
  "object-churn": {
    title: `Churn by kmalloc: 8 to 4096 bytes, ${churn.slots} live`,
    ...kmalloc,
    targets: { [DLMALLOC]: 0.3, [MIMALLOC]: 0.9 },
    loop: (contestant) => churnLoop(contestant, churn),
  },
  "krealloc-in-place": {
    title: "97 to 128 bytes made larger and smaller where they are",
    ...kmalloc,
    targets: { [DLMALLOC]: 1 },
    loop: (contestant) => resizeLoop(contestant, [97, 128, 104, 120, 112, 100, 124, 108]),
  },
};
