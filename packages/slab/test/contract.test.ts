import { BuddyAllocator } from '@kmem/buddy';
import { ReferenceSlabAllocator, slabAllocatorSuite } from '@kmem/conformance';
import type { SlabAllocatorUnderTest } from '@kmem/conformance';
import type { FrameTable, PhysicalMemory, SlabAllocator } from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { test } from 'vitest';
import { slab, slob, slub } from '../src/index.js';

function machine(make: (pages: BuddyAllocator, frames: FrameTable, memory: PhysicalMemory) => SlabAllocator): SlabAllocatorUnderTest {
  const frames = createFrameTable({ nrFrames: 2048 });
  const memory = createMemory({ sizeBytes: frames.nrFrames * 4096, backing: 'dense' });
  const pages = new BuddyAllocator({ frames, memory });
  return { slab: make(pages, frames, memory), memory, usedPages: () => pages.managedPages - pages.nrFreePages - pages.nrPcpPages };
}

slabAllocatorSuite(test, { name: 'slub', create: () => machine((pages, frames, memory) => slub({ pages, frames, memory })) });

slabAllocatorSuite(test, { name: 'slub with links in memory', create: () => machine((pages, frames, memory) => slub({ pages, frames, memory, freePointers: true })) });

slabAllocatorSuite(test, { name: 'slub, slub_debug=FZPU', create: () => machine((pages, frames, memory) => slub({ pages, frames, memory, debug: 'FZPU' })) });

slabAllocatorSuite(test, { name: 'slab', create: () => machine((pages, frames, memory) => slab({ pages, frames, memory })) });

slabAllocatorSuite(test, { name: 'slob', create: () => machine((pages, frames, memory) => slob({ pages, frames, memory })), supports: { freeObjects: false } });

slabAllocatorSuite(test, { name: 'reference', create: () => machine((pages, _frames, memory) => new ReferenceSlabAllocator({ pages, memory })) });
