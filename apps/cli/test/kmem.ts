/** Runs the built program, as a user does. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** The program's entry. */
export const BIN = fileURLToPath(new URL('../bin/kmem.js', import.meta.url));

/** The recordings that tests replay. */
export const RECORDINGS = fileURLToPath(new URL('../../../tooling/recordings/', import.meta.url));

/** The recording that `npm start` replays. */
export const FALLBACK = join(RECORDINGS, 'memory/buddy/m160-fallback-seed1.jsonl.gz');

/** A folder with the lists and the texts of one moment. */
export const SNAPSHOT = join(RECORDINGS, 'memory/proc/m256-1');

/** What a run left behind. */
export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs kmem to its end. */
export function kmem(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 26,
  });
  return { code: status, out: stdout, err: stderr };
}

/** Runs a line of shell in which `$KMEM` is the program. */
export function shell(line: string): Run {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', line], {
    encoding: 'utf8',
    env: { ...process.env, KMEM: `${process.execPath} ${BIN}` },
  });
  return { code: status, out: stdout, err: stderr };
}

/** Makes an empty folder that is gone after the test. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The lines of a text. */
export function lines(text: string): string[] {
  return text.split('\n').slice(0, -1);
}
