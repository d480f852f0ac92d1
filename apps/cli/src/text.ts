/** Numbers and words in a line of text, and tables of them. */
import type { Colors } from './terminal.js';

/**
 * Counts something.
 *
 * @param n - how many.
 * @param noun - the thing, singular.
 * @param plural - its plural, where an s does not make it.
 * @returns `1 page`, `2 pages`.
 */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}

/**
 * Writes a share.
 *
 * @param part - part.
 * @param whole - whole; 0 gives 0 %.
 * @returns percent, rounded down, so that 100 % means all of it.
 */
export function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Math.floor((part * 100) / whole)} %`;
}

/**
 * Writes an amount of memory.
 *
 * @param pages - number of pages.
 * @param pageShift - log2 of the page size in bytes.
 * @returns the amount in KiB, or in MiB from 1 MiB on, rounded down.
 */
export function memory(pages: number, pageShift: number): string {
  const kib = Math.floor((pages * 2 ** pageShift) / 1024);
  return kib >= 1024 ? `${Math.floor(kib / 1024)} MiB` : `${kib} KiB`;
}

/**
 * Breaks a text into lines at spaces.
 *
 * @param text - the text, without line ends.
 * @param width - longest line; a longer word stands alone.
 * @returns the lines.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  if (line !== '') lines.push(line);
  return lines;
}

/**
 * Makes one harmless line of a text that quotes a file: line ends become spaces, other control characters `?`.
 *
 * @param text - the text.
 * @returns the line.
 */
export function oneLine(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll(/\p{Cc}/gu, '?');
}

/** Rows of words and numbers. */
export interface Table {
  /** Heads of the columns. */
  readonly columns: readonly string[];
  /** A row each; numbers stand to the right. */
  readonly rows: readonly (readonly (string | number)[])[];
}

/**
 * Lays a table out, columns two spaces apart.
 *
 * @param table - the table.
 * @param colors - colours; the heads are dim.
 * @returns its lines, heads first.
 */
export function drawTable({ columns, rows }: Table, colors: Colors): string[] {
  const widths = columns.map((head, i) => Math.max(head.length, ...rows.map((row) => String(row[i]).length)));
  const isNumber = columns.map((_, i) => rows.every((row) => typeof row[i] === 'number'));
  const line = (cells: readonly (string | number)[]): string =>
    cells.map((cell, i) => (isNumber[i] ? String(cell).padStart(widths[i]) : String(cell).padEnd(widths[i]))).join('  ').trimEnd();
  return [colors.dim(line(columns)), ...rows.map(line)];
}
