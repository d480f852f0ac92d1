/** Recordings of a real kernel, as the tests read them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/**
 * Reads a file as it is.
 *
 * @param file - path below tooling/recordings/memory, packed by gzip or not.
 * @returns the text.
 */
export function readText(file: string): string {
  const bytes = readFileSync(fileURLToPath(new URL(`../../../tooling/recordings/memory/${file}`, import.meta.url)));
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
}
