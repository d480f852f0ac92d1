// The comparisons one by one: everybody timed in turn, ratios, verdicts.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { executionCases } from "./execution-cases.js";
import { heapCases } from "./heap-cases.js";
import { interleave, median, ratio, spread, timed, verdict } from "./measure.js";
import { objectCases } from "./object-cases.js";
import { pageCases } from "./page-cases.js";
import { built } from "./peers.js";
import { ringCases } from "./ring-cases.js";
import { timerCases } from "./timer-cases.js";
import { vmallocCases } from "./vmalloc-cases.js";
import { wakeCases } from "./wake-cases.js";

/**
 * By name: what is timed, who against whom, and what is aimed at.
 *   contestants   all of them by name; `ours` is one, `limit` and `against` are others
 *   targets       our time over the other's, at most
 *   loop          what is timed, made for a contestant
 *   ownClock      whether the loop times itself, as some of what it does is not to be timed
 *   size          for contestants that are made for one size
 *   native        input of a native program that runs the loop itself
 */
export const cases = {
  ...pageCases,
  ...objectCases,
  ...heapCases,
  ...executionCases,
  ...timerCases,
  ...ringCases,
  ...wakeCases,
  ...vmallocCases,
};

/**
 * Times one case.
 *
 * @param name - of the case.
 * @param missing - reasons, by file, for peers that could not be built.
 * @returns figures, ratios and verdicts, ready for JSON.
 */
export async function runCase(name, missing) {
  const { title, contestants, ours, targets, limit, against, loop, ownClock, size, native } = cases[name];
  const runners = {};
  const notRun = {};
  const programs = [];
  for (const other of [ours, ...against]) {
    const { make, needs } = contestants[other];
    if (needs !== undefined && missing[needs] !== undefined) {
      notRun[other] = missing[needs];
    } else if (make === undefined) {
      const program = await startNative(built(needs), native());
      programs.push(program);
      runners[other] = program.run;
    } else {
      const run = loop(await make(size));
      runners[other] = ownClock === true ? run : timed(run);
    }
  }
  const figures = await interleave(runners);
  for (const program of programs) program.stop();

  const limitSpread = spread(figures[limit].rounds);
  const ratios = Object.keys(figures).flatMap((other) => {
    if (other === ours) return [];
    const target = targets[other];
    const oursToTheirs = ratio(figures[ours].rounds, figures[other].rounds);
    return [{ other, ...oursToTheirs, ...(target === undefined ? {} : { target, verdict: verdict(oursToTheirs.median, target, limitSpread) }) }];
  });
  // In the order in which the case names them: the limit first.
  ratios.sort((a, b) => against.indexOf(a.other) - against.indexOf(b.other));
  const nsPerStep = Object.fromEntries(Object.entries(figures).map(([other, { rounds }]) => [other, median(rounds)]));
  return { name, title, ours, limit, limitSpread, ratios, nsPerStep, figures, notRun };
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
