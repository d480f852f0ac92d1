/** Steps of scripts: how one is looked up, and what the kinds of resources add. */
import type { Atomic, Sleepable } from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';

/** Does one step that cannot sleep. */
export type AtomicStep = (step: Step) => Atomic<unknown>;
/** Does one step that may sleep. */
export type SleepableStep = (step: Step) => Sleepable<unknown>;

/** What a family of steps adds to a run. */
export interface StepFamily {
  /** Steps that may stand everywhere. */
  readonly atomic: Readonly<Record<string, AtomicStep>>;
  /** Steps of the driver. */
  readonly sleepable: Readonly<Record<string, SleepableStep>>;
  /** Writes what comes right after the line `begin`. */
  readonly begun?: () => void;
  /** Whether the line `end` comes last. @default true */
  readonly hasEnd?: boolean;
  /** Says what steps of others may write about its resources, by kind of resource. */
  readonly reads?: Readonly<Record<string, (id: unknown, property: unknown) => unknown>>;
  /** Brings about what was there before the scenario began. */
  readonly prepare?: () => Sleepable<void>;
}

/**
 * Does the steps of a callback's program, each at most as often as it says.
 */
export class Program {
  readonly #steps: readonly Step[];
  readonly #done: number[];

  /**
   * @param steps - the program as recorded.
   */
  constructor(steps: unknown) {
    // A script that says otherwise is reported as unsupported before it runs.
    this.#steps = (steps ?? []) as readonly Step[];
    this.#done = this.#steps.map(() => 0);
  }

  /**
   * Lists the steps of this invocation.
   *
   * @returns those that are not used up.
   */
  next(): readonly Step[] {
    return this.#steps.filter((step, i) => this.#done[i]++ < numberOf(step, 'times', Infinity));
  }
}

/**
 * Reads a number of a step or resource.
 *
 * @param from - the step.
 * @param name - the member.
 * @param otherwise - what it is when it is absent.
 * @returns the number.
 */
export function numberOf(from: JsonObject, name: string, otherwise = 0): number {
  const value = from[name];
  return typeof value === 'number' ? value : otherwise;
}

/**
 * Reads a list of resources.
 *
 * @param script - the script.
 * @param name - the member.
 * @returns the resources; none when it is absent.
 */
export function resourcesOf(script: JsonObject, name: string): readonly JsonObject[] {
  const value = script[name];
  // What a resource lacks is absent, not of another type: `numberOf` and its like look.
  return Array.isArray(value) ? (value as readonly JsonObject[]) : [];
}

/**
 * Reads a member that is an object.
 *
 * @param from - the step or resource.
 * @param name - the member.
 * @returns the object; one without members when it is absent.
 */
export function objectOf(from: JsonObject, name: string): JsonObject {
  const value = from[name];
  // An object by the test before; what it lacks is absent, as above.
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

/**
 * Reads steps inside a step.
 *
 * @param from - the step.
 * @param name - the member.
 * @returns the steps; none when it is absent.
 */
export function stepsOf(from: JsonObject, name: string): readonly Step[] {
  // Before a scenario runs it was looked through for steps that are not known.
  return resourcesOf(from, name) as readonly Step[];
}

/**
 * Writes the line that a step's `log` asks for.
 *
 * @param run - the scenario.
 * @param step - the step.
 * @param when - 0 before the call, 1 after it.
 * @param a - the values.
 */
export function logAround(run: ScenarioRun, step: Step, when: 0 | 1, a: JsonObject): void {
  const log: unknown = step['log'];
  const events: unknown = log === 'op' ? [null, 'op'] : log === 'pair' ? ['call', 'ret'] : log;
  const event: unknown = Array.isArray(events) ? events[when] : null;
  if (typeof event === 'string') run.write(event, a);
}
