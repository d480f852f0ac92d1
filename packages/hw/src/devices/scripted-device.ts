/** A device that does what a script says: registers, a wire to an interrupt controller, and what happens at which time. */
import type { CpuId } from '@kmem/contracts';
import type { Engine } from '../execution/engine.js';
import type { InterruptController } from './interrupt-controller.js';

/** Something that a device does by itself. */
export interface DeviceEvent {
  /** When, in ns of the CPU `cpu`. */
  readonly at: number;
  /** Whose time counts. @default 0 */
  readonly cpu?: CpuId;
  /** Registers that get another value before, as `[register, value]`. @default none */
  readonly set?: readonly (readonly [register: number, value: number])[];
  /** What becomes of its wire. @default nothing */
  readonly wire?: 'assert' | 'deassert' | 'pulse';
}

/** Options of {@link ScriptedDevice}. */
export interface ScriptedDeviceOptions extends Pick<Engine, 'at'> {
  /** Where its wire goes. */
  readonly controller: Pick<InterruptController, 'assertLine' | 'deassertLine' | 'pulseLine'>;
  /** Which line of the controller that is. */
  readonly line: number;
  /** 32-bit registers, all 0 at first. @default 1 */
  readonly nrRegisters?: number;
  /** What a write of the driver does, once the register has the value. @default nothing else */
  readonly onWrite?: (device: ScriptedDevice, register: number, value: number) => void;
  /** What a read of the driver does, before the register's value is taken. @default nothing else */
  readonly onRead?: (device: ScriptedDevice, register: number) => void;
  /** What it does by itself. @default nothing */
  readonly script?: readonly DeviceEvent[];
}

/** A device. */
export class ScriptedDevice {
  /** Its registers, as the device itself sees them. */
  readonly registers: Uint32Array;
  readonly #options: ScriptedDeviceOptions;

  /**
   * @param options - what it is made of.
   */
  constructor(options: ScriptedDeviceOptions) {
    this.#options = options;
    this.registers = new Uint32Array(options.nrRegisters ?? 1);
    this.play(options.script ?? []);
  }

  /**
   * Adds to what it does by itself.
   *
   * @param script - the events; those whose time has passed happen at once.
   */
  play(script: readonly DeviceEvent[]): void {
    for (const event of script) this.#options.at(event.cpu ?? 0, event.at, () => this.#happen(event));
  }

  #happen({ set = [], wire }: DeviceEvent): void {
    for (const [register, value] of set) this.registers[register] = value;
    if (wire === 'assert') this.assert();
    else if (wire === 'deassert') this.deassert();
    else if (wire === 'pulse') this.pulse();
  }

  /** Pulls its wire up and leaves it so. */
  assert(): void {
    this.#options.controller.assertLine(this.#options.line);
  }

  /** Lets its wire down. */
  deassert(): void {
    this.#options.controller.deassertLine(this.#options.line);
  }

  /** Pulls its wire up and lets it down at once. */
  pulse(): void {
    this.#options.controller.pulseLine(this.#options.line);
  }

  /**
   * Reads a register, as a driver does.
   *
   * @param register - from 0.
   * @returns its 32 bits.
   */
  read(register: number): number {
    this.#options.onRead?.(this, register);
    return this.registers[register];
  }

  /**
   * Writes a register, as a driver does.
   *
   * @param register - from 0.
   * @param value - 32 bits.
   */
  write(register: number, value: number): void {
    this.registers[register] = value;
    this.#options.onWrite?.(this, register, value);
  }
}
