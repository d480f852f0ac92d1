/** The command line: which commands there are, what they take, and which exit code a problem has. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { isRecordingError } from '@kmem/conformance';
import { profileNames } from '@kmem/hw';
import { version } from '../package.json';
import { runConform } from './commands/conform.js';
import { DEMOS, runDemos, runFragmentation, runOom, runPercpu, runReplay, runSlabStates, runVmallocMap, runWatermarks, runWhichSlab } from './commands/demo.js';
import { DEFAULT_FLAGS, MACHINES, runExplainAlloc } from './commands/explain-alloc.js';
import { DEFAULT_PROFILE, PROC_NAMES, runProc, type ProcName } from './commands/proc.js';
import { runWaste } from './commands/waste.js';
import { FRAGMENTATION } from './demos/fragmentation.js';
import { OOM } from './demos/oom.js';
import { PERCPU } from './demos/percpu.js';
import { SLAB_STATES } from './demos/slab-states.js';
import { WHICH_SLAB } from './demos/which-slab.js';
import { REPLAY } from './demos/replay.js';
import { VMALLOC_MAP } from './demos/vmalloc-map.js';
import { WATERMARKS } from './demos/watermarks.js';
import { BadInput, EXIT_BAD_INPUT, EXIT_INTERNAL, EXIT_OK } from './exit-code.js';
import { isColored, Terminal, type OutputStream } from './terminal.js';
import { oneLine } from './text.js';

/** What the program needs of the process it runs in. */
export interface Host {
  /** Standard output. */
  readonly stdout: OutputStream;
  /** Standard error. */
  readonly stderr: OutputStream;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The options that every command has. */
interface GlobalOptions {
  readonly json?: true;
  readonly seed: number;
  readonly color: boolean;
}

const DEFAULT_SEED = 1;

/**
 * Runs kmem.
 *
 * @param args - arguments, without the names of Node and of the program.
 * @param host - the process.
 * @returns the exit code.
 */
export async function run(args: readonly string[], host: Host): Promise<number> {
  let exitCode = EXIT_OK;
  const program = buildProgram(host, (code) => (exitCode = code));
  try {
    await program.parseAsync(args.length === 0 ? ['--help'] : args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has printed what it had to say; help and version come this way too.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_BAD_INPUT;
    const message = oneLine(error instanceof Error ? error.message : String(error));
    const isInput = error instanceof BadInput || isRecordingError(error);
    host.stderr.write(isInput ? `kmem: ${message}\n` : `kmem: internal error: ${message}\n`);
    return isInput ? EXIT_BAD_INPUT : EXIT_INTERNAL;
  }
}

function buildProgram(host: Host, setExitCode: (code: number) => void): Command {
  const program = new Command('kmem')
    .description("Linux's memory allocators in TypeScript, held against recordings of a real kernel.")
    .version(version, '--version', 'print the version')
    .option('--json', 'print one JSON document instead of text')
    .option('--seed <n>', 'seed of whatever is random', parseSeed, DEFAULT_SEED)
    .option('--no-color', 'no colours; so does the environment variable NO_COLOR')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      outputError: (text, write) => write(`kmem: ${oneLine(text.replace(/^error: /, ''))}\n`),
      getOutHasColors: () => isColored(true, host.env, host.stdout),
      getErrHasColors: () => false,
    })
    .exitOverride()
    .addHelpText('after', '\nExit code: 0 all well, 1 a difference or something unsupported, 2 bad input, 3 a defect of kmem.');

  const settings = (): { json: boolean; seed: number; terminal: Terminal } => {
    // The members are those that the options above define.
    const { json, seed, color } = program.opts<GlobalOptions>();
    return { json: json === true, seed, terminal: new Terminal(host.stdout, host.stderr, isColored(color, host.env, host.stdout)) };
  };

  program
    .command('conform')
    .summary('replay recordings and say how exact it was')
    .description('Replays recordings of a real kernel and compares every result, event and state.')
    .argument('<path...>', 'recordings, packed by gzip or not, and folders of them')
    .addHelpText('after', '\nThe last line is: TOTAL  exact M/N in R recordings, U unsupported')
    .action(async (paths: string[]) => {
      const { json, terminal } = settings();
      setExitCode(await runConform(paths, json, terminal));
    });

  program
    .command('proc')
    .summary('print a text of /proc')
    .description('Prints a text of /proc from the state of a machine at boot, or of a recorded one.')
    .addArgument(new Argument('<name>', 'which text').choices(PROC_NAMES))
    .addOption(new Option('--profile <name>', 'machine to boot').choices(profileNames).default(DEFAULT_PROFILE))
    .addOption(new Option('--state <file>', 'go on from the first state of a recording, or from a text of /proc/buddyinfo').conflicts('profile'))
    .action((name: ProcName, { profile, state }: { profile: string; state?: string }) => {
      const { json, terminal } = settings();
      runProc(name, state === undefined ? { profile } : { state }, json, terminal);
    });

  program
    .command('waste')
    .summary('what kmalloc takes for a size, and what is wasted')
    .description('Compares what is asked of kmalloc with what it takes, and says where a cache of its own would pay.')
    .argument('[size...]', 'sizes in bytes; without any, steps up to the largest', parseSizes)
    .option('--plot <file>', 'write a chart of the waste to an SVG file')
    .action((sizes: number[] | undefined, { plot }: { plot?: string }) => {
      const { json, terminal } = settings();
      runWaste(sizes ?? [], plot, json, terminal);
    });

  program
    .command('explain-alloc')
    .summary('which call fits a request for memory')
    .description('Asks alloc_pages, kmalloc, vmalloc and kvmalloc for memory on a machine just booted, and says what each takes, wastes and costs.')
    .argument('<size>', 'bytes', parseBytes)
    .option('--flags <names>', 'GFP flags, with | between', DEFAULT_FLAGS)
    .addOption(new Option('--profile <name>', 'machine to boot').choices(MACHINES).default(DEFAULT_PROFILE))
    .action((size: number, { flags, profile }: { flags: string; profile: string }) => {
      const { json, terminal } = settings();
      runExplainAlloc(size, flags, profile, json, terminal);
    });

  const demo = program
    .command('demo')
    .summary('run a demo; without a name, list them')
    .description('Runs a small lesson on the allocators. Without a name it lists them.')
    .argument('[name]', 'one of the commands below')
    .usage('[name] [options]')
    .action((name: string | undefined) => {
      const { json, terminal } = settings();
      if (name === undefined) runDemos(json, terminal);
      else throw new BadInput(`no demo "${name}", expected one of ${DEMOS.map((d) => d.name).join(', ')}`);
    });
  demo
    .command(FRAGMENTATION.name)
    .summary('external fragmentation, step by step')
    .description(`${FRAGMENTATION.title}. --seed decides who asks first in the last step.`)
    .action(() => {
      const { json, seed, terminal } = settings();
      runFragmentation(seed, json, terminal);
    });
  demo
    .command(PERCPU.name)
    .summary('how most requests get by without the free lists')
    .description(PERCPU.title)
    .action(() => {
      const { json, terminal } = settings();
      runPercpu(json, terminal);
    });
  demo
    .command(WATERMARKS.name)
    .summary('how low free memory may get, and for whom')
    .description(WATERMARKS.title)
    .action(() => {
      const { json, terminal } = settings();
      runWatermarks(json, terminal);
    });
  demo
    .command(OOM.name)
    .summary('what happens when memory has run out')
    .description(OOM.title)
    .action(() => {
      const { json, terminal } = settings();
      runOom(json, terminal);
    });
  demo
    .command(SLAB_STATES.name)
    .summary('full, partial and empty slabs as objects come and go')
    .description(SLAB_STATES.title)
    .action(() => {
      const { json, terminal } = settings();
      runSlabStates(json, terminal);
    });
  demo
    .command(WHICH_SLAB.name)
    .summary('the same work on SLUB, SLAB and SLOB')
    .description(`${WHICH_SLAB.title}. --seed decides the sizes of the requests.`)
    .action(() => {
      const { json, seed, terminal } = settings();
      runWhichSlab(seed, json, terminal);
    });
  demo
    .command(VMALLOC_MAP.name)
    .summary('what lies at the first addresses of vmalloc')
    .description(VMALLOC_MAP.title)
    .action(() => {
      const { json, terminal } = settings();
      runVmallocMap(json, terminal);
    });
  demo
    .command(REPLAY.name)
    .summary('a recording of a real kernel, replayed')
    .description(REPLAY.title)
    .argument('<recording>', 'a recording of the page allocator, packed by gzip or not')
    .action((path: string) => {
      const { json, terminal } = settings();
      setExitCode(runReplay(path, json, terminal));
    });

  program
    .command('demos')
    .description('list the demos')
    .action(() => {
      const { json, terminal } = settings();
      runDemos(json, terminal);
    });
  return program;
}

function parseSizes(text: string, earlier: readonly number[] = []): number[] {
  return [...earlier, parseBytes(text)];
}

function parseBytes(text: string): number {
  const size = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(size)) return size;
  throw new InvalidArgumentError('Expected a number of bytes.');
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && seed < 2 ** 32) return seed;
  throw new InvalidArgumentError(`Expected an integer from 0 to ${2 ** 32 - 1}.`);
}
