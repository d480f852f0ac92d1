// The allocators of objects under comparison, in the shape of page-contestants.js; a request is a size in bytes.
//   resize(address, bytes) -> where the block is now
// Every call of a `make` gives a fresh allocator with 256 MiB or more.
import { BuddyAllocator } from "@kmem/buddy";
import { GFP_KERNEL } from "@kmem/contracts";
import { createHeap } from "@kmem/heap";
import { createFrameTable, createMemory, describeMachine, identityProfile } from "@kmem/hw";
import { createKmalloc, slub } from "@kmem/slab";
import { MemPool } from "@thi.ng/malloc";
import { instantiate } from "./wasm.js";

const MIB = 2 ** 20;
const BYTES = 256 * MIB;
const request = (bytes) => bytes;

/** Objects over the page allocator that page-contestants.js runs, with bytes behind the addresses. */
function makeMachine() {
  const profile = identityProfile({ sizeBytes: BYTES });
  const { zones, free, nrFrames } = describeMachine(profile);
  const { maxOrder, pageblockOrder, nrMigratetypes, hugePages } = profile;
  const frames = createFrameTable({ nrFrames, maxOrder, pageblockOrder });
  const memory = createMemory({ sizeBytes: BYTES, backing: "dense" });
  const pages = new BuddyAllocator({ frames, memory, zones, free, maxOrder, nrMigratetypes, hugePages });
  return { slabs: slub({ pages, frames, memory }), pages, frames, memory };
}

/** Ours for one size: a cache of such objects. */
function makeCache(bytes) {
  const cache = makeMachine().slabs.createCache({ name: "bench", sizeBytes: bytes });
  return { unit: 1, oneSize: true, request, alloc: () => cache.alloc(GFP_KERNEL), free: (address) => cache.free(address) };
}

/** Ours for any size, looked up at every call. */
function makeKmalloc() {
  const { kmalloc, kfree, krealloc } = createKmalloc(makeMachine());
  return {
    unit: 1,
    request,
    alloc: (bytes) => kmalloc(bytes, GFP_KERNEL),
    free: (address) => kfree(address),
    resize: (address, bytes) => krealloc(address, bytes, GFP_KERNEL),
  };
}

/** Our heap; its own sizes. */
const heap = (sizes) => ({
  make: () => {
    const { malloc, free, realloc } = createHeap({ bytes: BYTES, sizes });
    return { unit: 1, request, alloc: malloc, free, resize: realloc };
  },
});

/** The limit for one size: a last-in first-out list in one Int32Array, word 0 the head. Nothing is checked. */
function makeBareList(bytes) {
  const next = new Int32Array(2 ** 14);
  for (let block = 0; block < next.length - 1; block++) next[block] = block + 1;
  const shift = Math.ceil(Math.log2(bytes));
  return {
    unit: 1,
    oneSize: true,
    request,
    alloc: () => {
      const block = next[0];
      next[0] = next[block];
      return block << shift;
    },
    free: (address) => {
      const block = address >> shift;
      next[block] = next[0];
      next[0] = block;
    },
  };
}

/** The limit for many sizes: such a list for every 8 bytes over a table that only grows. Nothing is ever merged. */
function makeBareLists() {
  const next = new Int32Array(BYTES / 8);
  const units = new Uint16Array(BYTES / 8);
  const head = new Int32Array(4096 / 8 + 1);
  let top = 1;
  return {
    unit: 1,
    request,
    alloc: (bytes) => {
      const size = (bytes + 7) >> 3;
      const block = head[size];
      if (block !== 0) {
        head[size] = next[block];
        return block << 3;
      }
      const fresh = top;
      top += size;
      if (top > next.length) return 0;
      units[fresh] = size;
      return fresh << 3;
    },
    free: (address) => {
      const block = address >> 3;
      next[block] = head[units[block]];
      head[units[block]] = block;
    },
    resize: (address, bytes) => ((bytes + 7) >> 3 <= units[address >> 3] ? address : 0),
  };
}

function makeThing() {
  const pool = new MemPool({ size: 2 * BYTES });
  return {
    unit: 1,
    request,
    alloc: (bytes) => pool.malloc(bytes),
    free: (address) => pool.free(address),
    resize: (address, bytes) => pool.realloc(address, bytes),
  };
}

const wasm = (file) => ({
  needs: file,
  make: () => {
    const { block_alloc: alloc, block_free: free, block_resize: resize } = instantiate(file);
    return { unit: 1, request, alloc, free, resize };
  },
});

/** By name; one for a single size is made with it. `needs` is the file that src/peers.js makes. */
export const objectContestants = {
  "@kmem/slab cache": { make: makeCache },
  "@kmem/slab kmalloc": { make: makeKmalloc },
  "@kmem/heap": heap("linux"),
  "@kmem/heap fine": heap("fine"),
  "bare Int32Array list": { make: makeBareList },
  "bare list for every 8 bytes": { make: makeBareLists },
  "dlmalloc in wasm": wasm("dlmalloc.wasm"),
  "mimalloc in wasm": wasm("mimalloc.wasm"),
  "emmalloc in wasm": wasm("emmalloc.wasm"),
  "AssemblyScript TLSF": wasm("tlsf.wasm"),
  "@thi.ng/malloc": { make: makeThing, slow: "its free walks the list of blocks: it would take a minute" },
};
