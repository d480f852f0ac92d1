/** The one check of a number of bytes asked for. */
import { KernelBug } from '@kmem/contracts';

/**
 * Requires a number of bytes.
 *
 * @param bytes - what was asked for.
 * @throws KernelBug `BAD_SIZE` for what is no integer from 0 to 2^53 - 1.
 */
export function requireBytes(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return;
  throw new KernelBug('BAD_SIZE', `${bytes} bytes were asked for: expected an integer from 0 to 2^53 - 1`, { bytes });
}
