/**
 * Copies of a recording with one output changed: what a replayer that compares everything must find.
 *
 * Which values are outputs is for each kind of recording to say. Values of the same kind, such as the order of a refill
 * event anywhere in the file, are sampled evenly.
 */
import type { JsonPath } from './json-position.js';
import { splitLines } from './recording-meta.js';

/** How a value is changed: another value, taken out, put in twice, or exchanged with the next one. */
type Change = 'altered' | 'dropped' | 'repeated' | 'swapped';

/** A copy of a recording with one change. */
export interface Mutation {
  /** What was changed, such as `Z order altered`. Mutations of one kind have the same text. */
  readonly kind: string;
  /** Line of the changed value, from 1; of a repeated line the second one. */
  readonly line: number;
  /** True when an input was changed: then the difference may show later than in this line. */
  readonly input: boolean;
  /** The changed copy. */
  readonly text: string;
}

/** A value that can be changed. */
export interface Site {
  /** Index of its line, from 0. */
  readonly line: number;
  /** Way to it; empty for the line itself. */
  readonly path: JsonPath;
  /** How. */
  readonly change: Change;
  /** Whether it is an input. */
  readonly input: boolean;
}

/** Finds the places in one line, each with its kind. */
export type LineSites = (value: unknown, line: number) => Iterable<readonly [kind: string, site: Site]>;

/**
 * Makes changed copies of a recording, line by line.
 *
 * @param text - the recording; must be a valid one.
 * @param samples - how many copies of each kind of change, at least 1; fewer where the file has fewer places.
 * @param lineSites - finds the places in one line: its value, and its index from 0.
 * @returns the copies, in the same order for the same arguments.
 */
export function* mutateLines(text: string, samples: number, lineSites: LineSites): Generator<Mutation, void, undefined> {
  const lines = splitLines(text);
  const sites = new Map<string, Site[]>();
  lines.forEach((line, index) => {
    if (index === 0) return;
    for (const [kind, site] of lineSites(JSON.parse(line), index)) {
      const known = sites.get(kind);
      if (known === undefined) sites.set(kind, [site]);
      else known.push(site);
    }
  });
  for (const [kind, places] of sites) {
    for (const { line, path, change, input } of sample(places, samples)) {
      const changed = changeLine(lines[line], path, change);
      const copy = [...lines.slice(0, line), ...changed, ...lines.slice(line + 1), ''];
      // Of a line that stands there twice the second one is the wrong one.
      const found = change === 'repeated' && path.length === 0 ? line + 2 : line + 1;
      yield { kind, line: found, input, text: copy.join('\n') };
    }
  }
}

/**
 * Makes changed copies of a text from /proc: numbers altered, words altered, characters and lines dropped or doubled.
 *
 * @param text - the text.
 * @param samples - how many copies of each kind of change.
 * @returns the copies, in the same order for the same arguments.
 */
export function* mutateText(text: string, samples: number): Generator<Mutation, void, undefined> {
  const lines = splitLines(text);
  const changes: readonly (readonly [kind: string, pattern: RegExp, change: (found: string) => string])[] = [
    ['number altered', /\d+/g, (found) => String(Number(found) + 1)],
    ['word altered', /[A-Za-z]+/g, (found) => `${found}s`],
    ['space dropped', / /g, () => ''],
    ['space repeated', / /g, () => '  '],
    ['line dropped', /^.*\n/g, () => ''],
    ['line repeated', /^.*\n/g, (found) => found + found],
  ];
  for (const [kind, pattern, change] of changes) {
    const places = lines.flatMap((line, index) =>
      Array.from(`${line}\n`.matchAll(pattern), (match) => ({ index, at: match.index, found: match[0] })),
    );
    for (const { index, at, found } of sample(places, samples)) {
      const line = `${lines[index]}\n`;
      const changed = line.slice(0, at) + change(found) + line.slice(at + found.length);
      const copy = [...lines.slice(0, index).map((l) => `${l}\n`), changed, ...lines.slice(index + 1).map((l) => `${l}\n`)];
      yield { kind, line: index + (kind === 'line repeated' ? 2 : 1), input: false, text: copy.join('') };
    }
  }
}

/**
 * Finds every place in a value that is an output as a whole.
 *
 * @param value - the value.
 * @param path - way to it.
 * @param kind - what it is called.
 * @param line - index of its line.
 * @returns the places.
 */
export function* valueSites(value: unknown, path: JsonPath, kind: string, line: number): Generator<[string, Site]> {
  if (typeof value !== 'object' || value === null) {
    yield [`${kind} altered`, { line, path, change: 'altered', input: false }];
    return;
  }
  if (Array.isArray(value)) {
    for (const [i, entry] of value.entries()) {
      yield* elementSites(value, [...path, i], kind, line);
      yield* valueSites(entry, [...path, i], kind, line);
    }
    return;
  }
  for (const [name, entry] of Object.entries(value)) {
    // Orders, types and list numbers are keys: all of them are one kind.
    const inner = `${kind} ${/^\d+$/.test(name) ? '*' : name}`;
    yield [`${inner} dropped`, { line, path: [...path, name], change: 'dropped', input: false }];
    yield* valueSites(entry, [...path, name], inner, line);
  }
}

function* elementSites(array: readonly unknown[], path: JsonPath, kind: string, line: number): Generator<[string, Site]> {
  const i = Number(path.at(-1));
  yield [`${kind} element dropped`, { line, path, change: 'dropped', input: false }];
  yield [`${kind} element repeated`, { line, path, change: 'repeated', input: false }];
  if (i + 1 < array.length && JSON.stringify(array[i]) !== JSON.stringify(array[i + 1])) {
    yield [`${kind} elements swapped`, { line, path, change: 'swapped', input: false }];
  }
}

/** The lines that take the place of a line: none when it is dropped whole. */
function changeLine(text: string, path: JsonPath, change: Change): readonly string[] {
  if (path.length === 0) return change === 'repeated' ? [text, text] : [];
  const line: unknown = JSON.parse(text);
  type Container = unknown[] & Record<string | number, unknown>;
  // The path was taken from this very line, so every step but the last leads to an array or object.
  const step = (container: unknown, key: string | number): unknown => (container as Container)[key];
  // As above: without its last step the path leads to an array or object.
  const inner = path.slice(0, -1).reduce(step, line) as Container;
  const last = path[path.length - 1];
  const index = Number(last);
  if (change === 'altered') {
    const value = inner[last];
    inner[last] = typeof value === 'number' ? value + 1 : `${String(value)}s`;
  } else if (change === 'repeated') inner.splice(index, 0, inner[index]);
  else if (change === 'swapped') inner.splice(index, 2, inner[index + 1], inner[index]);
  else if (Array.isArray(inner)) inner.splice(index, 1);
  // The object was made by the line above and is seen by nobody else.
  else Reflect.deleteProperty(inner, last);
  return [JSON.stringify(line)];
}

/** Some of the values, evenly spaced. */
function sample<T>(values: readonly T[], count: number): readonly T[] {
  if (values.length <= count) return values;
  return Array.from({ length: count }, (_, i) => values[Math.floor(((i + 0.5) * values.length) / count)]);
}
