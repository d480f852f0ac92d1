/** What the calls of the reclaiming side require of their arguments. What is refused changes nothing. */
import { KernelBug, type KernelBugCode, type ReclaimTarget } from '@kmem/contracts';

/**
 * Refuses what is no order.
 *
 * @param target - the allocator.
 * @param order - the argument.
 * @throws KernelBug `BAD_ORDER`.
 */
export function requireOrder(target: ReclaimTarget, order: number): void {
  require('BAD_ORDER', 'order', order, target.maxOrder);
}

/**
 * Refuses what is no node.
 *
 * @param nrNodes - how many there are.
 * @param node - the argument.
 * @throws KernelBug `BAD_NODE`.
 */
export function requireNode(nrNodes: number, node: number): void {
  require('BAD_NODE', 'node', node, nrNodes);
}

/**
 * Refuses what is no zone.
 *
 * @param nrZones - how many there are, in a node or in all.
 * @param name - name of the argument.
 * @param zone - the argument.
 * @throws KernelBug `BAD_ZONE`.
 */
export function requireZone(nrZones: number, name: string, zone: number): void {
  require('BAD_ZONE', name, zone, nrZones);
}

function require(code: KernelBugCode, argument: string, found: number, end: number): void {
  if (found >>> 0 === found && found < end) return;
  throw new KernelBug(code, `${argument} is ${String(found)}, expected an integer from 0 to ${String(end - 1)}`, { argument, found });
}
