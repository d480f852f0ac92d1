/** How kmem ends, as scripts see it. */

/** Everything was done, and every comparison was exact. */
export const EXIT_OK = 0;
/** Something differs from the recorded kernel, or could not be compared. */
export const EXIT_DIFFERENCE = 1;
/** Wrong arguments, or a file that is not what it should be. */
export const EXIT_BAD_INPUT = 2;
/** A defect of kmem itself. */
export const EXIT_INTERNAL = 3;

/** What the user gave cannot be used. The message is one line that names what was found and what was expected. */
export class BadInput extends Error {
  override readonly name = 'BadInput';
}
