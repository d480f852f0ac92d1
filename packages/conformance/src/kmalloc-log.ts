/**
 * The kernel's log beside the table of kmalloc: which requests made the kernel warn.
 *
 * ```
 * [    1.391192] olog-mark: kmalloc(4194305, GFP_KERNEL)        before a request
 * [    1.391367] ------------[ cut here ]------------
 * [    1.391407] WARNING: CPU: 0 PID: 43 at ...                 it warned
 * [    1.392066] olog-mark: kmalloc(8388608, GFP_KERNEL)        it did not: once is enough
 * ...
 * [    1.498902] okmalloc: log 1300955                          the end; what follows is another module's
 * ```
 * Without a kvmalloc family its requests are not made; they count as stated.
 */
import { __GFP_NOWARN, GFP_KERNEL } from '@kmem/contracts';
import { quoteError } from './compare-values.js';
import type { Conformance, Difference } from './conformance-result.js';
import type { KmallocUnderTest } from './implementations.js';
import { parseFlags } from './kmalloc-lines.js';

const MARK = 'olog-mark: ';
const END = 'okmalloc: log';
const WARNING = 'WARNING: ';

/** A request of the log. */
interface LoggedCall {
  readonly line: number;
  readonly text: string;
  readonly warned: boolean;
}

/**
 * Makes the requests of a log, and compares which of them are warned of.
 *
 * @param name - what the result calls the log.
 * @param log - its text.
 * @param k - a family just booted.
 * @returns the result, one step a request.
 */
export function conformKmallocLog(name: string, log: string, k: KmallocUnderTest): Conformance {
  const calls = readCalls(log);
  const stated: string[] = [];
  const result = { name, kind: 'kmalloc log', unsupported: null };
  let difference: Difference | null = null;
  let exact = 0;
  for (const { line, text, warned } of calls) {
    const before = k.reported();
    const place = { operation: exact + 1, line, what: text, state: 'a machine just booted, and the requests before this one' };
    try {
      if (!makeCall(k, text)) {
        stated.push(`line ${String(line)}: ${text} is not known here`);
        continue;
      }
    } catch (error) {
      difference = { ...place, expected: 'no error', got: quoteError(error) };
      break;
    }
    const got = k.reported() > before;
    if (got !== warned) {
      difference = { ...place, expected: describe(warned), got: describe(got) };
      break;
    }
    exact++;
  }
  return { ...result, exact, total: difference === null ? exact : calls.length - stated.length, stated, difference };
}

function readCalls(log: string): readonly LoggedCall[] {
  const [ours] = log.split(END);
  const calls: LoggedCall[] = [];
  ours.split('\n').forEach((text, i) => {
    const [, call] = text.split(MARK);
    if (call !== undefined) calls.push({ line: i + 1, text: call, warned: false });
    else if (text.includes(WARNING) && calls.length > 0) calls[calls.length - 1] = { ...calls[calls.length - 1], warned: true };
  });
  return calls;
}

/** Makes a request and gives back what it took. False when there is nobody to ask. */
function makeCall(k: KmallocUnderTest, text: string): boolean {
  const bytes = /^kmalloc\((\d+), GFP_KERNEL\)$/.exec(text)?.[1];
  const order = /^alloc_pages order (\d+) with and without nowarn$/.exec(text)?.[1];
  if (bytes !== undefined) k.kfree(k.kmalloc(Number(bytes), GFP_KERNEL));
  else if (order !== undefined) for (const gfp of [GFP_KERNEL | __GFP_NOWARN, GFP_KERNEL]) k.pages.allocPages(gfp, Number(order));
  else return makeKvmallocCall(k, text);
  return true;
}

function makeKvmallocCall({ kv }: KmallocUnderTest, text: string): boolean {
  const [, bytes, names = ''] = /^kvmalloc\((\d+), ([A-Z_|]+)\)$/.exec(text) ?? [];
  const gfp = parseFlags(names);
  if (kv === undefined || bytes === undefined || gfp === null) return false;
  kv.kvfree(kv.kvmalloc(Number(bytes), gfp));
  return true;
}

function describe(warned: boolean): string {
  return warned ? 'a warning' : 'no warning';
}
