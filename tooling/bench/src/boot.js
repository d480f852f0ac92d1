// A process of its own: boots the two-node machine with 64 GiB and says how long that took and how much memory
// the process has used at most, Node itself included.
import { BuddyAllocator } from "@kmem/buddy";
import { GFP_KERNEL } from "@kmem/contracts";
import { createFrameTable, createMemory, describeMachine, getProfile } from "@kmem/hw";

const nodeKib = process.resourceUsage().maxRSS;
const start = process.hrtime.bigint();
const profile = getProfile("server-64g");
const { zones, free, nrFrames, managedPages } = describeMachine(profile);
const { maxOrder, pageblockOrder, nrMigratetypes, hugePages, nrCpus, pageShift } = profile;
const frames = createFrameTable({ nrFrames, maxOrder, pageblockOrder });
const memory = createMemory({ sizeBytes: nrFrames * 2 ** pageShift, backing: profile.backing });
const cpus = { nrCpus, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
const pages = new BuddyAllocator({ frames, memory, zones, free, maxOrder, nrMigratetypes, hugePages, cpus });
const booted = process.hrtime.bigint();
for (const node of [0, 1]) {
  const pfn = pages.allocPagesNode(node, GFP_KERNEL, 0);
  if (pfn < 0) throw new Error(`node ${node} has no page to give`);
  memory.view(pfn * 2 ** pageShift, 1)[0] = 1;
}
const mib = (kib) => kib / 1024;
console.log(
  JSON.stringify({ bootMs: Number(booted - start) / 1e6, peakMib: mib(process.resourceUsage().maxRSS), nodeMib: mib(nodeKib), managedPages }),
);
