/**
 * The conformance suite of the PageAllocator contract.
 *
 * The rules are those of the contract, not of an implementation: they hold for the naive reference, for
 * the real allocator and through every wrapper around either. The test runner is passed in.
 */
import type { PageAllocator } from '@kmem/contracts';
import { registerBlockRules } from './page-allocator-blocks.js';
import { registerMisuseRules } from './page-allocator-misuse.js';
import { registerPortionRules } from './page-allocator-portions.js';
import { registerReferenceRules } from './page-allocator-references.js';
import { checkEqual } from './register.js';
import type { Register } from './register.js';

/** An implementation, as the suite needs it. */
export interface PageAllocatorFixture {
  /** Name in the titles of the tests. */
  readonly name: string;
  /** Number of orders of the allocators it makes; at least 4. */
  readonly maxOrder: number;
  /**
   * Makes an allocator.
   *
   * @param pages - how many frames it manages, exactly. All of them are free, and the first is a multiple of
   * the largest block.
   * @returns a fresh allocator that shares nothing with earlier ones.
   */
  create(pages: number): PageAllocator;
  /** Abilities that an implementation may lack. Without an entry the ability is there. */
  readonly supports?: PageAllocatorAbilities;
}

/** What an implementation can do. A chapter whose ability is false is not registered. */
export interface PageAllocatorAbilities {
  /**
   * Misuse is reported as a KernelBug and leaves the state as it was. False for an allocator that trusts
   * its callers.
   *
   * @defaultValue true
   */
  readonly misuse?: boolean;
}

/**
 * One rule of a chapter.
 *
 * @param text - the rule in plain words.
 * @param body - checks it on a fresh allocator.
 * @param pages - size of that allocator; one block of the largest order, or 64 pages, unless stated.
 */
export type PageAllocatorRule = (text: string, body: (allocator: PageAllocator) => void, pages?: number) => void;

/**
 * Registers every rule of the PageAllocator contract as a test.
 *
 * @param register - takes the tests.
 * @param fixture - the implementation to test.
 * @example
 * ```ts
 * import { test } from 'vitest';
 * import { pageAllocatorSuite, ReferencePageAllocator } from '@kmem/conformance';
 *
 * pageAllocatorSuite(test, {
 *   name: 'reference',
 *   maxOrder: 11,
 *   create: (pages) => new ReferencePageAllocator({ pages, maxOrder: 11 }),
 * });
 * ```
 */
export function pageAllocatorSuite(register: Register, fixture: PageAllocatorFixture): void {
  const largest = 2 ** (fixture.maxOrder - 1);
  const rule: PageAllocatorRule = (text, body, pages = Math.max(largest, 64)) => {
    register(`${fixture.name}: ${text}`, () => {
      const allocator = fixture.create(pages);
      checkEqual(allocator.managedPages, pages, 'managed pages of a fresh allocator');
      checkEqual(allocator.maxOrder, fixture.maxOrder, 'number of orders');
      body(allocator);
      allocator.assertValid();
    });
  };
  registerBlockRules(rule, fixture);
  registerPortionRules(rule);
  registerReferenceRules(rule);
  if (fixture.supports?.misuse !== false) registerMisuseRules(rule);
}
