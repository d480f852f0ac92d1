/** What every demo has in common. */

/** A demo, for the list of demos. */
export interface Demo {
  /** Name on the command line. */
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  /** The part of the kernel it shows. */
  readonly subsystem: string;
  /** Where the lesson comes from. */
  readonly source: string;
}
