/**
 * Lessons that go step by step: what is done, what is seen, and the state after it - as text or as data.
 */
import type { Terminal } from '../terminal.js';
import { drawTable, wrap, type Table } from '../text.js';
import { drawLevels, type ZoneLevel } from '../zone-levels.js';
import type { Demo } from './demo.js';

/** A step of a lesson about watermarks. */
export interface LevelStep {
  /** What is done. */
  readonly title: string;
  /** What is seen, a paragraph each. */
  readonly text: readonly string[];
  /** Numbers that belong together. */
  readonly table?: Table;
  /** How full the zones are after it. */
  readonly levels?: readonly ZoneLevel[];
  /** Lines that the kernel would print. */
  readonly log?: readonly string[];
}

/** Of a paragraph: with its indent it fits 80 columns. */
const WIDTH = 77;

/**
 * Prints the title of a lesson and its steps.
 *
 * @param demo - the demo.
 * @param legend - how to read the pictures.
 * @param steps - the steps.
 * @param terminal - where to.
 * @param draw - draws what a step has besides text, line by line; an empty line separates.
 */
export function printSteps<Step extends { readonly title: string; readonly text: readonly string[] }>(
  demo: Demo,
  legend: string,
  steps: readonly Step[],
  terminal: Terminal,
  draw: (step: Step) => readonly string[],
): void {
  const { colors } = terminal;
  terminal.print(colors.bold(demo.title), ...wrap(legend, WIDTH).map((line) => colors.dim(line)), '');
  steps.forEach((step, i) => {
    terminal.print(colors.bold(colors.cyan(`${i + 1}. ${step.title}`)));
    for (const paragraph of step.text) terminal.print(...wrap(paragraph, WIDTH).map((line) => `   ${line}`));
    terminal.print(...draw(step).map((line) => (line === '' ? '' : `   ${line}`)), '');
  });
}

/**
 * Prints a lesson about watermarks.
 *
 * @param demo - the demo.
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printLevelSteps(demo: Demo, steps: readonly LevelStep[], terminal: Terminal): void {
  const { colors } = terminal;
  const legend = 'Bars: free pages of a zone, up to twice its high watermark; m, l, h are min, low and high; + says that there is more.';
  printSteps(demo, legend, steps, terminal, ({ table, levels, log }) => [
    ...(table === undefined ? [] : ['', ...drawTable(table, colors)]),
    ...(log === undefined ? [] : ['', ...log.flatMap((line) => wrap(line, WIDTH)).map((line) => colors.dim(line))]),
    ...(levels === undefined ? [] : ['', ...drawLevels(levels, colors)]),
  ]);
}
