/** A chip that does nothing but tell somebody of its calls, who says what they answer. */
import type { IrqChip, ScriptedChipOptions } from '@kmem/contracts';

/**
 * Makes a chip of the callbacks that are asked for.
 *
 * @param options - which, and whom they tell.
 * @returns the chip; callbacks that are not asked for are absent.
 */
export function createScriptedChip({ name, flags = 0, callbacks, onCall }: ScriptedChipOptions): IrqChip {
  const made = callbacks.map((callback) => [callback, (irq: number, value = 0, force = 0) => onCall(callback, irq, value, force)]);
  // Every callback takes the line and at most two numbers, and returns a number or nothing.
  return { name, flags, ...(Object.fromEntries(made) as Partial<IrqChip>) };
}
