/**
 * Tables of requests: what came of asking for a line, one row a line of text.
 *
 * ```
 * {"sc":"request-matrix","flags":..,"handler":0|1,"thread_fn":0|1,"dev_id":0|1,"ret":..}
 * {"sc":"request-pairs","first":..,"second":..,"trigger_before":..,"trigger_set_before":0|1,"ret1":..,"ret2":..}
 * ```
 *
 * A row depends on no other: each has a kernel of its own, with one free level line. (irq spec 3)
 */
import { IRQ_HANDLED, IRQ_SET_MASK_OK, IRQF_ONESHOT, type IrqChip, type Sleepable } from '@kmem/contracts';
import { compareValues } from './compare-values.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { Implementations, RecordingInput } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import type { KernelUnderTest } from './kernel-under-test.js';
import { splitLines } from './recording-meta.js';
import { INITIAL_JIFFIES, recordedAt } from './scenario-run.js';
import { numberOf } from './step-kinds.js';

const IRQ = 24;
const CHIP: IrqChip = {
  name: 'plain',
  flags: 0,
  mask: () => undefined,
  unmask: () => undefined,
  ack: () => undefined,
  eoi: () => undefined,
  setType: () => IRQ_SET_MASK_OK,
};

/**
 * Tells whether a text is such a table.
 *
 * @param text - the text.
 * @returns true when it begins like one.
 */
export function isRequestTable(text: string): boolean {
  return text.startsWith('{"sc":"request-matrix"') || text.startsWith('{"sc":"request-pairs"');
}

/**
 * Makes the requests of a table anew.
 *
 * @param input - the table.
 * @param implementations - has the kernel to make them on.
 * @returns one result, counted in rows.
 * @throws RecordingError when the table itself is wrong.
 */
export function conformRequestTable(input: RecordingInput, implementations: Implementations): Conformance[] {
  const { bootKernel } = implementations;
  if (bootKernel === undefined) return [unsupportedResult(input.name, 'requests', 'there is no kernel to request lines of')];
  let exact = 0;
  let difference: Difference | null = null;
  const rows = splitLines(input.text);
  rows.forEach((content, index) => {
    const line = new JsonLine(input.name, index + 1, content);
    const row = line.object(line.value, []);
    const kernel = bootKernel(recordedAt(INITIAL_JIFFIES));
    const got = { ...row, ...request(kernel, row) };
    const found = compareValues(row, got, String(row['sc']));
    if (found === null) exact++;
    else difference ??= { operation: index, line: index + 1, ...found, state: `${exact} of ${rows.length} rows were as recorded` };
  });
  return [{ name: input.name, kind: 'requests', exact, total: rows.length, stated: [], difference, unsupported: null }];
}

/** Makes the requests of one row; returns its outputs. */
function request(kernel: KernelUnderTest, row: JsonObject): JsonObject {
  const { irqs, sched } = kernel;
  irqs.irqAllocDescs(IRQ, IRQ, 1);
  irqs.irqSetChipAndHandler(IRQ, CHIP, 'level');
  if (numberOf(row, 'trigger_set_before') !== 0) irqs.irqSetTriggerType(IRQ, numberOf(row, 'trigger_before'));
  function* one(flags: number, hasHandler: boolean, hasThread: boolean, devId: number): Sleepable<number> {
    const handler = hasHandler ? () => IRQ_HANDLED : null;
    return yield* irqs.requestThreadedIrq(IRQ, handler, hasThread ? thread : null, flags, 'row', devId);
  }
  const results: Record<string, number> = {};
  const task = sched.kthreadCreate(function* () {
    if (row['sc'] === 'request-matrix') {
      const [hasHandler, hasThread] = [numberOf(row, 'handler') !== 0, numberOf(row, 'thread_fn') !== 0];
      results['ret'] = yield* one(numberOf(row, 'flags'), hasHandler, hasThread, numberOf(row, 'dev_id'));
      return 0;
    }
    const [first, second] = [numberOf(row, 'first'), numberOf(row, 'second')];
    results['ret1'] = yield* one(first, true, (first & IRQF_ONESHOT) !== 0, 1);
    if (results['ret1'] === 0) results['ret2'] = yield* one(second, true, (second & IRQF_ONESHOT) !== 0, 2);
    return 0;
  }, 'requests', 0);
  sched.wakeUpProcess(task);
  kernel.run();
  return results;
}

// eslint-disable-next-line require-yield -- nothing ever wakes it
function* thread(): Sleepable<number> {
  return IRQ_HANDLED;
}
