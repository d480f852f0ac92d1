/**
 * Rows that state constants: names of the softirqs, limits of work queues.
 *
 * ```
 * {"sc":"vectors","nr":3,"name":"NET_RX","file_name":"NET_RX"}
 * {"sc":"wq-const","WQ_MAX_ACTIVE":512,...}
 * ```
 */
import { SOFTIRQ_NAMES, WORK_BUSY_PENDING, WORK_BUSY_RUNNING, WQ_DFL_ACTIVE, WQ_MAX_ACTIVE } from '@kmem/contracts';
import { compareValues, type ValueDifference } from './compare-values.js';
import type { JsonLine, JsonObject } from './json-line.js';

/** What a row must say, by the name of the rows. */
const ROWS: Readonly<Record<string, (row: JsonObject) => JsonObject>> = {
  vectors: ({ nr }) => ({ nr, name: SOFTIRQ_NAMES[Number(nr)], file_name: SOFTIRQ_NAMES[Number(nr)] }),
  'wq-const': () => ({ WQ_MAX_ACTIVE, WQ_DFL_ACTIVE, WORK_BUSY_PENDING, WORK_BUSY_RUNNING }),
};

/** Names under which these rows stand. */
export const CONSTANT_ROWS: readonly string[] = Object.keys(ROWS);

/**
 * Compares a row with the contracts.
 *
 * @param name - under which it stands.
 * @param line - one of these rows.
 * @returns what differs; null when nothing does.
 * @throws RecordingError when the line is not as it should be.
 */
export function compareConstants(name: string, line: JsonLine): ValueDifference | null {
  const row = line.object(line.value, []);
  return compareValues(row, { sc: name, ...ROWS[name](row) }, '');
}
