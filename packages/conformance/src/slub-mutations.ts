/**
 * Changed copies of a recording of one object cache.
 *
 * Outputs are what the kernel made of the request, where objects lie, slabs made and given back, and all of a check point.
 */
import { mutateLines, valueSites, type Mutation, type Site } from './mutations.js';
import { ATTRIBUTES } from './slub-recording.js';

/**
 * Makes changed copies of a recording of one cache.
 *
 * @param text - the recording; must be a valid one.
 * @param samples - how many copies of each kind of change, at least 1; fewer where the file has fewer places.
 * @returns the copies, in the same order for the same arguments.
 */
export function mutateSlubRecording(text: string, samples: number): Generator<Mutation, void, undefined> {
  return mutateLines(text, samples, lineSites);
}

function* lineSites(value: unknown, line: number): Generator<readonly [string, Site]> {
  if (Array.isArray(value)) {
    yield* operationSites(value, line);
    return;
  }
  // Lines of a recording are arrays or objects.
  const object = value as Readonly<Record<string, unknown>>;
  if ('cache' in object) {
    for (const name of ATTRIBUTES) yield [`cache ${name} altered`, { line, path: [name], change: 'altered', input: false }];
    return;
  }
  yield ['check point dropped', { line, path: [], change: 'dropped', input: false }];
  yield* valueSites(object, [], 'check point', line);
}

function* operationSites(values: readonly unknown[], line: number): Generator<readonly [string, Site]> {
  const altered = (path: readonly number[]): Site => ({ line, path, change: 'altered', input: false });
  switch (values[0]) {
    case 'a':
    case 'f':
      yield [`${values[0]} slab altered`, altered([2])];
      yield [`${values[0]} index altered`, altered([3])];
      return;
    case 'A':
    case 'F': {
      const at = values[0] === 'A' ? 3 : 2;
      const list = values[at];
      if (values[0] === 'A') yield ['A got altered', altered([2])];
      if (!Array.isArray(list)) return;
      for (const i of list.keys()) {
        yield [`${values[0]} slab altered`, altered([at, i, 1])];
        yield [`${values[0]} index altered`, altered([at, i, 2])];
        yield [`${values[0]} element dropped`, { line, path: [at, i], change: 'dropped', input: false }];
      }
      return;
    }
    case '+':
    case '-':
      yield [`${values[0]} slab altered`, altered([1])];
      yield [`${values[0]} dropped`, { line, path: [], change: 'dropped', input: false }];
      yield [`${values[0]} repeated`, { line, path: [], change: 'repeated', input: false }];
  }
}
