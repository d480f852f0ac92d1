// The allocators of pages under comparison, brought to one shape:
//   alloc(request) -> address, positive, in `unit` bytes; 0 or less when there is no memory
//   free(address), or free(address, request) where `sized` says so
//   request(order) -> what alloc is called with, so that turning an order into bytes is not timed
//   oneSize: true where there are no blocks but of one size
// Every call of a `make` gives a fresh allocator with 256 MiB or more.
import { bitmapAllocator, BuddyAllocator } from "@kmem/buddy";
import { GFP_KERNEL } from "@kmem/contracts";
import { createFrameTable, describeMachine, identityProfile } from "@kmem/hw";
import { MemPool } from "@thi.ng/malloc";
import { instantiate } from "./wasm.js";

const MIB = 2 ** 20;
const PAGE_BYTES = 4096;
const FRAMES = (256 * MIB) / PAGE_BYTES;

/** Ours: one zone with Linux's watermarks, per-CPU lists and migrate types, and every check of an argument. */
function makeBuddy() {
  const profile = identityProfile({ sizeBytes: 256 * MIB });
  const { zones, free, nrFrames } = describeMachine(profile);
  const { maxOrder, pageblockOrder, nrMigratetypes, hugePages } = profile;
  const frames = createFrameTable({ nrFrames, maxOrder, pageblockOrder });
  const pages = new BuddyAllocator({ frames, zones, free, maxOrder, nrMigratetypes, hugePages });
  return {
    unit: PAGE_BYTES,
    sized: true,
    request: (order) => order,
    alloc: (order) => pages.allocPages(GFP_KERNEL, order),
    free: (pfn, order) => pages.freePages(pfn, order),
    allocBulk: (nr, slots) => pages.allocPagesBulk(GFP_KERNEL, nr, slots),
  };
}

/** Our second allocator: lowest address first, a byte and a quarter a frame. */
function makeBitmap() {
  const pages = bitmapAllocator({ nrPages: FRAMES });
  return {
    unit: PAGE_BYTES,
    sized: true,
    request: (order) => order,
    alloc: (order) => pages.allocPages(GFP_KERNEL, order),
    free: (pfn, order) => pages.freePages(pfn, order),
    allocBulk: (nr, slots) => pages.allocPagesBulk(GFP_KERNEL, nr, slots),
  };
}

/** The limit for one size: a last-in first-out list in one Int32Array, word 0 the head. Nothing is checked. */
function makeBareList() {
  const next = new Int32Array(FRAMES);
  for (let frame = 0; frame < FRAMES - 1; frame++) next[frame] = frame + 1;
  return {
    unit: PAGE_BYTES,
    oneSize: true,
    request: (order) => order,
    alloc: () => {
      const frame = next[0];
      next[0] = next[frame];
      return frame;
    },
    free: (frame) => {
      next[frame] = next[0];
      next[0] = frame;
    },
  };
}

/** The limit for many sizes: such a list for each order over a table that only grows. Nothing is ever merged. */
function makeBareLists() {
  const next = new Int32Array(4 * FRAMES);
  const head = new Int32Array(16);
  let top = 1;
  return {
    unit: PAGE_BYTES,
    sized: true,
    request: (order) => order,
    alloc: (order) => {
      const frame = head[order];
      if (frame !== 0) {
        head[order] = next[frame];
        return frame;
      }
      const fresh = top;
      top += 1 << order;
      return top > next.length ? 0 : fresh;
    },
    free: (frame, order) => {
      next[frame] = head[order];
      head[order] = frame;
    },
  };
}

function makeThing() {
  const pool = new MemPool({ size: 512 * MIB });
  return {
    unit: 1,
    request: (order) => PAGE_BYTES << order,
    alloc: (bytes) => pool.malloc(bytes),
    free: (address) => pool.free(address),
  };
}

function makeWasmMalloc(file) {
  const { block_alloc: alloc, block_free: free } = instantiate(file);
  return { unit: 1, request: (order) => PAGE_BYTES << order, alloc, free };
}

function makeWasmBuddy() {
  const { block_init: init, block_alloc: alloc, block_free: free } = instantiate("buddy.wasm");
  init();
  return { unit: PAGE_BYTES, sized: true, request: (order) => order, alloc, free };
}

/** By name; `needs` is the file that src/peers.js makes. */
export const pageContestants = {
  "@kmem/buddy": { make: makeBuddy },
  bitmapAllocator: { make: makeBitmap },
  "bare Int32Array list": { make: makeBareList },
  "bare list for each order": { make: makeBareLists },
  "C buddy, native": { needs: "native-buddy" },
  "C buddy in wasm": { make: makeWasmBuddy, needs: "buddy.wasm" },
  "emmalloc in wasm": { make: () => makeWasmMalloc("emmalloc.wasm"), needs: "emmalloc.wasm" },
  "dlmalloc in wasm": { make: () => makeWasmMalloc("dlmalloc.wasm"), needs: "dlmalloc.wasm" },
  "@thi.ng/malloc": { make: makeThing },
};
