import { expect, test } from "vitest";
import { ringCases } from "../src/ring-cases.js";
import { rings } from "../src/ring-contestants.js";
import { timerContestants } from "../src/timer-contestants.js";
import { xorshift32 } from "../src/workload.js";

const NODE = "Node's timers";
const LOSES = "timer-wheel";
const virtual = Object.entries(timerContestants).filter(([name]) => name !== NODE);

/** 2000 timers of 1 to 30,000 ticks, then time in steps; how many fired, and the sum of their values. */
function run({ insert, advance, sum }, step) {
  const next = xorshift32(7);
  for (let i = 0; i < 2000; i++) insert(1 + (next() % 30_000), i);
  let fired = 0;
  for (let now = step; now < 34_096 + step; now += step) fired += advance(now);
  return { fired, sum: sum() };
}

test.each(virtual.filter(([name]) => name !== LOSES))("%s: all timers fire once, whatever the steps", (_name, { make }) => {
  for (const step of [1, 100, 34_096]) expect(run(make(), step)).toEqual({ fired: 2000, sum: (2000 * 1999) / 2 });
});

test.each(virtual.filter(([, { make }]) => make().cancel !== undefined))("%s: what is cancelled does not fire", (_name, { make }) => {
  const { insert, cancel, advance } = make();
  const timers = Array.from({ length: 100 }, (_, i) => insert(1000 + i, i));
  for (const timer of timers) cancel(timer);
  expect(advance(30_000)).toBe(0);
});

test("timer-wheel loses timers when time moves in small steps", () => {
  expect(run(timerContestants[LOSES].make(), 16).fired).toBeLessThan(1000);
});

test.each(Object.entries(rings))("%s: messages come as they were sent", (_name, { memory, writer, reader }) => {
  const shared = memory();
  const write = writer(shared);
  const read = reader(shared);
  const into = new Uint8Array(1000);
  for (let i = 0; i < 3000; i++) {
    expect(write(new Uint8Array(1000).fill(i))).toBe(1000);
    expect(read(into)).toBe(1000);
    expect([into[0], into[999]]).toEqual([i & 255, i & 255]);
  }
});

test("the loop over integers sees all of them", () => {
  const { contestants, loop } = ringCases["ring-integers"];
  for (const { make } of Object.values(contestants)) expect(loop(make())(2048)).toBe(0);
});
