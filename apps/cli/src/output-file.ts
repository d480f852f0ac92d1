/** Files that a command writes. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { BadInput } from './exit-code.js';

/**
 * Writes a file as a whole: whoever looks sees the old one or the new one, never a part.
 *
 * @param path - where to; an existing file is replaced.
 * @param text - what it holds.
 * @throws BadInput naming the file when it cannot be written; nothing is left behind then.
 */
export function replaceFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}.part`;
  try {
    writeFileSync(beside, text, { flag: 'wx' });
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new BadInput(`${path}: cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
