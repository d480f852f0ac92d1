/** The list of machines that come with the package, by name. */
import type { MachineProfile } from './machine-profile.js';
import { shown } from './option-checks.js';
import { PC_4G, RASPBERRY_PI, SERVER_64G } from './profiles/modelled.js';
import { I386_1200M, PC_160M, PC_3600M, PC_512M } from './profiles/recorded.js';
import { identityProfile, TEACHING_16M, X86_64_LINEAR } from './profiles/synthetic.js';

const PROFILES: readonly MachineProfile[] = [
  PC_160M,
  PC_512M,
  PC_3600M,
  I386_1200M,
  PC_4G,
  SERVER_64G,
  TEACHING_16M,
  RASPBERRY_PI,
  X86_64_LINEAR,
  identityProfile(),
].map(frozen);

/** Names that {@link getProfile} knows. */
export const profileNames: readonly string[] = Object.freeze(PROFILES.map((p) => p.name));

/**
 * Looks a machine up.
 *
 * @param name - one of {@link profileNames}. `identity` has 64 MiB; for another size call `identityProfile`.
 * @returns the profile, frozen. Spread it to make a variant: `{ ...getProfile('pc-512m'), reserved: [] }`.
 * @throws RangeError naming the known names when there is no such profile.
 * @example
 * ```ts
 * import { getProfile } from '@kmem/hw';
 * getProfile('pc-3600m').title; // -> 'PC with 3600 MiB (recorded)'
 * ```
 */
export function getProfile(name: string): MachineProfile {
  const found = PROFILES.find((p) => p.name === name);
  if (found === undefined) throw new RangeError(`profile: expected one of ${profileNames.join(', ')}, got ${shown(name)}`);
  return found;
}

/** Freezes a profile through and through: it is shared by every machine made from it. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}
