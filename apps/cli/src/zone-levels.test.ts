import pc from 'picocolors';
import { expect, test } from 'vitest';
import { drawLevels, type ZoneLevel } from './zone-levels.js';

const colors = pc.createColors(false);
const level = (free: number): ZoneLevel => ({ zone: 'Normal', managed: 9999, free, min: 10, low: 20, high: 29, protection: 0 });

test.each([
  // 58 cells up to twice high: a cell is a page.
  [0, `${'·'.repeat(10)}m${'·'.repeat(9)}l${'·'.repeat(8)}h${'·'.repeat(28)}`],
  [15, `${'█'.repeat(10)}m████·····l${'·'.repeat(8)}h${'·'.repeat(28)}`],
  [58, `${'█'.repeat(10)}m${'█'.repeat(9)}l${'█'.repeat(8)}h${'█'.repeat(28)}`],
  [59, `${'█'.repeat(10)}m${'█'.repeat(9)}l${'█'.repeat(8)}h${'█'.repeat(28)}+`],
])('%i pages free', (free, bar) => {
  expect(drawLevels([level(free)], colors)).toEqual([`Normal ${String(free).padStart(7)}  ${bar}`]);
});
