/** The three object allocators as recordings are replayed through them. */
import { BuddyAllocator } from '@kmem/buddy';
import type { AlternativeMachine, Implementations } from '@kmem/conformance';
import type { FrameTable, PageAllocator } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { createKmalloc, slab, SLAB_CLASSES, slob, slub } from '../src/index.js';

function pagesFor({ cpus, nrFrames, observe }: AlternativeMachine): { frames: FrameTable; pages: PageAllocator } {
  const frames = createFrameTable({ nrFrames });
  return { frames, pages: observe(new BuddyAllocator({ frames, cpus })) };
}

/** All of them. */
export const ALTERNATIVES: NonNullable<Implementations['alternatives']> = {
  SLUB: (machine) => slub({ ...pagesFor(machine), cpus: machine.cpus, merge: machine.merge }),
  SLAB: (machine) => {
    const { frames, pages } = pagesFor(machine);
    const slabs = slab({ frames, pages, cpus: machine.cpus, merge: machine.merge });
    const kmalloc = createKmalloc({ slabs, pages, frames, classes: SLAB_CLASSES });
    return {
      createCache: (options) => slabs.createCache(options),
      exportState: (cache) => slabs.caches().find((known) => known === cache)?.exportState() ?? {},
      cacheOf: (addr) => slabs.cacheOf(addr),
      kmalloc,
    };
  },
  SLOB: (machine) => {
    const { frames, pages } = pagesFor(machine);
    return slob({ frames, pages, ...(machine.state && { state: machine.state(pages) }) });
  },
};
