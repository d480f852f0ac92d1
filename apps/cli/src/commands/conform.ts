/**
 * kmem conform: replays recordings of a real kernel and says how exact the implementations are.
 *
 * Every file ends in one of four ways: compared, unsupported, skipped by its name, or bad input. Nothing is counted as
 * exact that was not compared.
 */
import { setImmediate } from 'node:timers/promises';
import { basename, resolve } from 'node:path';
import { conform, isRamTable, isRecordingError, SNAPSHOT_TEXTS, type Conformance, type Difference } from '@kmem/conformance';
import { BadInput, EXIT_BAD_INPUT, EXIT_DIFFERENCE, EXIT_OK } from '../exit-code.js';
import { IMPLEMENTATIONS } from '../implementations.js';
import { Progress } from '../progress.js';
import { fileBeside, findFiles, isRecordingName, readText, type SkippedFile } from '../recording-files.js';
import type { Terminal } from '../terminal.js';
import { oneLine } from '../text.js';

/** Everything `kmem conform` found out; with `--json` this is the output. */
export interface ConformReport {
  /** Operations, check points, dumps and lines that were compared and equal. */
  exact: number;
  /** All that were to be compared. */
  total: number;
  /** Lines of texts that follow from recorded values alone: compared, and in neither number above. */
  stated: number;
  /** Recordings and texts that were compared. */
  recordings: number;
  /** Files and texts that could not be interpreted. */
  unsupported: number;
  /** One entry a line of the output. */
  readonly results: Conformance[];
  /** Files in folders that are no recordings by their names. */
  skipped: readonly SkippedFile[];
  /** Files that are not what they should be, one line each. */
  readonly badInput: string[];
}

/**
 * Runs the command.
 *
 * @param paths - files and folders.
 * @param json - print one JSON document instead of lines.
 * @param terminal - where to.
 * @returns the exit code.
 * @throws BadInput when a path does not exist, or no file is found.
 */
export async function runConform(paths: readonly string[], json: boolean, terminal: Terminal): Promise<number> {
  const found = findFiles(paths);
  if (found.files.length === 0) {
    throw new BadInput(`${paths.join(', ')}: found no recording, expected files such as NAME.jsonl or NAME.jsonl.gz`);
  }
  const report: ConformReport = {
    exact: 0,
    total: 0,
    stated: 0,
    recordings: 0,
    unsupported: 0,
    results: [],
    skipped: found.skipped,
    badInput: [],
  };
  const width = Math.max(...found.files.map((path) => path.length));
  const progress = new Progress(terminal);
  const used = new Set<string>();
  for (const [i, path] of textsLast(found.files).entries()) {
    if (used.has(resolve(path))) continue;
    // Between files, so that a closed pipe is noticed.
    await setImmediate();
    try {
      const onProgress = (done: number, total: number): void => {
        progress.update(`file ${i + 1} of ${found.files.length}, ${path}: ${done} of ${total}`);
      };
      for (const result of conformFile(path, used, onProgress)) {
        addResult(report, result);
        progress.clear();
        if (!json) terminal.print(...describeResult(result, width, terminal));
      }
    } catch (error) {
      if (!(error instanceof BadInput) && !isRecordingError(error)) throw error;
      const message = oneLine(error.message);
      report.badInput.push(message);
      progress.clear();
      terminal.note(`kmem: ${message}`);
    }
  }
  progress.clear();
  if (json) terminal.printJson(report);
  else terminal.print(totalLine(report));
  return exitCode(report);
}

/** Texts beside the lists of a snapshot come after them: the lists cover them, where there are lists. */
function textsLast(files: readonly string[]): string[] {
  const isText = (path: string): boolean => SNAPSHOT_TEXTS.includes(basename(path, '.gz'));
  return [...files.filter((path) => !isText(path)), ...files.filter(isText)];
}

/** Compares one file. The texts beside it that its results cover are added to `used`. */
function conformFile(path: string, used: Set<string>, onProgress: (done: number, total: number) => void): Conformance[] {
  const text = readText(path);
  if (text === undefined) return [unsupported(path, 'found binary data, expected a recording: one JSON value a line')];
  // A recording by another name is known by its first word.
  if (!isRecordingName(path) && !text.startsWith('{"recording"') && !isRamTable(text)) {
    return [unsupported(path, 'not a recording, and no recording beside it says what it was printed from')];
  }
  const companion = (fileName: string): string | undefined => {
    const beside = fileBeside(path, fileName);
    if (beside === undefined) return undefined;
    used.add(resolve(beside));
    return readText(beside);
  };
  return conform({ name: path, text, companion }, IMPLEMENTATIONS, { onProgress });
}

function unsupported(path: string, reason: string): Conformance {
  return { name: path, kind: 'file', exact: 0, total: 0, stated: [], difference: null, unsupported: reason };
}

function addResult(report: ConformReport, result: Conformance): void {
  report.results.push(result);
  if (result.unsupported !== null) {
    report.unsupported++;
    return;
  }
  report.recordings++;
  report.exact += result.exact;
  report.total += result.total;
  report.stated += result.stated.length;
}

/** Describes one result: one line, and below it the first difference where there is one. `width` is that of the names. */
function describeResult(result: Conformance, width: number, terminal: Terminal): string[] {
  const { colors } = terminal;
  const start = `${result.name.padEnd(width)}  ${result.kind}  `;
  if (result.unsupported !== null) return [`${start}${colors.yellow('unsupported')}: ${result.unsupported}`];
  const stated = result.stated.length === 0 ? '' : `, ${result.stated.length} stated`;
  const score = `exact ${result.exact}/${result.total}`;
  if (result.difference === null) return [start + colors.green(score) + stated];
  return [start + colors.red(score) + stated, ...describeDifference(result.difference)];
}

/** Explains the first difference, indented below the line of its recording. */
function describeDifference(difference: Difference): string[] {
  const { operation, line, what, expected, got, state } = difference;
  return [
    `    first difference: operation ${operation}, line ${line}: ${what}`,
    `      expected  ${oneLine(expected)}`,
    `      got       ${oneLine(got)}`,
    '      state around it:',
    ...state
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => `        ${text}`),
  ];
}

/** The last line of the output. */
function totalLine(report: ConformReport): string {
  const { exact, total, recordings, unsupported } = report;
  return `TOTAL  exact ${exact}/${total} in ${recordings} recordings, ${unsupported} unsupported`;
}

function exitCode(report: ConformReport): number {
  if (report.badInput.length > 0) return EXIT_BAD_INPUT;
  const isExact = report.results.every(({ difference, unsupported }) => difference === null && unsupported === null);
  return isExact ? EXIT_OK : EXIT_DIFFERENCE;
}
