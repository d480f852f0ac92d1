/**
 * Values that recorded texts of /proc state and no page allocator knows: counters of others, events since boot.
 *
 * They are handed to whoever prints the texts. Rows that the page allocator decides are left out, so nobody can print those from
 * here; a line that is no row is left out too, and is missing when the printed text is compared.
 */
import type { ProcInputs } from '@kmem/contracts';

/** Rows of meminfo that follow from the page allocator's state. */
const MEMINFO_COMPUTED = new Set(['MemTotal', 'MemFree', 'MemAvailable', 'HighTotal', 'HighFree', 'LowTotal', 'LowFree', 'CommitLimit']);
/** Rows of zoneinfo and vmstat that follow from it. */
const PAGES_COMPUTED = new Set(['nr_free_pages', 'nr_free_cma']);
/** In vmstat the counters of pages end with this one; events follow. */
const LAST_PAGE_COUNTER = 'nr_sec_page_table_pages';

/**
 * Reads the counters in a text of /proc/zoneinfo.
 *
 * @param text - the text.
 * @returns counters by zone. Those of a node are stated with the zone below which they stand.
 */
export function readZoneinfoInputs(text: string): ProcInputs {
  const sections = text.split(/^Node .*\n/m).slice(1);
  const zones = sections.map((section) => {
    const counters = readValues(section, /^ {6}(\w+) +(\d+)$/, /^ {2}(node_unreclaimable): +(\d+)$/);
    for (const name of PAGES_COMPUTED) counters.delete(name);
    return counters;
  });
  return { counter: (name, zoneId) => zones[zoneId]?.get(name) ?? 0, values: new Map() };
}

/**
 * Reads the counters in a text of /proc/vmstat.
 *
 * @param text - the text.
 * @returns counters, all with the first zone for want of a better place, and events.
 */
export function readVmstatInputs(text: string): ProcInputs {
  const all = Array.from(readValues(text, /^(\w+) (\d+)$/));
  const end = all.findIndex(([name]) => name === LAST_PAGE_COUNTER) + 1;
  const counters = new Map(all.slice(0, end).filter(([name]) => !PAGES_COMPUTED.has(name)));
  const values = new Map(all.slice(end).filter(([name]) => !PAGES_COMPUTED.has(name)));
  return { counter: (name, zoneId) => (zoneId === 0 ? (counters.get(name) ?? 0) : 0), values };
}

/**
 * Reads the values in a text of /proc/meminfo.
 *
 * @param text - the text.
 * @param vmstat - /proc/vmstat of the same moment: it has the counters.
 * @returns counters, and values in KiB.
 */
export function readMeminfoInputs(text: string, vmstat: string): ProcInputs {
  const values = readValues(text, /^([\w()]+): +(\d+)(?: kB)?$/);
  for (const name of MEMINFO_COMPUTED) values.delete(name);
  return { ...readVmstatInputs(vmstat), values };
}

/** Reads rows of a name and a number, line by line. */
function readValues(text: string, ...patterns: readonly RegExp[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    for (const pattern of patterns) {
      const [, name, value] = pattern.exec(line) ?? [];
      if (name !== undefined) values.set(name, Number(value));
    }
  }
  return values;
}
