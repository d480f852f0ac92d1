/** The replay demo as text: at most a screen or two, every number from the report. */
import { drawFreeLists } from '../free-lists.js';
import type { Terminal } from '../terminal.js';
import { count, oneLine } from '../text.js';
import type { Moment, ReplayReport } from './replay.js';

/**
 * Prints the report.
 *
 * @param name - the recording, as the user called it.
 * @param report - the report.
 * @param terminal - where to.
 */
export function printReplay(name: string, report: ReplayReport, terminal: Terminal): void {
  const { colors } = terminal;
  const { before, after, end, counts, difference } = report;
  const heading = (text: string): string => colors.bold(colors.cyan(text));
  const row = (label: string, text: string): string => `  ${label.padEnd(12)}${text}`;

  terminal.print(
    colors.bold(oneLine(`Linux ${report.kernel}, ${report.memMb} MiB, scenario "${report.scenario}"`)),
    `The page allocator of a real kernel was recorded; @kmem/buddy starts from the same free lists and`,
    `gets the same calls. Every frame number, event and list is compared with the kernel's.`,
    colors.dim(name),
    '',
  );
  if (before !== null) terminal.print(heading('Free blocks before'), ...drawFreeLists(before.zones, colors), '');
  if (after !== null) {
    const title = difference === null ? 'Free blocks after the scenario' : `Free blocks, ${after.label}`;
    terminal.print(heading(title), ...drawFreeLists(after.zones, colors, before?.zones), '');
  }
  terminal.print(
    heading(difference === null ? 'What happened' : 'What happened until the first difference'),
    row('requests', `${counts.requests}, ${counts.failures} of them failed; ${count(counts.frees, 'call')} freed memory`),
    row('splits', `${count(counts.splits, 'block')} cut in two`),
    row('merges', `${count(counts.merges, 'pair')} of buddies joined`),
    row('fallbacks', `${counts.fallbacks} to another migratetype, ${counts.ownerChanges} of them took over the pageblock`),
    row('refills', `${counts.refills}: ${count(counts.refilledBlocks, 'block')} from the free lists to the per-CPU lists`),
    row('drains', `${counts.drains}: ${count(counts.drainedBlocks, 'block')} back`),
    ...(end === null ? [] : [row('at the end', endText(end))]),
    '',
  );
  if (report.highlights.length > 0) {
    terminal.print(heading('A closer look'));
    for (const { number, call, story } of report.highlights) {
      terminal.print(`  ${colors.bold(`#${number}`)} ${call}`, ...story.map((text) => `      ${text}`));
    }
    terminal.print('');
  }
  terminal.print(...verdict(report, terminal));
}

function endText(end: Moment): string {
  const zones = end.zones.map(({ zone, freePages, managedPages }) => `${zone} ${freePages} of ${managedPages}`);
  return `everything held is freed; free pages: ${zones.join(', ')}`;
}

function verdict(report: ReplayReport, terminal: Terminal): string[] {
  const { colors } = terminal;
  const { exact, total, difference, counts, events } = report;
  if (difference === null) {
    const parts = `${counts.operations} operations with ${events} events, and ${total - counts.operations} states`;
    return [colors.bold(colors.green(`exact ${exact}/${total}`)) + `  ${parts}, all as the kernel had them`];
  }
  return [
    colors.bold(colors.red(`exact ${exact}/${total}`)) +
      `  first difference: operation ${difference.operation}, line ${difference.line}: ${difference.what}`,
    `  expected  ${oneLine(difference.expected)}`,
    `  got       ${oneLine(difference.got)}`,
    '  `kmem conform` shows the state around it',
  ];
}
