// What is timed of vmalloc: the scenarios of the kernel's own test, with the tree and with a sorted list of addresses.
import { GFP_KERNEL } from "@kmem/contracts";
import { makeListMachine, makeMachine, scenarios } from "./vmalloc-scenarios.js";

const OURS = "@kmem/vmalloc";
const LIST = "@kmem/vmalloc over a sorted list";
const LIMIT = "one page taken and freed";

/** A loop over the steps of a scenario; a scenario that is to fail counts the steps that do not. */
const looped = (makeStep, fails, machine) => {
  const step = makeStep(machine);
  return (steps) => {
    let failures = 0;
    for (let i = 0; i < steps; i++) failures += step();
    return fails === true ? steps - failures : failures;
  };
};

/** The limit: the page allocator alone. */
function makePages() {
  const { pages } = makeMachine();
  return (steps) => {
    let failures = 0;
    for (let i = 0; i < steps; i++) {
      const pfn = pages.allocPages(GFP_KERNEL, 0);
      if (pfn < 0) failures++;
      else pages.freePages(pfn, 0);
    }
    return failures;
  };
}

/** `fix_size_alloc_test` is the case `vmalloc-fix-size-alloc`. */
const caseName = (scenario) => `vmalloc-${scenario.replace(/_test$/, "").replaceAll("_", "-")}`;

export const vmallocCases = Object.fromEntries(
  Object.entries(scenarios).map(([scenario, { title, make, fails }]) => [
    caseName(scenario),
    {
      title: `${scenario}: ${title}`,
      contestants: {
        [OURS]: { make: () => looped(make, fails, makeMachine()) },
        [LIST]: { make: () => looped(make, fails, makeListMachine()) },
        [LIMIT]: { make: makePages },
      },
      ours: OURS,
      limit: LIMIT,
      against: [LIMIT, LIST],
      targets: {},
      loop: (loop) => loop,
    },
  ]),
);
