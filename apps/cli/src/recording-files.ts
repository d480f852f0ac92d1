/** Files that may be recordings: finding them, and reading them, packed or not. */
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { BadInput } from './exit-code.js';

/** A file that is passed over, and why. */
export interface SkippedFile {
  /** Path as it is printed. */
  readonly path: string;
  /** Why it is no recording. */
  readonly reason: string;
}

/** What lies under the paths of a command line. */
export interface FoundFiles {
  /** Files to look into: those named by the user, and those in folders, in the order of their names. */
  readonly files: readonly string[];
  /** Files in folders that are no recordings by their names. */
  readonly skipped: readonly SkippedFile[];
}

/** Unpacked size beyond which a file is refused: as much as Node holds in one string, nearly. */
const MAX_BYTES = 500 * 2 ** 20;

/**
 * Finds files.
 *
 * @param paths - files, and folders, which are searched to the bottom. Links to folders are not followed.
 * @returns each file once.
 * @throws BadInput when a path does not exist or cannot be read.
 */
export function findFiles(paths: readonly string[]): FoundFiles {
  const files: string[] = [];
  const skipped: SkippedFile[] = [];
  const seen = new Set<string>();
  const add = (path: string): void => {
    const real = realpathSync(path);
    if (!seen.has(real)) files.push(path);
    seen.add(real);
  };
  const search = (folder: string): void => {
    const names = reading(folder, () => readdirSync(folder)).sort();
    for (const name of names) {
      const path = join(folder, name);
      const entry = reading(path, () => lstatSync(path));
      const reason = entry.isDirectory() ? null : reasonToSkip(name, path, entry);
      if (entry.isDirectory()) search(path);
      else if (reason === null) add(path);
      else skipped.push({ path, reason });
    }
  };
  for (const path of paths) {
    const stats = reading(path, () => statSync(path));
    if (stats.isDirectory()) search(path);
    else if (stats.isFile()) add(path);
    else throw new BadInput(`${path}: expected a file or a folder, found something else`);
  }
  return { files, skipped };
}

function reasonToSkip(name: string, path: string, entry: Stats): string | null {
  if (name.startsWith('.')) return 'hidden file';
  if (/^readme\b|\.md$/i.test(name)) return 'documentation';
  if (entry.isSymbolicLink()) return reading(path, () => statSync(path)).isFile() ? null : 'link that leads to no file';
  return entry.isFile() ? null : 'not a regular file';
}

/**
 * Reads a file and unpacks it if it is packed.
 *
 * @param path - the file.
 * @returns its text, or undefined when it is not UTF-8 text.
 * @throws BadInput when it cannot be read or unpacked.
 */
export function readText(path: string): string | undefined {
  const raw = reading(path, () => readFileSync(path));
  const bytes = isGzip(raw) ? unpack(path, raw) : raw;
  if (bytes.length > MAX_BYTES) throw new BadInput(`${path}: has ${bytes.length} bytes, expected at most ${MAX_BYTES}`);
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The first two bytes of every gzip file. */
function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unpack(path: string, packed: Buffer): Buffer {
  try {
    return gunzipSync(packed, { maxOutputLength: MAX_BYTES });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new BadInput(`${path}: found broken gzip data (${detail}), expected at most ${MAX_BYTES} bytes packed by gzip`);
  }
}

/**
 * Finds the file that lies beside another one, packed or not.
 *
 * @param path - a file.
 * @param name - name of the other file, without `.gz`.
 * @returns its path, or undefined when there is none.
 */
export function fileBeside(path: string, name: string): string | undefined {
  return [name, `${name}.gz`].map((file) => join(dirname(path), file)).find(isFile);
}

/**
 * Tells whether a file is a recording by its name.
 *
 * @param path - the file.
 * @returns true for `.jsonl`, packed or not.
 */
export function isRecordingName(path: string): boolean {
  return /\.jsonl(\.gz)?$/.test(basename(path));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Runs a call of the file system; what it cannot do is the user's business, in one line. */
function reading<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    // Errors of the file system carry their code; anything else has none and is shown as it is.
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'no such file or folder',
      EACCES: 'permission denied',
      ELOOP: 'links that lead in a circle',
    };
    throw new BadInput(`${path}: ${reasons[code ?? ''] ?? message}`);
  }
}
