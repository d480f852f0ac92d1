/** kmem demo and kmem demos: small lessons that run the allocators. */
import { readBuddyRecording } from '@kmem/conformance';
import type { Demo } from '../demos/demo.js';
import { FRAGMENTATION, fragmentationLesson, printLesson } from '../demos/fragmentation.js';
import { OOM, oomLesson, printOom } from '../demos/oom.js';
import { PERCPU, percpuLesson, printPercpu } from '../demos/percpu.js';
import { REPLAY, replayReport } from '../demos/replay.js';
import { printReplay } from '../demos/replay-text.js';
import { printSlabStates, SLAB_STATES, slabStatesLesson } from '../demos/slab-states.js';
import { printVmallocMap, VMALLOC_MAP, vmallocMapLesson } from '../demos/vmalloc-map.js';
import { printWatermarks, WATERMARKS, watermarksLesson } from '../demos/watermarks.js';
import { printWhichSlab, WHICH_SLAB, whichSlabLesson } from '../demos/which-slab.js';
import { BadInput, EXIT_DIFFERENCE, EXIT_OK } from '../exit-code.js';
import { Progress } from '../progress.js';
import { readText } from '../recording-files.js';
import type { Terminal } from '../terminal.js';

/** All demos, in the order in which they are listed. */
export const DEMOS: readonly Demo[] = [FRAGMENTATION, PERCPU, WATERMARKS, OOM, SLAB_STATES, WHICH_SLAB, VMALLOC_MAP, REPLAY];

/**
 * Lists the demos.
 *
 * @param json - print a JSON array.
 * @param terminal - where to.
 */
export function runDemos(json: boolean, terminal: Terminal): void {
  if (json) {
    terminal.printJson(DEMOS);
    return;
  }
  const width = Math.max(...DEMOS.map(({ name }) => name.length));
  for (const { name, title, source } of DEMOS) {
    terminal.print(`${terminal.colors.bold(name.padEnd(width))}  ${title}`, `${' '.repeat(width)}  ${terminal.colors.dim(source)}`);
  }
}

/**
 * Gives the lesson on fragmentation.
 *
 * @param seed - seed of its random choices.
 * @param json - print a JSON document.
 * @param terminal - where to.
 */
export function runFragmentation(seed: number, json: boolean, terminal: Terminal): void {
  const steps = fragmentationLesson(seed);
  if (json) terminal.printJson({ demo: FRAGMENTATION.name, seed, steps });
  else printLesson(steps, terminal);
}

/**
 * Gives the lesson on per-CPU lists.
 *
 * @param json - print a JSON document.
 * @param terminal - where to.
 */
export function runPercpu(json: boolean, terminal: Terminal): void {
  const steps = percpuLesson();
  if (json) terminal.printJson({ demo: PERCPU.name, steps });
  else printPercpu(steps, terminal);
}

/**
 * Gives the lesson on watermarks.
 *
 * @param json - print a JSON document.
 * @param terminal - where to.
 */
export function runWatermarks(json: boolean, terminal: Terminal): void {
  const steps = watermarksLesson();
  if (json) terminal.printJson({ demo: WATERMARKS.name, steps });
  else printWatermarks(steps, terminal);
}

/**
 * Gives the lesson on running out of memory.
 *
 * @param json - print a JSON document.
 * @param terminal - where to.
 */
export function runOom(json: boolean, terminal: Terminal): void {
  const steps = oomLesson();
  if (json) terminal.printJson({ demo: OOM.name, steps });
  else printOom(steps, terminal);
}

/**
 * Gives the lesson on the states of a slab.
 *
 * @param json - print a JSON document.
 * @param terminal - where to.
 */
export function runSlabStates(json: boolean, terminal: Terminal): void {
  const steps = slabStatesLesson();
  if (json) terminal.printJson({ demo: SLAB_STATES.name, steps });
  else printSlabStates(steps, terminal);
}

/**
 * Gives the lesson on the three object allocators.
 *
 * @param seed - seed of its random choices.
 * @param json - print a JSON document.
 * @param terminal - where to.
 */
export function runWhichSlab(seed: number, json: boolean, terminal: Terminal): void {
  const steps = whichSlabLesson(seed);
  if (json) terminal.printJson({ demo: WHICH_SLAB.name, seed, steps });
  else printWhichSlab(steps, terminal);
}

/**
 * Gives the lesson on the vmalloc region.
 *
 * @param json - print a JSON document.
 * @param terminal - where to.
 */
export function runVmallocMap(json: boolean, terminal: Terminal): void {
  const steps = vmallocMapLesson();
  if (json) terminal.printJson({ demo: VMALLOC_MAP.name, steps });
  else printVmallocMap(steps, terminal);
}

/**
 * Replays a recording.
 *
 * @param path - the recording.
 * @param json - print a JSON document.
 * @param terminal - where to.
 * @returns the exit code: whether all of it was exact.
 * @throws BadInput or RecordingError for a file that cannot be replayed.
 */
export function runReplay(path: string, json: boolean, terminal: Terminal): number {
  const text = readText(path);
  if (text === undefined) throw new BadInput(`${path}: found binary data, expected a recording of the page allocator`);
  const kind = /^\{"recording":"([^"]*)"/.exec(text)?.[1] ?? 'buddy-exact';
  if (kind !== 'buddy-exact') {
    throw new BadInput(`${path}: found a recording "${kind}", expected "buddy-exact", one of the page allocator`);
  }
  const recording = readBuddyRecording({ name: path, text });
  const progress = new Progress(terminal);
  const report = replayReport(recording, (done) => {
    progress.update(`${done} of ${recording.operations} operations replayed`);
  });
  progress.clear();
  if (json) terminal.printJson({ demo: REPLAY.name, recording: path, ...report });
  else printReplay(path, report, terminal);
  return report.difference === null ? EXIT_OK : EXIT_DIFFERENCE;
}
