import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { boot } from '@kmem/kernel';
import { describe, expect, test } from 'vitest';
import { conform, type Conformance, type Implementations } from '../src/index.js';
import { IMPLEMENTATIONS } from './tiny.js';

const WITH_KERNEL: Implementations = { ...IMPLEMENTATIONS, bootKernel: boot };

function read(name: string): string {
  const path = new URL(`../../../tooling/recordings/${name}.jsonl.gz`, import.meta.url);
  return gunzipSync(readFileSync(path)).toString();
}

function replay(lines: readonly string[], using = WITH_KERNEL): Conformance {
  return conform({ name: 'scenario', text: lines.join('\n') }, using)[0];
}

/** The lines of each scenario of a file that can be replayed. */
function scenariosOf(name: string): Map<string, string[]> {
  const scenarios = new Map<string, string[]>();
  for (const line of read(name).trim().split('\n')) {
    // Every line of these files has the name of its scenario.
    const { sc, ev } = JSON.parse(line) as { sc: string; ev?: string };
    // What a row says of the machine is no scenario.
    if (ev === undefined) continue;
    scenarios.set(sc, [...(scenarios.get(sc) ?? []), line]);
  }
  for (const [sc, lines] of scenarios) if (replay(lines).unsupported !== null) scenarios.delete(sc);
  return scenarios;
}

/** What the kernel brought forth, by event; the rest of a line was given. `op` lines of a script say j themselves. */
const LINE_OUTPUTS = ['ev', 'ctx', 'pc', 'irqoff', 'cpu', 'task'];
const CHIP_CALLBACKS = [
  ...['mask', 'unmask', 'ack', 'mask_ack', 'eoi', 'enable', 'disable', 'startup', 'shutdown', 'retrigger'],
  ...['bus_lock', 'bus_sync_unlock', 'request_resources', 'release_resources'],
];
const EVENT_OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  op: ['ret', 'pending', 'expires', 'idx'],
  fire: ['id', 'expires', 'late', 'clk', 'pending_in_cb'],
  rearm: ['id', 'expires', 'ret', 'idx', 'clk'],
  'mod-other': ['expires', 'ret'],
  'in-cb': ['del_timer_self', 'pending', 'try_to_del_timer_sync_self', 'jiffies_advanced'],
  list: ['entries', 'waitqueue_active', 'wq_has_sleeper', 'wq_has_single_sleeper'],
  func: ['id', 'flags', 'mode', 'wake_flags', 'key', 'locked', 'removes'],
  gap: ['locked'],
  bookmark: ['position', 'func_is_null'],
  hrfire: ['id', 'active', 'queued', 'callback_running', 'try_to_cancel', 'is_soft'],
  hrrestart: ['id', 'overruns'],
  'restart-by-start': ['queued'],
  'kill-other': ['ret'],
  after: ['queued'],
  'after-irqoff': ['queued'],
  'irq-on': ['queued'],
  waking: ['who', 'state', 'flags'],
  sleep: ['id'],
  states: ['tasks', 'waitqueue_active'],
  ret: ['ret'],
  'after-schedule': ['id', 'entry_still_queued'],
  done: ['id', 'ret', 'signal_pending'],
  eval: ['id', 'cond'],
  'persistent-woken': ['id', 'n', 'signal'],
  state: ['letter', 'state', 'comm'],
  'kthread-run': ['should_stop', 'should_park'],
  'kthread-loop': ['n', 'should_stop', 'should_park'],
  'kthread-exit': ['ret'],
  letter: ['index', 'letter'],
  parking: [],
  unparked: ['should_stop'],
  read: ['count', 'head', 'tail', 'nonblock'],
  write: ['count', 'head', 'tail'],
  'read-sleep': [],
  'write-sleep': [],
  'read-wake': ['ret', 'signal_pending', 'empty'],
  'write-wake': ['ret', 'signal_pending', 'full'],
  'read-byte': ['byte', 'head', 'tail'],
  'write-byte': ['byte', 'head', 'tail'],
  'read-eagain': [],
  'write-eagain': [],
  raised: ['ret'],
  handler: ['line', 'dev', 'call'],
  thread_fn: ['line', 'dev', 'call', 'policy', 'rt_priority'],
  'thread_fn-end': ['line', 'dev'],
  total: ['calls'],
  desc: [
    ...['depth', 'disabled', 'masked', 'inprogress', 'started', 'activated', 'trigger', 'wake_depth', 'tot_count', 'unhandled'],
    ...['irq_count', 'threads_oneshot', 'istate'],
  ],
  'irq-thread': ['comm', 'policy', 'rt_priority'],
  ...Object.fromEntries(CHIP_CALLBACKS.map((callback) => [`chip.${callback}`, ['line']])),
  'handler-end': ['call'],
  timer: ['cpu_in_flags'],
  base: ['cpu_in_flags'],
  'timer-end': [],
  'chip.set_affinity': ['line', 'mask', 'force'],
  'chip.set_type': ['line', 'type'],
  'chip.set_wake': ['line', 'on'],
  softirq_raise: ['vec', 'name'],
  softirq_entry: ['vec', 'name'],
  softirq_exit: ['vec'],
  tasklet: ['id', 'run', 'state', 'count'],
  'legacy-tasklet': ['data'],
  schedule: ['hi'],
  'one-left': ['count'],
  disabled: ['count'],
  enabled: ['count'],
  'killed-idle': ['state'],
  'killed-scheduled': ['state', 'runs'],
  'entries-in-3-jiffies': ['at_least'],
  'work-start': ['id', 'run', 'delayed', 'pending', 'busy', 'nice', 'worker'],
  'work-end': ['id'],
  'self-queue': ['id', 'ret'],
  'self-queue-delayed': ['id', 'ret'],
  'queue-other': ['other', 'ret'],
  work_on_cpu: ['worker'],
  'each-cpu': ['worker'],
  ran: ['n', 'after_cancel_more_runs'],
  schedule_work: ['ret'],
  irq_work: ['id', 'busy', 'pending'],
  queue: ['ret'],
  'queue-again': ['ret'],
  'queue-lazy': ['ret'],
  requeue: ['ret'],
  end: ['jiffies'],
};

function altered(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.length > 1 ? Array.from<unknown>(value).reverse() : [[99, 0]];
  if (typeof value !== 'number') return `${String(value)}x`;
  // Only the upper bits of pc are compared in lines from inside a kernel function.
  return name === 'pc' ? value + 0x100 : value + 1;
}

type Line = Record<string, unknown> & { ev: string; a: Record<string, unknown> };

/** Copies of a scenario with one output changed or one event dropped; one of each kind. */
function* mutations(lines: readonly string[], seen: Set<string>): Generator<[kind: string, copy: string[]]> {
  const hasSeveralCpus = lines[1].includes('"cpus":2');
  /** j of the line before: busy code may be shown later in the recording, never earlier. */
  let before = 0;
  for (const [i, text] of lines.entries()) {
    // The files were replayed before, so their lines have these members.
    const line = JSON.parse(text) as Line;
    if (line.ev === 'script' || line.a['op'] === 'set_rearm' || line.a['op'] === 'set_return') continue;
    const changed: [string, Line | null][] = [];
    for (const name of LINE_OUTPUTS) {
      // The other CPU may be asked whatever it is doing.
      if (hasSeveralCpus && line['cpu'] === 1 && ['ctx', 'pc', 'task'].includes(name)) continue;
      changed.push([name, { ...line, [name]: altered(line[name], name) }]);
    }
    // How long processes need in user space is not recorded, nor what wall-clock time does.
    if (line.ev !== 'op' && !hasSeveralCpus && !lines[1].includes('"device"') && line['j'] === before) changed.push(['j', { ...line, j: before - 1 }]);
    before = Number(line['j']);
    for (const name of EVENT_OUTPUTS[line.ev] ?? []) {
      if (hasSeveralCpus && name === 'jiffies') continue;
      if (name in line.a) changed.push([`a.${name}`, { ...line, a: { ...line.a, [name]: altered(line.a[name], name) } }]);
    }
    if (line.ev in EVENT_OUTPUTS && !['op', 'list', 'letter'].includes(line.ev)) changed.push(['dropped', null]);
    for (const [name, copy] of changed) {
      const kind = `${line.ev} ${name}`;
      if (seen.has(kind)) continue;
      seen.add(kind);
      yield [kind, [...lines.slice(0, i), ...(copy === null ? [] : [JSON.stringify(copy)]), ...lines.slice(i + 1)]];
    }
  }
}

describe.each([
  ['time/timers', 35],
  ['time/hrtimers', 7],
  ['waitq/queue-entries', 30],
  ['waitq/tasks', 30],
  ['waitq/wait1-driver', 19],
  ['waitq/wait-calls', 1],
  ['irq/requests', 7],
  ['irq/flows', 459],
  ['irq/smp', 9],
  ['irq/softirq-tasklet', 39],
  ['irq/workqueue', 22],
])('%s', (name, count) => {
  const scenarios = scenariosOf(name);

  test('every line of every scenario is as recorded', () => {
    expect(scenarios.size).toBeGreaterThanOrEqual(count);
    for (const [sc, lines] of scenarios) {
      const { exact, total, difference } = replay(lines);
      expect([sc, exact, difference]).toEqual([sc, total, null]);
      expect(total).toBe(lines.length - 1);
    }
  });

  test('a change of any output, and any dropped event, is noticed', () => {
    const seen = new Set<string>();
    const missed: string[] = [];
    for (const lines of scenarios.values()) {
      for (const [kind, copy] of mutations(lines, seen)) {
        const { difference, unsupported } = replay(copy);
        if (difference === null && unsupported === null) missed.push(kind);
      }
    }
    expect(missed).toEqual([]);
    expect(seen.size).toBeGreaterThan(15);
  });
});

describe('lines of two CPUs', () => {
  const lines = scenariosOf('irq/smp').get('sync/level') ?? [];
  const at = (part: string): number => lines.findIndex((line) => line.includes(part) && !line.includes('"script"'));
  const moved = (from: number, to: number): string[] => lines.toSpliced(from, 1).toSpliced(to, 0, lines[from]);

  test('have no order where nobody waits', () => {
    const raised = at('"raised"');
    expect(replay(moved(raised, raised + 1)).difference).toBeNull();
  });

  test('a call that waits for a handler comes back after its end', () => {
    const back = lines.findIndex((line) => line.includes('"ret"') && line.includes('synchronize_irq'));
    expect(replay(moved(back, at('"handler-end"'))).difference).toMatchObject({ what: 'scenario sync/level: order' });
  });

  test('a flag that a handler sets is seen after the handler has begun', () => {
    expect(replay(moved(at('"op":"synchronize_irq"'), at('"handler"'))).difference).toMatchObject({ what: 'scenario sync/level: order' });
  });

  test('a kernel that does not wait is found out', () => {
    const hasty: Implementations = {
      ...IMPLEMENTATIONS,
      bootKernel: (request) => {
        const kernel = boot(request);
        kernel.irqs.synchronizeIrq = function* () {};
        return kernel;
      },
    };
    expect(replay(lines, hasty).difference).toMatchObject({ what: 'scenario sync/level: order', got: 'a callback that has not ended' });
  });
});

test('rows of constants are compared', () => {
  for (const [name, count] of [['irq/softirq-tasklet', 10], ['irq/workqueue', 1]] as const) {
    const rows = read(name).trim().split('\n').filter((line) => !line.includes('"ev"'));
    expect(rows).toHaveLength(count);
    expect(replay(rows)).toMatchObject({ exact: count, total: count, difference: null });
    for (const member of Object.keys(JSON.parse(rows[0]) as object).filter((key) => !['sc', 'nr'].includes(key))) {
      const changed = rows[0].replace(new RegExp(`"${member}":"?`), '$&1');
      expect([member, replay([changed]).difference]).not.toEqual([member, null]);
    }
  }
});

describe('time/wheel', () => {
  const lines = read('time/wheel').trim().split('\n');

  test('every timer lies in the recorded bucket and fires when the recorded one did', () => {
    const { exact, total, difference } = replay(lines);
    expect(difference).toBeNull();
    // The scripts of its ten scenarios are no outputs.
    expect([exact, total]).toEqual([lines.length - 10, lines.length - 10]);
  });

  test('a change of any output is noticed', () => {
    const of = (name: string): string[] => lines.filter((line) => line.includes(`{"sc":"${name}"`));
    const change = (name: string, from: RegExp, to: string): string[] => {
      const copy = of(name);
      const at = copy.findIndex((line) => from.test(line) && !line.includes('"script"'));
      copy[at] = copy[at].replace(from, to);
      return copy;
    };
    const changed = [
      change('wheel-index', /\[(\d+),(\d+)\]\]/, '[$1,9$2]]'),
      change('wheel-index-edge', /"idx":/, '"idx":9'),
      change('wheel-index-edge', /"expires":"/, '"expires":"9'),
      ...['[$1,9$2,$3,$4]]', '[$1,$2,9$3,$4]]', '[$1,$2,$3,9$4]]'].map((to) => change('fire-busy-a0', /\[(\d+),(\d+),(\d+),(\d+)\]\]/, to)),
      change('fire-idle-a0', /"callback_preempt_count":257/, '"callback_preempt_count":256'),
      ...['order', 'id', 'at'].map((name) => change('order-two-levels', new RegExp(`("fired".*)"${name}":`), `$1"${name}":9`)),
      change('order-mixed', /"idx":/, '"idx":9'),
      of('order-now').filter((line) => !line.includes('"order":6')),
    ];
    for (const copy of changed) expect([copy[0], replay(copy).difference]).not.toEqual([copy[0], null]);
  });
});

describe('time/sleeps', () => {
  const lines = read('time/sleeps').trim().split('\n');

  test('every call takes its time and returns what was recorded', () => {
    const { exact, total, difference } = replay(lines);
    expect(difference).toBeNull();
    expect([exact, total]).toEqual([lines.length, lines.length]);
  });

  test('a change of any output, and any dropped kick, is noticed', () => {
    const kick = lines.findIndex((line) => line.includes('"ev":"kick"'));
    // `ns` is compared within 100 us.
    const outputs = [...LINE_OUTPUTS.slice(1), 'ret', 'jiffies', 'state_after', 'signal_pending', 'fatal_pending', 'state'];
    for (const at of [kick, kick + 1]) {
      // The file was replayed before, so its lines have these members.
      const line = JSON.parse(lines[at]) as Line;
      for (const name of outputs) {
        if (!(name in line) && !(name in line.a)) continue;
        const a = name in line.a ? { ...line.a, [name]: altered(line.a[name], name) } : line.a;
        const changed = { ...line, ...(name in line && { [name]: altered(line[name], name) }), a };
        const copy = [lines[kick], lines[kick + 1]];
        copy[at - kick] = JSON.stringify(changed);
        expect([name, replay(copy).difference]).not.toEqual([name, null]);
      }
    }
    expect(replay([lines[kick + 1]]).difference).not.toBeNull();
    expect(replay([lines[kick], lines[kick + 1].replace(/"ns":\d+/, '"ns":1')]).difference).not.toBeNull();
  });

  test('functions that are not known are unsupported, by name', () => {
    const text = lines[0].replace(/"fn":"[^"]*"/, '"fn":"doze"');
    expect(replay([text]).unsupported).toBe('1 calls of doze, which is not known');
    expect(replay([text], IMPLEMENTATIONS).unsupported).toBe('there is no kernel to sleep on');
  });
});

test('a kernel that does something else is told at the first line that shows it', () => {
  const lines = scenariosOf('time/timers').get('self-rearm-1') ?? [];
  const late: Implementations = {
    ...IMPLEMENTATIONS,
    bootKernel: (request) => {
      const kernel = boot(request);
      const modTimer = kernel.timers.modTimer.bind(kernel.timers);
      kernel.timers.modTimer = (timer, expires) => modTimer(timer, expires + 1);
      return kernel;
    },
  };
  const { exact, difference } = replay(lines, late);
  expect(exact).toBe(1);
  expect(difference).toMatchObject({ line: 3, what: 'scenario self-rearm-1: op.a.expires', expected: '2', got: '3' });
});

test('steps that are not interpreted make a scenario unsupported, by name', () => {
  const begin = '{"sc":"s","ev":"begin","a":{"jiffies0":"4294896073"}}';
  const script = '{"sc":"s","ev":"script","a":{"steps":[{"do":"repeat","steps":[{"do":"fly"}]}]}}';
  expect(replay([begin, script]).unsupported).toBe('1 left out, step "repeat" is not interpreted yet: s');
  expect(replay([begin, script], IMPLEMENTATIONS).unsupported).toBe('there is no kernel to replay scenarios through');
});

test('a mistake in the file is an error with line and column', () => {
  expect(() => replay(['{"sc":"s","ev":"begin","a":{"jiffies0":5}}'])).toThrow('scenario:1:40: found 5, expected a string');
});
