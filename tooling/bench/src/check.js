// A process of its own, before anything is timed: `node src/check.js MISSING` runs the overlap check on everybody.
// Not in the timing process, where the compiler would keep what it learned here.
import { objectContestants } from "./object-contestants.js";
import { checkApart } from "./overlap.js";
import { pageContestants } from "./page-contestants.js";
import { objectChurn, pageChurn } from "./workload.js";

const missing = JSON.parse(process.argv[2]);
for (const [contestants, workload] of [[pageContestants, pageChurn()], [objectContestants, objectChurn()]]) {
  for (const [name, { make, needs }] of Object.entries(contestants)) {
    if (make !== undefined && missing[needs] === undefined) checkApart(name, make(workload.oneSize), workload);
  }
}
