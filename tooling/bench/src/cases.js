// The comparisons: what is timed, against whom, and what ratio is aimed at.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { contestants, OURS } from "./contestants.js";
import { bulkLoop, churnLoop, pairLoop } from "./loops.js";
import { interleave, median, ratio, spread, timed, verdict } from "./measure.js";
import { built } from "./peers.js";
import { OPS, pageChurn, SLOTS } from "./workload.js";

const LIST = "bare Int32Array list";
const LISTS = "bare list for each order";
const PEERS = ["bitmapAllocator", "C buddy, native", "C buddy in wasm", "emmalloc in wasm", "dlmalloc in wasm", "@thi.ng/malloc"];

const pair = (order) => ({
  limit: LIST,
  against: [LIST, ...PEERS],
  loop: (contestant) => pairLoop(contestant, order),
  native: () => [`pair ${order}\n`],
});

/** By name. `targets`: our time over the other's, at most. */
export const cases = {
  "pair-order-0": { title: "One page taken and given back at once", targets: { [LIST]: 5 }, ...pair(0) },
  "page-churn": {
    title: `Page churn: blocks of 1 to 1024 pages, ${SLOTS} live`,
    targets: { "C buddy, native": 3, "C buddy in wasm": 3, "emmalloc in wasm": 0.25 },
    limit: LISTS,
    against: [LISTS, ...PEERS],
    loop: churnLoop,
    native: () => {
      const { slot, order } = pageChurn();
      return [`churn ${SLOTS} ${OPS}\n`, new Uint8Array(slot.buffer), new Uint8Array(order.buffer)];
    },
  },
  "pair-order-3": { title: "8 pages taken and given back at once", targets: {}, ...pair(3) },
  "bulk-64": { title: "64 pages by one bulk call, given back one by one", targets: {}, limit: LIST, against: [LIST, "bitmapAllocator"], loop: bulkLoop },
};

/**
 * Times one case.
 *
 * @param name - of the case.
 * @param missing - reasons, by file, for peers that could not be built.
 * @returns figures, ratios and verdicts, ready for JSON.
 */
export async function runCase(name, missing) {
  const { title, targets, limit, against, loop, native } = cases[name];
  const runners = {};
  const notRun = {};
  const programs = [];
  for (const other of [OURS, ...against]) {
    const { make, needs } = contestants[other];
    if (needs !== undefined && missing[needs] !== undefined) {
      notRun[other] = missing[needs];
    } else if (make === undefined) {
      const program = await startNative(built(needs), native());
      programs.push(program);
      runners[other] = program.run;
    } else {
      runners[other] = timed(loop(make()));
    }
  }
  const figures = await interleave(runners);
  for (const program of programs) program.stop();

  const limitSpread = spread(figures[limit].rounds);
  const ratios = Object.keys(figures).flatMap((other) => {
    if (other === OURS) return [];
    const target = targets[other];
    const oursToTheirs = ratio(figures[OURS].rounds, figures[other].rounds);
    return [{ other, ...oursToTheirs, ...(target === undefined ? {} : { target, verdict: verdict(oursToTheirs.median, target, limitSpread) }) }];
  });
  // In the order in which the case names them: the limit first.
  ratios.sort((a, b) => against.indexOf(a.other) - against.indexOf(b.other));
  const nsPerStep = Object.fromEntries(Object.entries(figures).map(([other, { rounds }]) => [other, median(rounds)]));
  return { name, title, limit, limitSpread, ratios, nsPerStep, figures, notRun };
}

/** Starts a native peer; it times itself. */
async function startNative(file, commands) {
  const child = spawn(file, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${file} ended early`);
    return value;
  };
  for (const command of commands) child.stdin.write(command);
  await answer();
  return {
    run: async (steps) => {
      child.stdin.write(`run ${steps}\n`);
      const [ns, failures] = (await answer()).split(" ").map(Number);
      return { ns, failures };
    },
    stop: () => child.stdin.end(),
  };
}
