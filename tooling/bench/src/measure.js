// Interleaved timing and the statistics over it.
//
//   round 1   A B C  A B C  A B C ...     chunks of about 2 ms; a contestant's figure is the median of its chunks
//   round 2   C B A  C B A  C B A ...     the order turns round every other round
//
// A ratio is formed inside a round, where both sides saw the same machine, and the median over the rounds counts.

export const ROUNDS = 15;
const CHUNKS = 9;
const CHUNK_NS = 2e6;
const WARM_CALLS = 300;
const WARM_STEPS = 256;
const WARM_NS = 3e8;
/** A limit that varies more than this says that the machine was not quiet enough. */
export const LARGEST_SPREAD = 0.2;

/** Value below which a share `q` of the numbers lies, interpolated. */
export function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = Math.floor(at);
  return sorted[below] + (sorted[Math.ceil(at)] - sorted[below]) * (at - below);
}

export const median = (numbers) => quantile(numbers, 0.5);

/** Width of the middle 80 % of the numbers, as a share of their median. */
export const spread = (numbers) => (quantile(numbers, 0.9) - quantile(numbers, 0.1)) / median(numbers);

/** Ratios round by round: median and the middle 80 %. */
export function ratio(ours, theirs) {
  const ratios = ours.map((ns, round) => ns / theirs[round]);
  return { median: median(ratios), p10: quantile(ratios, 0.1), p90: quantile(ratios, 0.9) };
}

/** What a ratio says about its target, given how much the limit varied. */
export function verdict(ratioMedian, target, limitSpread) {
  if (limitSpread > LARGEST_SPREAD) return "inconclusive";
  return ratioMedian <= target ? "met" : "missed";
}

/** Makes a runner of a loop: times `steps` steps, in nanoseconds, and counts requests that failed. */
export function timed(loop) {
  return (steps) => {
    const start = process.hrtime.bigint();
    const failures = loop(steps);
    return { ns: Number(process.hrtime.bigint() - start), failures };
  };
}

/**
 * Times runners in turn.
 *
 * @param runners - by name, `(steps) => { ns, failures }` or a promise of it.
 * @returns by name, nanoseconds a step for each round, and all failures.
 */
export async function interleave(runners) {
  const entries = Object.entries(runners).map(([name, run]) => ({ name, run, steps: 0, rounds: [], failures: 0 }));
  for (const entry of entries) await warmUp(entry.run);
  for (const entry of entries) entry.steps = await chunkLength(entry.run);
  for (let round = -1; round < ROUNDS; round++) {
    const chunks = new Map(entries.map((entry) => [entry, []]));
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      for (const entry of entries) {
        const { ns, failures } = await entry.run(entry.steps);
        chunks.get(entry).push(ns / entry.steps);
        entry.failures += failures;
      }
    }
    // The round before the first brings everybody to the steady state of the workload.
    if (round >= 0) for (const entry of entries) entry.rounds.push(median(chunks.get(entry)));
    entries.reverse();
  }
  return Object.fromEntries(entries.map(({ name, rounds, failures }) => [name, { rounds, failures }]));
}

/**
 * Calls the loop until the compiler is done with it: many short calls, so that the function itself is compiled and
 * not only one long run of it.
 */
async function warmUp(run) {
  let spent = 0;
  for (let calls = 0; calls < WARM_CALLS || spent < WARM_NS; calls++) spent += (await run(WARM_STEPS)).ns;
}

/** Steps that take about one chunk's time. */
async function chunkLength(run) {
  for (let steps = 64; ; steps *= 2) {
    const { ns } = await run(steps);
    if (ns >= CHUNK_NS) return steps;
  }
}
