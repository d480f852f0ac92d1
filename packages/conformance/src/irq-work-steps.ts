/** Steps about irq_work. */
import type { Atomic, IrqWorkId } from '@kmem/contracts';
import { IRQ_WORK_BUSY, IRQ_WORK_LAZY, IRQ_WORK_PENDING } from '@kmem/contracts';
import type { ScenarioRun, Step } from './scenario-run.js';
import { logAround, numberOf, Program, resourcesOf, type StepFamily } from './step-kinds.js';

/** What these steps are called, and the resource they are about. */
export const IRQ_WORK_FAMILY = { resources: ['irq_works'], steps: ['irq_work_queue', 'irq_work_sync'] };

/** An item of the script. */
interface ScriptIrqWork {
  readonly id: unknown;
  readonly log: unknown;
  work: IrqWorkId;
  program: Program;
}

/**
 * Makes the irq_work items of a script, and their steps.
 *
 * @param run - the scenario.
 * @param runAtomic - does the steps of a program.
 * @returns the steps.
 */
export function irqWorkSteps(run: ScenarioRun, runAtomic: (steps: readonly Step[]) => Atomic<unknown>): StepFamily {
  const { irqWorks } = run.kernel;
  const known = new Map<unknown, ScriptIrqWork>();
  let running: ScriptIrqWork | null = null;

  for (const resource of resourcesOf(run.scenario.script, 'irq_works')) {
    const own: ScriptIrqWork = { id: resource['irq_work'], log: resource['log'], work: make(() => own), program: new Program(resource['prog']) };
    known.set(own.id, own);
  }

  function make(own: () => ScriptIrqWork, flags = 0): IrqWorkId {
    return irqWorks.create(() => callback(own()), flags);
  }

  function* callback(own: ScriptIrqWork): Atomic<void> {
    const flags = irqWorks.flags(own.work);
    const has = (bit: number): number => ((flags & bit) === 0 ? 0 : 1);
    run.write(String(own.log), { id: own.id, busy: has(IRQ_WORK_BUSY), pending: has(IRQ_WORK_PENDING) });
    running = own;
    yield* runAtomic(own.program.next());
    running = null;
  }

  function find(step: Step): ScriptIrqWork {
    const own = step['irq_work'] === 'self' ? running : known.get(step['irq_work']);
    if (own === null || own === undefined) throw new TypeError(`step ${step.do}: no irq_work ${String(step['irq_work'])}`);
    return own;
  }

  return {
    sleepable: {},
    atomic: {
      *irq_work_queue(step) {
        const own = find(step);
        yield* run.catchUp();
        const ret = Number(irqWorks.irqWorkQueue(own.work));
        const named = step['irq_work'] !== 'self' && (irqWorks.flags(own.work) & IRQ_WORK_LAZY) === 0;
        logAround(run, step, 1, named ? { id: own.id, ret } : { ret });
        return ret;
      },
      *irq_work_sync(step) {
        yield* run.catchUp();
        yield* irqWorks.irqWorkSync(find(step).work);
      },
      // eslint-disable-next-line require-yield -- steps are generators
      *'set:irq_work'(step) {
        // One program, whose invocations are counted together.
        const program = new Program(step['prog']);
        for (const own of step['irq_work'] === '*' ? known.values() : [find(step)]) {
          if ('prog' in step) own.program = program;
          if ('lazy' in step) own.work = make(() => own, numberOf(step, 'lazy') === 0 ? 0 : IRQ_WORK_LAZY);
        }
      },
    },
  };
}
