/** The chart of waste over size, as SVG: the saw teeth between the powers of two. */
import type { WasteRow } from './commands/waste.js';

const WIDTH = 960;
const HEIGHT = 420;
/** Room around the plot: for the numbers at the left and below, the title above. */
const LEFT = 64;
const RIGHT = 36;
const TOP = 48;
const BOTTOM = 52;
/** Lines across, and marks below. */
const PERCENT_STEP = 20;
const SIZE_MARKS = 8;

/**
 * Draws the chart.
 *
 * @param rows - what requests come to; all served, at least one.
 * @returns an SVG document that stands alone, in colours for light and dark backgrounds.
 */
export function drawWasteChart(rows: readonly WasteRow[]): string {
  const sorted = [...rows].sort((a, b) => a.asked - b.asked);
  const largest = Math.max(sorted.at(-1)?.asked ?? 1, 1);
  const top = Math.max(Math.ceil(Math.max(...sorted.map((row) => row.percent)) / PERCENT_STEP) * PERCENT_STEP, PERCENT_STEP);
  const x = (size: number): string => (LEFT + (size / largest) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (percent: number): string => (HEIGHT - BOTTOM - (percent / top) * (HEIGHT - TOP - BOTTOM)).toFixed(1);

  const across: string[] = [];
  for (let percent = 0; percent <= top; percent += PERCENT_STEP) {
    across.push(
      `<line class="grid" x1="${LEFT}" y1="${y(percent)}" x2="${WIDTH - RIGHT}" y2="${y(percent)}"/>`,
      `<text x="${LEFT - 8}" y="${y(percent)}" text-anchor="end" dominant-baseline="middle">${percent} %</text>`,
    );
  }
  const below = Array.from({ length: SIZE_MARKS + 1 }, (_, i) => (largest * i) / SIZE_MARKS).map(
    (size) => `<text x="${x(size)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${formatBytes(size)}</text>`,
  );
  // A title in a dot is shown when the pointer rests on it, and read out.
  const dots = sorted.map(
    ({ asked, takes, percent }) =>
      `<circle cx="${x(asked)}" cy="${y(percent)}" r="2.5"><title>${asked} bytes take ${String(takes)}: ${percent} % wasted</title></circle>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title">`,
    '<title id="title">What kmalloc wastes, in percent of what was asked for</title>',
    '<style>',
    'text { font: 13px sans-serif; fill: #444 } .grid { stroke: #ccc } polyline { fill: none; stroke: #c60; stroke-width: 1.5 } circle { fill: #c60 }',
    '@media (prefers-color-scheme: dark) { text { fill: #bbb } .grid { stroke: #444 } }',
    '</style>',
    `<text x="${LEFT}" y="24" style="font-size: 16px">What kmalloc wastes, in percent of what was asked for</text>`,
    ...across,
    ...below,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">bytes asked for</text>`,
    `<polyline points="${sorted.map(({ asked, percent }) => `${x(asked)},${y(percent)}`).join(' ')}"/>`,
    ...dots,
    '</svg>',
    '',
  ].join('\n');
}

function formatBytes(bytes: number): string {
  if (bytes >= 2 ** 20) return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${Math.round(bytes / 1024)} KiB` : String(Math.round(bytes));
}
