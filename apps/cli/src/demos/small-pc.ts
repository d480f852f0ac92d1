/**
 * SmallPc: a recorded PC, booted, whose numbers can be followed by hand.
 *
 * Its per-CPU lists are off, its counters exact and its watermarks never boosted, so that free pages change by what was asked for and
 * marks stay where they are. Everything else, watermarks and reserves above all, is that of the recorded machine.
 */
import { BuddyAllocator, MemoryPressure, type MemoryPressureOptions } from '@kmem/buddy';
import { NO_PAGE, type CpuContext, type Gfp, type PageState, type Pfn } from '@kmem/contracts';
import { createFrameTable, describeMachine, recordedPc } from '@kmem/hw';
import { bootProfile } from '../machine.js';
import { zoneLevels, type ZoneLevel } from '../zone-levels.js';

/** The machine. */
export class SmallPc {
  /** The page allocator. */
  readonly pages: BuddyAllocator;
  /** What can be given up. Nothing of it runs unless a lesson says so. */
  readonly reclaim: MemoryPressure;
  /** min_free_kbytes. */
  readonly minFreeKbytes: number;
  /** The caller: a lesson may change its task flags. */
  readonly caller: { -readonly [field in keyof CpuContext]: CpuContext[field] };

  /**
   * Boots it.
   *
   * @param ramMib - memory in MiB.
   * @param options - what there is to give up.
   */
  constructor(ramMib: number, options: MemoryPressureOptions = {}) {
    const profile = recordedPc({ ramMib });
    const booted = bootProfile(profile, {});
    this.minFreeKbytes = booted.minFreeKbytes;
    this.caller = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
    booted.drainAllPages();
    this.reclaim = new MemoryPressure(options);
    this.pages = new BuddyAllocator({
      frames: createFrameTable({ nrFrames: describeMachine(profile).nrFrames }),
      state: plain(booted.exportState()),
      reclaim: this.reclaim,
      cpus: this.caller,
      // What they say is in the decisions and results that a lesson looks at.
      reports: { report: () => undefined },
    });
    this.pages.setTunables({ watermarkBoostFactor: 0 });
  }

  /** How full the zones are. */
  levels(): ZoneLevel[] {
    return zoneLevels(this.pages.exportState());
  }

  /**
   * Takes single pages until a request fails or a condition holds.
   *
   * @param gfp - flags of the requests.
   * @param isEnough - asked before each request.
   * @returns the pages.
   */
  takeAll(gfp: Gfp, isEnough: () => boolean = () => false): Pfn[] {
    const taken: Pfn[] = [];
    while (!isEnough()) {
      const pfn = this.pages.allocPages(gfp, 0);
      if (pfn === NO_PAGE) break;
      taken.push(pfn);
    }
    return taken;
  }
}

/** The same state with per-CPU lists that hold nothing and counters that are exact. */
function plain(state: PageState): PageState {
  return {
    zones: state.zones.map((zone) => ({
      ...zone,
      nr_free_pages: zone.nr_free_pages + zone.nr_free_pages_cpu_diff,
      nr_free_pages_cpu_diff: 0,
      stat_threshold: 0,
      pcp: { ...zone.pcp, high: 0, batch: 1 },
    })),
  };
}
