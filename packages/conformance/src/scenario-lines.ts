/**
 * ScenarioLines: the recorded lines of a scenario, in the order in which they must be written.
 *
 * ```
 * rows[cpu]    lines of one CPU, in order; with one CPU all lines are in one row
 * at[cpu]      index of the next one
 * after[cpu]   line of the file behind which the next one must stand
 * written = at[0] + at[1] + ...
 * ```
 *
 * Lines of different CPUs have no order but the one that a replay demands with `mustFollow`.
 */
import type { CpuId } from '@kmem/contracts';
import type { Scenario, ScenarioLine } from './scenario-recording.js';

/** Recorded lines that are waited for. */
export class ScenarioLines {
  readonly #rows: readonly (readonly ScenarioLine[])[];
  readonly #at: number[];
  readonly #after: number[];
  #written = 0;

  /**
   * @param scenario - whose lines.
   * @param nrCpus - CPUs of the machine.
   */
  constructor({ lines }: Scenario, nrCpus: number) {
    const rowOf = ({ members }: ScenarioLine): number => (nrCpus === 1 ? 0 : Number(members['cpu']));
    // A line of a CPU that is not there is waited for in vain.
    const nrRows = Math.max(nrCpus, ...lines.map((line) => rowOf(line) + 1));
    this.#rows = nrRows === 1 ? [lines] : Array.from({ length: nrRows }, (_, cpu) => lines.filter((line) => rowOf(line) === cpu));
    this.#at = this.#rows.map(() => 0);
    this.#after = this.#rows.map(() => 0);
  }

  /** How many were written. */
  get written(): number {
    return this.#written;
  }

  /**
   * Reads the line that a CPU must write next.
   *
   * @param cpu - which one.
   * @returns the line; undefined after the last one.
   */
  next(cpu: CpuId): ScenarioLine | undefined {
    return this.#rows[cpu]?.[this.#at[cpu]];
  }

  /**
   * Reads the line that a CPU has written last.
   *
   * @param cpu - which one.
   * @returns its line in the file; 0 when there is none.
   */
  last(cpu: CpuId): number {
    return this.#rows[cpu]?.[this.#at[cpu] - 1]?.line ?? 0;
  }

  /**
   * Finds a line that nobody has written.
   *
   * @returns the first one in the file; undefined when all were.
   */
  firstLeft(): ScenarioLine | undefined {
    const left = this.#rows.flatMap((row, cpu) => row.slice(this.#at[cpu], this.#at[cpu] + 1));
    return left.sort((a, b) => a.line - b.line).at(0);
  }

  /**
   * Demands that the next line of a CPU stands behind another one.
   *
   * @param cpu - which one.
   * @param line - the other line.
   */
  mustFollow(cpu: CpuId, line: number): void {
    this.#after[cpu] = Math.max(this.#after[cpu], line);
  }

  /**
   * Goes on to the next line of a CPU.
   *
   * @param cpu - which one.
   * @returns the line of the file that the one just written should have stood behind; null when it does.
   */
  goOn(cpu: CpuId): number | null {
    const line = this.next(cpu)?.line ?? 0;
    this.#at[cpu]++;
    this.#written++;
    return line < this.#after[cpu] ? this.#after[cpu] : null;
  }
}
