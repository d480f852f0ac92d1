/**
 * Changed copies of a page allocator recording.
 *
 * Which values are outputs is not listed here: it follows from the tables of operations and events, and in
 * check points and the dumps after the first everything is one.
 */
import { EVENTS, isEventLetter, isOperationLetter, OPERATIONS } from './buddy-operations.js';
import type { OperationField } from './buddy-operations.js';
import type { JsonPath } from './json-position.js';
import { mutateLines, valueSites, type Mutation, type Site } from './mutations.js';

/**
 * Makes changed copies of a page allocator recording.
 *
 * @param text - the recording; must be a valid one.
 * @param samples - how many copies of each kind of change, at least 1; fewer where the file has fewer places.
 * @returns the copies, in the same order for the same arguments.
 */
export function mutateBuddyRecording(text: string, samples: number): Generator<Mutation, void, undefined> {
  return mutateLines(text, samples, lineSites);
}

/** Every place in one line, with the kind of change. */
function* lineSites(value: unknown, line: number): Generator<[string, Site]> {
  if (Array.isArray(value)) {
    yield* operationSites(value, line);
    return;
  }
  // Lines of a recording are arrays or objects.
  const object = value as Readonly<Record<string, unknown>>;
  if (object['dump'] === 't0') return;
  const name = 'cp' in object ? 'check point' : `dump ${String(object['dump'])}`;
  yield [`${name} dropped`, { line, path: [], change: 'dropped', input: false }];
  yield* valueSites(object, [], name, line);
}

function* operationSites(values: readonly unknown[], line: number): Generator<[string, Site]> {
  const letter = values[0];
  if (!isOperationLetter(letter)) return;
  const fields: readonly OperationField[] = OPERATIONS[letter].fields;
  for (const [i, { name, role }] of fields.entries()) {
    const kind = `${OPERATIONS[letter].call} ${name}`;
    if (role === 'output') yield* valueSites(values[i + 1], [i + 1], kind, line);
    else if (name === 'pfn') yield [`${kind} altered`, { line, path: [i + 1], change: 'altered', input: true }];
  }
  const at = fields.length + 1;
  const events = values[at];
  if (!Array.isArray(events)) return;
  for (const [i, event] of events.entries()) {
    yield* eventSites(event, [at, i], line);
    if (JSON.stringify(event) !== JSON.stringify(events[i + 1]) && i + 1 < events.length) {
      yield ['events swapped', { line, path: [at, i], change: 'swapped', input: false }];
    }
  }
}

function* eventSites(event: unknown, path: JsonPath, line: number): Generator<[string, Site]> {
  if (!Array.isArray(event) || !isEventLetter(event[0])) return;
  const { tracepoint, fields } = EVENTS[event[0]];
  for (const change of ['dropped', 'repeated'] as const) yield [`${tracepoint} ${change}`, { line, path, change, input: false }];
  for (const [i, name] of fields.entries()) {
    yield [`${tracepoint} ${name} altered`, { line, path: [...path, i + 1], change: 'altered', input: false }];
  }
}
