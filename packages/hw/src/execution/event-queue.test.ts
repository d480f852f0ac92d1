import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEVICE_EVENT, ENGINE_EVENT, EventQueue, TIMER_EVENT } from './event-queue.js';

test('events fire by time, then class, then in the order in which they were added', () => {
  const first = new Float64Array(1);
  const queue = new EventQueue(first, 0);
  const fired: number[] = [];
  const handler = (argument: number): void => void fired.push(argument);
  queue.add(20, DEVICE_EVENT, handler, 1);
  queue.add(10, ENGINE_EVENT, handler, 2);
  queue.add(10, TIMER_EVENT, handler, 3);
  queue.add(10, DEVICE_EVENT, handler, 4);
  queue.add(10, DEVICE_EVENT, handler, 5);
  queue.fireDue(15);
  expect(fired).toEqual([4, 5, 3, 2]);
  expect(first[0]).toBe(20);
});

test('an event that is due and adds another due one has it fired too', () => {
  const first = new Float64Array(1);
  const queue = new EventQueue(first, 0);
  const fired: number[] = [];
  queue.add(1, DEVICE_EVENT, () => queue.add(1, DEVICE_EVENT, (n) => void fired.push(n), 7), 0);
  queue.fireDue(1);
  expect(fired).toEqual([7]);
  expect(first[0]).toBe(Infinity);
});

test('any mix of adding and removing fires what a sorted list does', () => {
  const event = fc.record({ time: fc.nat(20), eventClass: fc.nat(2), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event, { size: 'max', maxLength: 200 }), (events) => {
      const first = new Float64Array(1);
      const queue = new EventQueue(first, 0);
      const fired: number[] = [];
      const slots = events.map(({ time, eventClass }, i) => queue.add(time, eventClass, (n) => void fired.push(n), i));
      events.forEach(({ remove }, i) => {
        if (remove) queue.remove(slots[i]);
      });
      queue.fireDue(Infinity);
      const left = events.map((e, i) => ({ ...e, i })).filter(({ remove }) => !remove);
      left.sort((a, b) => a.time - b.time || a.eventClass - b.eventClass || a.i - b.i);
      expect(fired).toEqual(left.map(({ i }) => i));
    }),
  );
});
