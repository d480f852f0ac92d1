/**
 * Changed copies of a recording of vmalloc areas.
 *
 * Outputs are where areas lie, their size, flags and pages, lazy pages, and all of the dumps after the first.
 */
import { mutateLines, valueSites, type Mutation, type Site } from './mutations.js';

const OUTPUTS = ['addr', 'size', 'flags', 'nr_pages', 'lazy'];

/**
 * Makes changed copies of a recording of vmalloc areas.
 *
 * @param text - the recording; must be a valid one.
 * @param samples - how many copies of each kind of change, at least 1; fewer where the file has fewer places.
 * @returns the copies, in the same order for the same arguments.
 */
export function mutateVmallocRecording(text: string, samples: number): Generator<Mutation, void, undefined> {
  return mutateLines(text, samples, lineSites);
}

function* lineSites(value: unknown, line: number): Generator<readonly [string, Site]> {
  // Lines of a recording are objects.
  const object = value as Readonly<Record<string, unknown>>;
  if ('dump' in object) {
    const name = `dump ${String(object['dump'])}`;
    if (object['dump'] === 't0') return;
    if (object['dump'] !== 'periodic') yield [`${name} dropped`, { line, path: [], change: 'dropped', input: false }];
    yield* valueSites(object, [], name, line);
    return;
  }
  const op = String(object['op']);
  for (const name of OUTPUTS) {
    // The one call that is refused for want of RAM changes nothing, and says nothing but that.
    if (name in object) yield [`${op} ${name} altered`, { line, path: [name], change: 'altered', input: op === 'vmalloc_big' && name === 'nr_pages' }];
  }
}
