/** The one scenario that every recorded cache went through: its phases and check points, in order. */

const MILESTONES = [
  ...['phase fill', 'check point after fill', 'phase random', 'check point after random'],
  ...['phase bulk', 'check point after bulk', 'phase lifo', 'check point after lifo'],
  ...['phase grow', 'phase thin', 'check point after thin', 'phase regrow', 'check point before shrink'],
  ...['phase shrink', 'shrink', 'check point after shrink', 'phase post-shrink', 'check point before empty'],
  ...['phase empty', 'check point empty', 'phase shrink2', 'shrink', 'check point end'],
  ...['phase refill', 'check point before destroy', 'destroy'],
];

/**
 * Says what comes next besides operations and periodic check points.
 *
 * @param passed - how many marks, check points, shrinks and destroys were there before.
 * @returns it in words; null at the end.
 */
export function nextMilestone(passed: number): string | null {
  return MILESTONES[passed] ?? null;
}
