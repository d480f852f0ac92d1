import { NULL } from "@kmem/contracts";
import { expect, test } from "vitest";
import { makeListMachine, makeMachine, scenarios } from "../src/vmalloc-scenarios.js";

const STEPS = 300;

test("there are ten", () => {
  expect(Object.keys(scenarios)).toHaveLength(10);
});

test.each(Object.entries(scenarios))("%s: as on the kernel, all but one pass, and everything is given back", (name, { make, fails }) => {
  const machine = makeMachine();
  const { mmu, pages, slabs, vmalloc } = machine;
  const step = make(machine);
  // What the scenario itself keeps, page tables and caches included.
  step();
  const settle = () => {
    vmalloc.runDeferredWork();
    vmalloc.vmUnmapAliases();
    for (const cache of slabs.caches()) cache.shrink();
    pages.drainAllPages();
    return pages.managedPages - pages.nrFreePages - mmu.tableFrames.length;
  };
  const before = settle();
  const areas = vmalloc.areas.exportState().areas.length;
  let failures = 0;
  for (let i = 0; i < STEPS; i++) failures += step();
  expect(failures).toBe(fails === true ? STEPS : 0);
  const after = settle();
  const state = vmalloc.areas.exportState();
  expect(state.areas.length).toBe(areas);
  // One object for each range, and at most one in store, which may have a page of its own.
  expect(after - before).toBeLessThanOrEqual(1);
  const inStore = vmalloc.areas.objectsInUse - state.areas.length - state.free.length;
  expect([0, 1]).toContain(inStore);
  vmalloc.assertValid();
});

test("full_fit: an area takes the lowest hole of just its size", () => {
  const machine = makeMachine();
  scenarios.full_fit_alloc_test.make(machine);
  const [, second] = machine.vmalloc.areas.exportState().areas;
  const addr = machine.vmalloc.vmalloc(4096);
  expect(addr).toBe(second.addr - 2 * 4096);
});

test("align_shift: alignments up to 2^44 fit the space of 2^45 bytes", () => {
  const { vmalloc } = makeMachine();
  const at = (shift) => vmalloc.vmallocNodeRange({ sizeBytes: 4096, align: 2 ** shift, gfp: 0x2cc0 });
  expect([20, 30, 40, 43].every((shift) => at(shift) !== NULL && at(shift) % 2 ** shift === 0)).toBe(true);
  expect(at(50)).toBe(NULL);
});

test("over a sorted list the scenarios pass as well", () => {
  for (const name of ["fix_size_alloc_test", "random_size_align_alloc_test", "pcpu_alloc_test"]) {
    const step = scenarios[name].make(makeListMachine());
    for (let i = 0; i < 20; i++) expect(step(), name).toBe(0);
  }
});
