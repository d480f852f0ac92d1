// A process of its own: runs the churn of objects on a contestant and says how much of the memory it touched was asked for.
//   node src/footprint.js NAME
import { objectContestants } from "./object-contestants.js";
import { objectChurn } from "./workload.js";

const PAGE_BYTES = 4096;
const STEPS = 400_000;

const { slots, slot, size } = objectChurn();
const contestant = objectContestants[process.argv[2]].make();
const address = new Float64Array(slots);
const bytes = new Uint32Array(slots);
const touched = new Set();
let live = 0;
let mostLive = 0;
for (let step = 0; step < STEPS; step++) {
  const s = slot[step];
  if (bytes[s] !== 0) contestant.free(address[s]);
  live += size[step] - bytes[s];
  bytes[s] = size[step];
  address[s] = contestant.alloc(bytes[s]);
  if (!(address[s] > 0)) throw new Error(`${process.argv[2]}: step ${step} asked for ${bytes[s]} bytes and got ${address[s]}`);
  mostLive = Math.max(mostLive, live);
  const last = Math.floor((address[s] + bytes[s] - 1) / PAGE_BYTES);
  for (let page = Math.floor(address[s] / PAGE_BYTES); page <= last; page++) touched.add(page);
}
console.log(JSON.stringify({ mostLive, touched: touched.size * PAGE_BYTES, share: mostLive / (touched.size * PAGE_BYTES) }));
