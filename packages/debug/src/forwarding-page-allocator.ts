/**
 * ForwardingPageAllocator: a PageAllocator that hands every call on to another one. Wrappers override what they care about.
 */
import type { Gfp, NodeId, Order, PageAllocator, Pfn } from '@kmem/contracts';

/** Hands every call on. Everything it does is what the other allocator does. */
export abstract class ForwardingPageAllocator implements PageAllocator {
  /** The allocator behind this one. */
  protected readonly inner: PageAllocator;

  /**
   * @param inner - the allocator to hand calls on to.
   */
  constructor(inner: PageAllocator) {
    this.inner = inner;
  }

  get maxOrder(): number {
    return this.inner.maxOrder;
  }

  get pageShift(): number {
    return this.inner.pageShift;
  }

  get managedPages(): number {
    return this.inner.managedPages;
  }

  get nrFreePages(): number {
    return this.inner.nrFreePages;
  }

  get nrPcpPages(): number {
    return this.inner.nrPcpPages;
  }

  allocPages(gfp: Gfp, order: Order): Pfn {
    return this.inner.allocPages(gfp, order);
  }

  allocPagesNode(node: NodeId, gfp: Gfp, order: Order): Pfn {
    return this.inner.allocPagesNode(node, gfp, order);
  }

  allocPagesNodemask(gfp: Gfp, order: Order, node: NodeId, nodemask: ReadonlySet<NodeId> | null): Pfn {
    return this.inner.allocPagesNodemask(gfp, order, node, nodemask);
  }

  freePages(pfn: Pfn, order: Order): void {
    this.inner.freePages(pfn, order);
  }

  allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number {
    return this.inner.allocPagesBulk(gfp, nrPages, pages);
  }

  allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn {
    return this.inner.allocPagesExact(sizeBytes, gfp);
  }

  freePagesExact(pfn: Pfn, sizeBytes: number): void {
    this.inner.freePagesExact(pfn, sizeBytes);
  }

  splitPage(pfn: Pfn, order: Order): void {
    this.inner.splitPage(pfn, order);
  }

  getPage(pfn: Pfn, references?: number): void {
    this.inner.getPage(pfn, references);
  }

  putPage(pfn: Pfn, references?: number): void {
    this.inner.putPage(pfn, references);
  }

  pageCount(pfn: Pfn): number {
    return this.inner.pageCount(pfn);
  }

  drainLocalPages(): void {
    this.inner.drainLocalPages();
  }

  drainAllPages(): void {
    this.inner.drainAllPages();
  }

  assertValid(): void {
    this.inner.assertValid();
  }
}
