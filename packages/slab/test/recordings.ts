/** Recordings of a real kernel, as the tests read them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/**
 * Reads a file of JSON lines.
 *
 * @param file - path below tooling/recordings/memory, packed by gzip or not.
 * @returns one value a line.
 */
export function readLines(file: string): unknown[] {
  const bytes = readFileSync(fileURLToPath(new URL(`../../../tooling/recordings/memory/${file}`, import.meta.url)));
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  return text.trimEnd().split('\n').map((line): unknown => JSON.parse(line));
}
