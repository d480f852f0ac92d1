/** Page allocators as the commands use them: booted from a machine profile, or going on from a recorded state. */
import { BuddyAllocator } from '@kmem/buddy';
import { createFrameTable, describeMachine, getProfile } from '@kmem/hw';

/**
 * Boots the page allocator of a machine.
 *
 * @param profileName - one of the profiles of `@kmem/hw`.
 * @returns the allocator, with every frame free that the machine has free at boot.
 * @throws RangeError for an unknown profile.
 */
export function bootPages(profileName: string): BuddyAllocator {
  const profile = getProfile(profileName);
  const { zones, free, nrFrames } = describeMachine(profile);
  const { pageShift, pageblockOrder, maxOrder, nrMigratetypes, hugePages, nrCpus } = profile;
  return new BuddyAllocator({
    frames: createFrameTable({ nrFrames, pageShift, pageblockOrder, maxOrder }),
    zones,
    free,
    maxOrder,
    nrMigratetypes,
    hugePages,
    // The first CPU at boot: no interrupt, no task with privileges. How many CPUs there are decides the sizes of their lists.
    cpus: { nrCpus, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false },
  });
}
