import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Kfifo } from '@kmem/waitq';

test('edge case 53: 10 elements become 16, 1 is refused, 12 bytes of the caller are used as 8', () => {
  expect(new Kfifo(Int32Array, 10).size).toBe(16);
  expect(new Kfifo(Int32Array, 16).size).toBe(16);
  expect(() => new Kfifo(Int32Array, 1)).toThrow(new RangeError('size: expected a whole number from 2 to 1073741824, got 1'));
  expect(new Kfifo(new Uint8Array(12)).size).toBe(8);
  expect(() => new Kfifo(new Uint8Array(1))).toThrow(RangeError);
  expect(() => new Kfifo(Uint8Array)).toThrow(RangeError);
});

test('edge case 54: 16 of 20 go in, then none; the length is right also when the counters wrap at 2 ** 32', () => {
  const fifo = new Kfifo(Uint8Array, 16);
  expect(fifo.in(new Uint8Array(20))).toBe(16);
  expect([fifo.put(1), fifo.isFull, fifo.avail]).toEqual([0, true, 0]);
  const large = new Kfifo(Uint8Array, 2 ** 24);
  const block = new Uint8Array(2 ** 24);
  for (let i = 0; i < 256; i++) {
    if (i === 255) block.set([1, 2, 3]);
    large.in(i === 255 ? block.subarray(0, 2 ** 24 - 2) : block);
    if (i < 255) large.resetOut();
  }
  const to = new Uint8Array(2 ** 24 - 5);
  expect([large.len, large.out(to), to[2], large.len]).toEqual([2 ** 24 - 2, 2 ** 24 - 5, 3, 3]);
  // Two more reach 2 ** 32.
  expect([large.in(Uint8Array.of(7, 8, 9, 10)), large.len, large.isEmpty, large.avail]).toEqual([4, 7, false, 2 ** 24 - 7]);
  expect([large.out(to.subarray(0, 7)), ...to.subarray(3, 7), large.len, large.isEmpty]).toEqual([7, 7, 8, 9, 10, 0, true]);
});

test('one by one: peek leaves it, skip drops it, an empty queue gives undefined', () => {
  const fifo = new Kfifo(Float64Array, 2);
  expect([fifo.get(), fifo.peek(), fifo.len]).toEqual([undefined, undefined, 0]);
  fifo.skip();
  expect([fifo.put(0.5), fifo.put(1.5), fifo.put(2.5)]).toEqual([1, 1, 0]);
  expect([fifo.peek(), fifo.peek(), fifo.get()]).toEqual([0.5, 0.5, 0.5]);
  fifo.skip();
  expect([fifo.isEmpty, fifo.put(3)]).toEqual([true, 1]);
  fifo.reset();
  expect([fifo.isEmpty, fifo.get()]).toEqual([true, undefined]);
});

const call = fc.oneof(
  fc.record({ kind: fc.constantFrom('in' as const, 'out' as const, 'outPeek' as const), nr: fc.nat({ max: 40 }) }),
  fc.record({ kind: fc.constantFrom('put' as const, 'get' as const, 'peek' as const, 'skip' as const, 'resetOut' as const), nr: fc.constant(1) }),
);

test('random calls beside an array', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.array(call, { maxLength: 200 }), (size, calls) => {
      const fifo = new Kfifo(Int32Array, size);
      const model: number[] = [];
      let next = 0;
      for (const { kind, nr } of calls) {
        if (kind === 'in') {
          const from = Int32Array.from({ length: nr }, () => next++);
          const fits = Math.min(nr, fifo.size - model.length);
          expect(fifo.in(from)).toBe(fits);
          model.push(...from.subarray(0, fits));
        } else if (kind === 'out' || kind === 'outPeek') {
          const to = new Int32Array(nr);
          const there = Math.min(nr, model.length);
          expect(fifo[kind](to)).toBe(there);
          expect([...to.subarray(0, there)]).toEqual(kind === 'out' ? model.splice(0, there) : model.slice(0, there));
        } else if (kind === 'put') {
          const fits = model.length < fifo.size;
          expect(fifo.put(next)).toBe(fits ? 1 : 0);
          if (fits) model.push(next);
          next++;
        } else if (kind === 'get') expect(fifo.get()).toBe(model.shift());
        else if (kind === 'peek') expect(fifo.peek()).toBe(model[0]);
        else if (kind === 'skip') {
          fifo.skip();
          model.shift();
        } else {
          fifo.resetOut();
          model.length = 0;
        }
        expect([fifo.len, fifo.avail, fifo.isEmpty, fifo.isFull]).toEqual([model.length, fifo.size - model.length, model.length === 0, model.length === fifo.size]);
      }
    }),
  );
});
