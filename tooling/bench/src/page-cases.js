// What is timed of the page allocator.
import { bulkLoop, churnLoop, pairLoop } from "./loops.js";
import { pageContestants } from "./page-contestants.js";
import { pageChurn } from "./workload.js";

const LIST = "bare Int32Array list";
const LISTS = "bare list for each order";
const PEERS = ["bitmapAllocator", "C buddy, native", "C buddy in wasm", "emmalloc in wasm", "dlmalloc in wasm", "@thi.ng/malloc"];

const shared = { contestants: pageContestants, ours: "@kmem/buddy" };
const churn = pageChurn();

const pair = (order) => ({
  ...shared,
  limit: LIST,
  against: [LIST, ...PEERS],
  loop: (contestant) => pairLoop(contestant, order),
  native: () => [`pair ${order}\n`],
});

export const pageCases = {
  "pair-order-0": { title: "One page taken and given back at once", targets: { [LIST]: 5 }, ...pair(0) },
  "page-churn": {
    ...shared,
    title: `Page churn: blocks of 1 to 1024 pages, ${churn.slots} live`,
    targets: { "C buddy, native": 3, "C buddy in wasm": 3, "emmalloc in wasm": 0.25 },
    limit: LISTS,
    against: [LISTS, ...PEERS],
    loop: (contestant) => churnLoop(contestant, churn),
    native: () => [`churn ${churn.slots} ${churn.slot.length}\n`, new Uint8Array(churn.slot.buffer), new Uint8Array(churn.size.buffer)],
  },
  "pair-order-3": { title: "8 pages taken and given back at once", targets: {}, ...pair(3) },
  "bulk-64": { ...shared, title: "64 pages by one bulk call, given back one by one", targets: {}, limit: LIST, against: [LIST, "bitmapAllocator"], loop: bulkLoop },
};
