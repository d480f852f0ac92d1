/**
 * Rows about the timer wheel that stand alone: in which bucket a timer lies that is armed so far ahead.
 *
 * ```
 * {"sc":"wheel-index","jiffies":"..","clk":"..","rows":[[delta,idx],...]}
 * {"sc":"wheel-index-edge","jiffies":"..","clk":"..","delta":"..","expires":"..","idx":..}
 * ```
 *
 * Each row is tried on a kernel whose wheel's clock was set to the recorded one. (time spec 4.1, 4.2)
 */
import { TIMER_PINNED } from '@kmem/contracts';
import { compareValues, type ValueDifference } from './compare-values.js';
import type { JsonLine, JsonObject } from './json-line.js';
import type { KernelUnderTest } from './kernel-under-test.js';

/** Names under which these rows stand. */
export const WHEEL_ROWS = ['wheel-index', 'wheel-index-edge'];

/**
 * Arms the timers of a line.
 *
 * @param line - one of these rows.
 * @param bootAt - boots a kernel at a jiffy.
 * @returns what differs; null when nothing does.
 * @throws RecordingError when the line is not as it should be.
 */
export function compareWheelRow(line: JsonLine, bootAt: (jiffies: number) => KernelUnderTest): ValueDifference | null {
  const row = line.object(line.value, []);
  const numberAt = (name: string): number => Number(line.string(row[name], [name]));
  const { timers } = bootAt(numberAt('jiffies'));
  const clk = numberAt('clk');
  const arm = (delta: number): { expires: number; idx: number } => {
    const timer = timers.create();
    timers.timerSetup(timer, () => undefined, TIMER_PINNED);
    timers.setBaseClock(0, clk);
    timers.modTimer(timer, timers.jiffies + delta);
    const armed = { expires: timers.expires(timer), idx: timers.bucket(timer) };
    timers.destroy(timer);
    return armed;
  };
  if (!('rows' in row)) return compareEdge(row, arm(numberAt('delta')));
  const rows = line.array(row['rows'], ['rows']).map((pair, i) => line.array(pair, ['rows', i]).map(Number));
  return compareValues(rows, rows.map(([delta]) => [delta, arm(delta).idx]), 'rows');
}

/** Jiffies beyond 2 ** 53 are compared as the numbers next to them, those before 0 as negative ones. */
function compareEdge(row: JsonObject, { expires, idx }: { expires: number; idx: number }): ValueDifference | null {
  const recorded = BigInt(String(row['expires']));
  const expected = Number(expires < 0 ? BigInt.asIntN(64, recorded) : recorded);
  return compareValues({ expires: expected, idx: row['idx'] }, { expires, idx }, '');
}
