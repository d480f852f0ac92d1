/**
 * The operations and events of a page allocator recording: their letters, fields, and which fields are outputs.
 *
 * An operation is one line: `[letter, ...fields, events]`, an event inside it `[letter, ...fields]`. These
 * tables are all that the reader, the replayer and the mutations know about them.
 * ```
 * ["a",0,3264,14635,[["Z",14635,0,0,1],["A",14635,0,3264,0]]]
 *   |  |   |    |     the kmem events that happened inside
 *   |  |   |    output: first frame
 *   |  order and gfp: inputs
 *   alloc_pages
 * ```
 */
import { __GFP_BITS_MASK } from '@kmem/contracts';
import type { Gfp, Order, Pfn } from '@kmem/contracts';

/** Largest frame number and byte or page count that a recording may hold. */
const MAX_INPUT = 2 ** 31 - 1;
/** Most pages of one bulk request: a megapage. */
const MAX_BULK = 2 ** 20;

/** One field of an operation. */
export interface OperationField {
  /** Name of the field. */
  readonly name: string;
  /** Whether the replay reads it or must bring it forth. */
  readonly role: 'input' | 'output';
  /** Smallest value. */
  readonly min: number;
  /** Largest value. */
  readonly max: number;
  /** True for an array of such values. */
  readonly list?: true;
}

const PFN: OperationField = { name: 'pfn', role: 'input', min: 0, max: MAX_INPUT };
const ORDER: OperationField = { name: 'order', role: 'input', min: 0, max: 63 };
const GFP: OperationField = { name: 'gfp', role: 'input', min: 0, max: __GFP_BITS_MASK };
const BYTES: OperationField = { name: 'bytes', role: 'input', min: 1, max: MAX_INPUT };
const RESULT: OperationField = { name: 'pfn', role: 'output', min: -1, max: MAX_INPUT };

/** The kernel's call and the fields of each operation, by letter. */
export const OPERATIONS = {
  a: { call: 'alloc_pages', fields: [ORDER, GFP, RESULT] },
  f: { call: '__free_pages', fields: [PFN, ORDER] },
  b: {
    call: 'alloc_pages_bulk_array',
    fields: [
      GFP,
      { name: 'wanted', role: 'input', min: 0, max: MAX_BULK },
      { name: 'got', role: 'output', min: 0, max: MAX_BULK },
      { name: 'pfns', role: 'output', min: 0, max: MAX_INPUT, list: true },
    ],
  },
  x: { call: 'alloc_pages_exact', fields: [BYTES, GFP, RESULT] },
  y: { call: 'free_pages_exact', fields: [PFN, BYTES] },
  s: { call: 'split_page', fields: [PFN, ORDER] },
  d: { call: 'drain_local_pages', fields: [] },
} as const satisfies Record<string, { readonly call: string; readonly fields: readonly OperationField[] }>;

/** Letter of an operation. */
export type OperationLetter = keyof typeof OPERATIONS;

/** The kernel's tracepoint and the fields of each event, by letter. All of them are outputs. */
export const EVENTS = {
  A: { tracepoint: 'mm_page_alloc', fields: ['pfn', 'order', 'gfp', 'migratetype'] },
  F: { tracepoint: 'mm_page_free', fields: ['pfn', 'order'] },
  Z: { tracepoint: 'mm_page_alloc_zone_locked', fields: ['pfn', 'order', 'migratetype', 'percpu_refill'] },
  D: { tracepoint: 'mm_page_pcpu_drain', fields: ['pfn', 'order', 'migratetype'] },
  X: {
    tracepoint: 'mm_page_alloc_extfrag',
    fields: ['pfn', 'alloc_order', 'fallback_order', 'alloc_migratetype', 'fallback_migratetype', 'change_ownership'],
  },
} as const;

/** Letter of an event. */
export type EventLetter = keyof typeof EVENTS;

/** An event as it stands in a recording: letter and fields. */
export type RecordedEvent = readonly [letter: EventLetter, ...fields: number[]];

/** What was asked of the allocator, and what it answered. */
export type OperationCall =
  | { readonly op: 'a'; readonly order: Order; readonly gfp: Gfp; readonly pfn: Pfn }
  | { readonly op: 'f'; readonly pfn: Pfn; readonly order: Order }
  | { readonly op: 'b'; readonly gfp: Gfp; readonly wanted: number; readonly got: number; readonly pfns: readonly Pfn[] }
  | { readonly op: 'x'; readonly bytes: number; readonly gfp: Gfp; readonly pfn: Pfn }
  | { readonly op: 'y'; readonly pfn: Pfn; readonly bytes: number }
  | { readonly op: 's'; readonly pfn: Pfn; readonly order: Order }
  | { readonly op: 'd' };

/** One operation of a recording. */
export type BuddyOperation = OperationCall & {
  /** Tells the steps apart. */
  readonly kind: 'operation';
  /** Its line in the file, from 1. */
  readonly line: number;
  /** Its number, from 1. */
  readonly number: number;
  /** The events inside it, in order. */
  readonly events: readonly RecordedEvent[];
};

/**
 * Tells whether a text is the letter of an operation.
 *
 * @param letter - the text.
 * @returns true for a key of {@link OPERATIONS}.
 */
export function isOperationLetter(letter: unknown): letter is OperationLetter {
  return typeof letter === 'string' && Object.hasOwn(OPERATIONS, letter);
}

/**
 * Tells whether a text is the letter of an event.
 *
 * @param letter - the text.
 * @returns true for a key of {@link EVENTS}.
 */
export function isEventLetter(letter: unknown): letter is EventLetter {
  return typeof letter === 'string' && Object.hasOwn(EVENTS, letter);
}
