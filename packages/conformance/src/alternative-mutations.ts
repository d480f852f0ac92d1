/**
 * Changed copies of a recording of one of the three object allocators.
 *
 * Outputs are what was made of each request, where memory lies, pages taken and given back, all of a state but SLOB's first one,
 * and the table of sizes.
 */
import { mutateLines, valueSites, type Mutation, type Site } from './mutations.js';

/** Members that say what was asked for, flags and alignment in part. */
const INPUTS = ['cache', 'req_size', 'req_align', 'ctor', 'geom', 'flags', 'align'];

/**
 * Makes changed copies of a recording.
 *
 * @param text - the recording; must be a valid one.
 * @param samples - how many copies of each kind of change, at least 1; fewer where the file has fewer places.
 * @returns the copies, in the same order for the same arguments.
 */
export function mutateAlternativeRecording(text: string, samples: number): Generator<Mutation, void, undefined> {
  const isSlob = text.startsWith('{"recording"') && text.slice(0, text.indexOf('\n')).includes('"SLOB"');
  let inMix = false;
  return mutateLines(text, samples, function* (value, line) {
    if (Array.isArray(value)) {
      // The mix is decided where the state was recorded.
      if (!inMix || isSlob) yield* operationSites(value, line);
      return;
    }
    // Lines of a recording are arrays or objects.
    const object = value as Readonly<Record<string, unknown>>;
    if ('cp' in object) {
      if (!(isSlob && object['cp'] === 0)) yield* stateSites(object, line);
      return;
    }
    if ('cache' in object) inMix = !('size' in object);
    for (const name of Object.keys(object)) {
      if (INPUTS.includes(name)) continue;
      yield [`${'geom' in object ? 'geom' : 'cache'} ${name} altered`, { line, path: [name], change: 'altered', input: false }];
    }
    if ('geom' in object) yield ['geom dropped', { line, path: [], change: 'dropped', input: false }];
  });
}

function* stateSites(object: Readonly<Record<string, unknown>>, line: number): Generator<readonly [string, Site]> {
  yield ['state dropped', { line, path: [], change: 'dropped', input: false }];
  yield ['state repeated', { line, path: [], change: 'repeated', input: false }];
  yield* valueSites(object, [], 'state', line);
}

function* operationSites(values: readonly unknown[], line: number): Generator<readonly [string, Site]> {
  const op = String(values[0]);
  const altered = (item: number): Site => ({ line, path: [item], change: 'altered', input: false });
  if (op === 'a' || op === 'k') {
    const at = op === 'a' ? 2 : 3;
    yield [`${op} page altered`, altered(at)];
    yield [`${op} offset altered`, altered(at + 1)];
  } else if (op === '+' || op === '-') {
    yield [`${op} page altered`, altered(1)];
    yield [`${op} order altered`, altered(2)];
    yield [`${op} dropped`, { line, path: [], change: 'dropped', input: false }];
    yield [`${op} repeated`, { line, path: [], change: 'repeated', input: false }];
  } else {
    yield [`${op} dropped`, { line, path: [], change: 'dropped', input: false }];
  }
}
