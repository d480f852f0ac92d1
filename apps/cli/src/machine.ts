/** Page allocators as the commands use them: booted from a machine profile, or going on from a recorded state. */
import { BuddyAllocator, type ZoneTunables } from '@kmem/buddy';
import { createFrameTable, describeMachine, getProfile, type MachineProfile } from '@kmem/hw';

/**
 * Boots the page allocator of a machine.
 *
 * @param profileName - one of the profiles of `@kmem/hw`.
 * @returns the allocator, with every frame free that the machine has free at boot.
 * @throws RangeError for an unknown profile.
 */
export function bootPages(profileName: string): BuddyAllocator {
  return bootProfile(getProfile(profileName), {});
}

/**
 * Boots the page allocator of a machine with other tunables.
 *
 * @param profile - the machine.
 * @param tunables - those that differ from Linux's.
 * @returns the allocator.
 */
export function bootProfile(profile: MachineProfile, tunables: Partial<ZoneTunables>): BuddyAllocator {
  const { zones, free, late, cpuNodes, nrFrames } = describeMachine(profile);
  const { pageShift, pageblockOrder, maxOrder, nrMigratetypes, hugePages, nrCpus } = profile;
  return new BuddyAllocator({
    frames: createFrameTable({ nrFrames, pageShift, pageblockOrder, maxOrder }),
    zones,
    free,
    late,
    cpuNodes,
    maxOrder,
    nrMigratetypes,
    hugePages,
    tunables,
    countEvents: true,
    // The first CPU at boot: no interrupt, no task with privileges. How many CPUs there are decides the sizes of their lists.
    cpus: { nrCpus, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false },
  });
}
