/** Progress: says on standard error what is going on, once it takes longer than a second. */
import type { Terminal } from './terminal.js';

const FIRST_MS = 1000;
const SEEN_EVERY_MS = 100;
const LOGGED_EVERY_MS = 5000;

/** Progress of one command. A person sees one line that changes, a log gets a line every few seconds. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  #next: number;
  #width = 0;

  /**
   * @param terminal - whose standard error to use.
   * @param now - a clock in milliseconds.
   */
  constructor(terminal: Terminal, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
    this.#next = now() + FIRST_MS;
  }

  /** Says what is being done, if it is time. */
  update(what: string): void {
    const now = this.#now();
    if (now < this.#next) return;
    if (this.#terminal.isProgressSeen) {
      this.#terminal.noteExactly(`\r${what.padEnd(this.#width)}`);
      this.#width = what.length;
      this.#next = now + SEEN_EVERY_MS;
    } else {
      this.#terminal.note(`kmem: ${what}`);
      this.#next = now + LOGGED_EVERY_MS;
    }
  }

  /** Takes the line away, before anything else is printed. */
  clear(): void {
    if (this.#width === 0) return;
    this.#terminal.noteExactly(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }
}
