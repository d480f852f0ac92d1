import { expectTypeOf, test } from 'vitest';
import type { Gfp, Order, Pfn, PhysAddr } from './units.js';

// The compiler is what is tested here: `npm run typecheck` fails when one of these stops holding.
test('a plain number fits a unit, and a unit is a number', () => {
  expectTypeOf<number>().toExtend<Pfn>();
  expectTypeOf<Pfn>().toExtend<number>();
});

test('one unit does not fit another', () => {
  expectTypeOf<Pfn>().not.toExtend<PhysAddr>();
  expectTypeOf<Order>().not.toExtend<Gfp>();
});
