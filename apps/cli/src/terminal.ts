/**
 * Terminal: where a command's output goes.
 *
 * Results go to standard output, everything else - errors, progress - to standard error, so that a pipe gets
 * nothing but results. Colours are decided once, here.
 */
import pc from 'picocolors';

/** Functions that colour a text, or return it as it is. */
export type Colors = ReturnType<typeof pc.createColors>;

/** What Terminal needs of a stream of the process. */
export interface OutputStream {
  /** True when a person is watching. */
  readonly isTTY?: boolean | undefined;
  /** Takes a piece of text. */
  write(text: string): unknown;
}

/** The two streams of a command. */
export class Terminal {
  /** Colours of standard output. */
  readonly colors: Colors;
  readonly #out: OutputStream;
  readonly #err: OutputStream;

  /**
   * @param out - standard output.
   * @param err - standard error.
   * @param colored - whether results are coloured.
   */
  constructor(out: OutputStream, err: OutputStream, colored: boolean) {
    this.#out = out;
    this.#err = err;
    this.colors = pc.createColors(colored);
  }

  /** True when progress on standard error is seen by a person. */
  get isProgressSeen(): boolean {
    return this.#err.isTTY === true;
  }

  /** Prints lines of the result. */
  print(...lines: readonly string[]): void {
    this.#out.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** Prints a text of the result as it is: what must be equal to the byte. */
  printExactly(text: string): void {
    this.#out.write(text);
  }

  /** Prints the result as one JSON document. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2));
  }

  /** Prints a line that is not part of the result. */
  note(line: string): void {
    this.#err.write(`${line}\n`);
  }

  /** Writes to standard error as it is: progress that overwrites itself. */
  noteExactly(text: string): void {
    this.#err.write(text);
  }
}

/**
 * Decides about colours.
 *
 * @param wanted - false with `--no-color`.
 * @param environment - NO_COLOR, when not empty, and TERM=dumb turn colours off.
 * @param stream - colours are for people: none where the stream is a file or a pipe.
 * @returns true for colours.
 */
export function isColored(
  wanted: boolean,
  environment: Readonly<Record<string, string | undefined>>,
  stream: OutputStream,
): boolean {
  const refused = (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb';
  return wanted && !refused && stream.isTTY === true;
}
