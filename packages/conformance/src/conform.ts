/**
 * Holds implementations against one recording of a real kernel.
 *
 * Users: `kmem conform`, and tests that replay recordings through an allocator of their own.
 */
import { conformAlternative } from './alternative-replay.js';
import { cacheTableKind, conformCacheTable } from './cache-tables.js';
import { readBuddyRecording } from './buddy-recording.js';
import { replayBuddy } from './buddy-replay.js';
import { unsupportedResult } from './conformance-result.js';
import type { Conformance, Difference } from './conformance-result.js';
import type { Implementations, RecordingInput } from './implementations.js';
import { conformLayout } from './layout-replay.js';
import { conformKmalloc, isKmallocTable } from './kmalloc-table.js';
import { conformSnapshot } from './proc-snapshot.js';
import { conformRamTable, isRamTable } from './ram-table.js';
import { conformRequestTable, isRequestTable } from './request-tables.js';
import { isScenarioRecording } from './scenario-recording.js';
import { conformScenarios } from './scenario-replay.js';
import { conformSleeps, isSleepRecording } from './sleep-calls.js';
import { conformTimeTable, isTimeTable } from './time-tables.js';
import { recordingKind } from './recording-meta.js';
import { readSlubRecording } from './slub-recording.js';
import { conformSlub } from './slub-replay.js';
import { readVmallocRecording } from './vmalloc-recording.js';
import { conformVmalloc } from './vmalloc-replay.js';

/** Steps between two reports of progress. */
const PROGRESS_STEPS = 1000;

/** Options of {@link conform}. */
export interface ConformOptions {
  /**
   * Is told now and then how far the replay is.
   *
   * @param done - steps replayed so far.
   * @param total - steps of the recording.
   */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Replays a recording and compares every output.
 *
 * After the first difference the implementation and the recorded kernel are in different states, so nothing
 * after it is compared: `exact` counts what was equal before.
 *
 * @param input - the recording.
 * @param implementations - what to replay it through.
 * @param options - progress.
 * @returns one result, and one for each text beside the recording that is compared or should be.
 * @throws RecordingError when the recording itself is wrong, with line and column.
 * @example
 * ```ts
 * const [result] = conform({ name, text }, { loadPages });
 * console.log(`${result.name}  ${result.kind}  exact ${result.exact}/${result.total}`);
 * ```
 */
export function conform(
  input: RecordingInput,
  implementations: Implementations,
  options: ConformOptions = {},
): Conformance[] {
  if (isRamTable(input.text)) return conformRamTable(input, implementations);
  if (isTimeTable(input.text)) return conformTimeTable(input, implementations);
  if (isSleepRecording(input.text)) return conformSleeps(input, implementations);
  if (isRequestTable(input.text)) return conformRequestTable(input, implementations);
  if (isScenarioRecording(input.text)) return conformScenarios(input, implementations);
  const kind = recordingKind(input.name, input.text);
  if (kind === 'buddy-exact') return [conformBuddy(input, implementations, options)];
  if (kind === 'slub-exact') return [conformCache(input, implementations, options)];
  if (kind === 'alternative-allocators') return [conformAlternative(input, implementations, onSteps(options))];
  if (kind === 'proc-snapshot') return conformSnapshot(input, implementations);
  if (kind === 'vmalloc') return [conformVmalloc(readVmallocRecording(input), implementations)];
  if (isKmallocTable(input.text, kind)) return conformKmalloc(input, implementations);
  if (kind === 'layout') return [conformLayout(input, implementations)];
  const table = cacheTableKind(input.text, kind);
  if (table !== null) return [conformCacheTable(input, table, implementations)];
  if (kind === null) return [unsupportedResult(input.name, 'unknown', 'its first line does not say what was recorded')];
  return [unsupportedResult(input.name, kind, `no replayer for recordings of kind "${kind}"`)];
}

/** Reports progress now and then. */
function onSteps({ onProgress }: ConformOptions): (exact: number, total: number) => void {
  return (exact, total) => {
    if (exact % PROGRESS_STEPS === 0) onProgress?.(exact, total);
  };
}

function conformBuddy(input: RecordingInput, implementations: Implementations, options: ConformOptions): Conformance {
  const recording = readBuddyRecording(input);
  let exact = 0;
  let difference: Difference | null = null;
  for (const replayed of replayBuddy(recording, implementations)) {
    difference = replayed.difference;
    if (difference === null && replayed.step.kind !== 'note') {
      exact++;
      if (exact % PROGRESS_STEPS === 0) options.onProgress?.(exact, recording.total);
    }
  }
  return { name: input.name, kind: 'buddy', exact, total: recording.total, stated: [], difference, unsupported: null };
}

function conformCache(input: RecordingInput, implementations: Implementations, options: ConformOptions): Conformance {
  const recording = readSlubRecording(input);
  let exact = 0;
  return conformSlub(recording, implementations, () => {
    if (++exact % PROGRESS_STEPS === 0) options.onProgress?.(exact, recording.steps.length);
  });
}
