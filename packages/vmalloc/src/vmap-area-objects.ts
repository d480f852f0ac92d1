/**
 * VmapAreaObjects: the `vmap_area` of each range, objects of a cache of their own (vmalloc spec 2, 3.2, 13).
 *
 * ```
 *   before a search    one object is taken for the area, and one more is put in store when the CPU has none there
 *   found              the area has the first; where a free range was cut in two, the rest has the one in store
 *   not found          the first goes back
 *   merged, used up    the object of the range that is no more goes back
 *
 *   objects in use = ranges + objects in store
 * ```
 */
import { GFP_NOWAIT, NULL, SLAB_PANIC, type CpuContext, type Gfp, type PhysAddr, type SlabAllocator, type SlabCache } from '@kmem/contracts';
import type { RangeRecords } from './range-nodes.js';

const VMAP_AREA_BYTES = 64;

/** The objects of one address space. */
export class VmapAreaObjects implements RangeRecords {
  readonly #cache: SlabCache;
  readonly #cpus: Pick<CpuContext, 'cpu'>;
  readonly #byNode = new Map<number, PhysAddr>();
  /** Taken for areas that have no range yet, the next one's first. */
  readonly #taken: PhysAddr[] = [];
  /** By CPU. */
  readonly #stored = new Map<number, PhysAddr>();

  /**
   * @param slabs - makes the cache.
   * @param cpus - whose store is used.
   * @throws Error when the cache cannot be made and nobody panics for it.
   */
  constructor(slabs: Pick<SlabAllocator, 'createCache'>, cpus: Pick<CpuContext, 'cpu'>) {
    const cache = slabs.createCache({ name: 'vmap_area', sizeBytes: VMAP_AREA_BYTES, flags: SLAB_PANIC });
    if (cache === null) throw new Error('the cache vmap_area cannot be made');
    this.#cache = cache;
    this.#cpus = cpus;
  }

  /**
   * Counts objects.
   *
   * @returns those of ranges, and those in store.
   */
  get inUse(): number {
    return this.#byNode.size + this.#stored.size + this.#taken.length;
  }

  /**
   * Takes an object for an area.
   *
   * @param gfp - flags.
   * @returns false without memory.
   */
  take(gfp: Gfp): boolean {
    const object = this.#cache.alloc(gfp);
    if (object === NULL) return false;
    this.#taken.push(object);
    return true;
  }

  /**
   * Puts an object in store for this CPU, if there is none and there is memory.
   *
   * @param gfp - flags.
   */
  preload(gfp: Gfp): void {
    if (this.#stored.has(this.#cpus.cpu)) return;
    const object = this.#cache.alloc(gfp);
    if (object !== NULL) this.#stored.set(this.#cpus.cpu, object);
  }

  /** Gives back what was taken for areas that did not get addresses. */
  giveBack(): void {
    for (const object of this.#taken.splice(0)) this.#cache.free(object);
  }

  readonly added = (node: number, isRest: boolean): void => {
    const object = isRest ? this.#takeStored() : (this.#taken.shift() ?? NULL);
    if (object !== NULL) this.#byNode.set(node, object);
  };

  readonly removed = (node: number): void => {
    const object = this.#byNode.get(node);
    if (object === undefined) return;
    this.#byNode.delete(node);
    this.#cache.free(object);
  };

  #takeStored(): PhysAddr {
    const stored = this.#stored.get(this.#cpus.cpu);
    if (stored === undefined) return this.#cache.alloc(GFP_NOWAIT);
    this.#stored.delete(this.#cpus.cpu);
    return stored;
  }
}
