import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { BIN, emptyFolder, FALLBACK, kmem, lines, shell } from './kmem.js';

const HELPS = [
  [],
  ['--help'],
  ['conform', '--help'],
  ['proc', '--help'],
  ['demo', '--help'],
  ['demo', 'fragmentation', '--help'],
  ['demo', 'replay', '--help'],
  ['demos', '--help'],
  ['explain-alloc', '--help'],
];

test.each(HELPS)('help has fewer than 40 lines: kmem %s %s %s', (...args) => {
  const { code, out, err } = kmem(args);
  expect(code).toBe(0);
  expect(err).toBe('');
  expect(out).toContain('Usage: kmem');
  expect(out).toContain('--json');
  expect(lines(out).length).toBeLessThan(40);
});

test('--version prints the version of the package', () => {
  const { code, out } = kmem(['--version']);
  expect(code).toBe(0);
  expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [['conforn'], "kmem: unknown command 'conforn' (Did you mean conform?)"],
  [['conform', '--jsn', 'x'], "kmem: unknown option '--jsn' (Did you mean --json?)"],
  [['conform'], "kmem: missing required argument 'path'"],
  [['--seed', 'x', 'demos'], "kmem: option '--seed <n>' argument 'x' is invalid. Expected an integer from 0 to 4294967295."],
  [['--seed', '4294967296', 'demos'], 'kmem: option'],
  [['proc', 'slabs'], "kmem: command-argument value 'slabs' is invalid for argument 'name'. Allowed choices are buddyinfo, pagetypeinfo, unusable_index, extfrag_index, zoneinfo, vmstat, meminfo, lists, slabinfo, vmallocinfo, iomem, interrupts, softirqs."],
  [['proc', 'buddyinfo', '--profile', 'pc'], 'Allowed choices are pc-160m,'],
  [['proc', 'buddyinfo', '--profile', 'pc-4g', '--state', 'x'], 'cannot be used with'],
  [['demo', 'slabs'], 'kmem: no demo "slabs", expected one of fragmentation, percpu, watermarks, oom, slab-states, which-slab, vmalloc-map, replay'],
  [['demo', 'replay'], "kmem: missing required argument 'recording'"],
  [['demo', 'replay', '/no/such/file'], 'kmem: /no/such/file: no such file or folder'],
])('wrong arguments are one line on standard error and exit code 2: %j', (args, message) => {
  const { code, out, err } = kmem(args);
  expect(code).toBe(2);
  expect(out).toBe('');
  expect(lines(err)).toHaveLength(1);
  expect(err).toContain(message);
});

test('without a build the entry says what to do, with exit code 3', () => {
  const folder = emptyFolder();
  mkdirSync(join(folder, 'bin'));
  const copy = join(folder, 'bin', 'kmem.mjs');
  copyFileSync(BIN, copy);
  const { status, stdout, stderr } = spawnSync(process.execPath, [copy], { encoding: 'utf8' });
  expect(status).toBe(3);
  expect(stdout).toBe('');
  expect(stderr).toContain('not built');
});

test.each(['demo fragmentation', `demo replay ${FALLBACK}`, `conform ${FALLBACK} ${dirname(FALLBACK)}`, '--help'])(
  'a reader that leaves early is no error: kmem %s | head -c 1',
  (args) => {
    expect(shell(`$KMEM ${args} | head -c 1`).err).not.toMatch(/EPIPE|[Ee]rror/);
  },
);

test('a reader that has left at once ends the program quietly', () => {
  expect(shell('set -o pipefail; { sleep 0.3; $KMEM demo fragmentation; } | true')).toEqual({ code: 0, out: '', err: '' });
});

test('output that cannot be written is an error', () => {
  const { code, err } = shell('$KMEM demos > /dev/full');
  expect(code).toBe(2);
  expect(err).toMatch(/^kmem: the output cannot be written: .*no space left on device/);
});

test.each([[['--no-color', 'demos'], {}], [['demos'], { NO_COLOR: '1' }], [['demos'], {}]])(
  'nothing is coloured in a pipe: %j %j',
  (args, env) => {
    expect(kmem(args, env).out).not.toContain('\u001b');
  },
);

test('in a terminal results are coloured, unless refused', () => {
  const inTerminal = (args: string, env = ''): string =>
    shell(`env -u NO_COLOR -u CI TERM=xterm ${env} script -qec "$KMEM ${args}" /dev/null`).out;
  expect(inTerminal('demos')).toContain('\u001b[1m');
  expect(inTerminal('demos --no-color')).not.toContain('\u001b');
  expect(inTerminal('demos', 'NO_COLOR=1')).not.toContain('\u001b');
});
