import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonLine } from '../src/json-line.js';
import { findJsonProblem, locateJsonValue } from '../src/json-position.js';
import { isRecordingError } from '../src/recording-error.js';

function pieceAt(text: string, path: readonly (string | number)[]): string {
  const { start, end } = locateJsonValue(text, path);
  return text.slice(start, end);
}

describe('values are located', () => {
  const text = ' {"a" : [1, {"b":"x\\"]"}, -2.5e3] , "c":null,"é\\u0041":true} ';

  test.each([
    [['a'], '[1, {"b":"x\\"]"}, -2.5e3]'],
    [['a', 0], '1'],
    [['a', 1, 'b'], '"x\\"]"'],
    [['a', 2], '-2.5e3'],
    [['c'], 'null'],
    [['éA'], 'true'],
    [[], text],
    // Where the path leads to nothing, the nearest value on the way.
    [['a', 3], '[1, {"b":"x\\"]"}, -2.5e3]'],
    [['a', 1, 'd', 5], '{"b":"x\\"]"}'],
    [['d'], text],
  ])('%j', (path, expected) => {
    expect(pieceAt(text, path)).toBe(expected);
  });

  test('a key that occurs twice means its last value', () => {
    expect(pieceAt('{"a":1,"a":2}', ['a'])).toBe('2');
  });

  test('in any JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        expect(findJsonProblem(json)).toBeUndefined();
        const value: unknown = JSON.parse(json);
        if (typeof value !== 'object' || value === null) return;
        for (const [key, inner] of Object.entries(value)) {
          const step = Array.isArray(value) ? Number(key) : key;
          expect(JSON.parse(pieceAt(json, [step]))).toEqual(inner);
        }
      }),
    );
  });
});

describe('problems are found where JSON.parse finds one', () => {
  test('in text that was JSON before a character was changed', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), fc.string({ maxLength: 2, unit: 'binary' }), (json, at, piece) => {
        const place = at % (json.length + 1);
        const text = json.slice(0, place) + piece + json.slice(place + 1);
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        const problem = findJsonProblem(text);
        expect(problem === undefined).toBe(valid);
        // What stands before the problem was read before, so it cannot lie behind the end or before the change by much.
        if (problem !== undefined) expect(problem.offset).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 500 },
    );
  });

  test('in values inside values without end', () => {
    const deep = '['.repeat(100_000);
    expect(findJsonProblem(deep)).toEqual({ offset: 500, expected: 'at most 500 values inside each other' });
    const nested = `[1,${deep}${']'.repeat(100_000)}]`;
    expect(pieceAt(nested, [0])).toBe('1');
    expect(pieceAt(nested, [1])).toBe(nested);
  });

  test('in long strings', () => {
    const long = 'x'.repeat(3_000_000);
    expect(pieceAt(`["${long}",7]`, [1])).toBe('7');
    expect(findJsonProblem(`["${long}`)).toMatchObject({ expected: 'a string that ends' });
  });
});

test('a line quotes what it found, shortened', () => {
  const line = new JsonLine('f', 5, `{"a":"${'y'.repeat(100)}"}`);
  let caught: unknown;
  try {
    line.integer(line.object(line.value, [])['a'], ['a'], 1, 1);
  } catch (error) {
    caught = error;
  }
  expect(isRecordingError(caught)).toBe(true);
  expect(String(caught)).toBe(`RecordingError: f:5:6: found "${'y'.repeat(39)}..., expected the integer 1`);
});
