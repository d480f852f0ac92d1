/**
 * EventQueue: what will happen on one CPU, in order of time.
 *
 * A binary heap of slots over typed arrays: adding, removing and firing allocate nothing once the arrays have grown to
 * what the machine needs.
 *
 * ```
 * heap[0 .. length - 1]       slots, no parent after its children
 * at[heap[i]] = i             for every slot in the heap; at[slot] = -1 for a free one
 * free = slot -> next[slot]   the free slots
 * order of two slots          time, then class, then sequence: who was added first
 * times[first] = time[heap[0]] in an array that all CPUs share: it is read before every step of the machine
 * ```
 *
 * (time spec 12.1)
 */

/** Class of events that devices bring about. */
export const DEVICE_EVENT = 0;
/** Class of events of the clock-event devices. */
export const TIMER_EVENT = 1;
/** Class of events by which the machine goes on. */
export const ENGINE_EVENT = 2;

const FIRST_CAPACITY = 16;

/** Is called when an event is due; `argument` is what was added with it. */
export type EventHandler = (argument: number) => void;

/** Events of one CPU. */
export class EventQueue {
  #capacity = FIRST_CAPACITY;
  #heap = new Int32Array(FIRST_CAPACITY);
  #at = new Int32Array(FIRST_CAPACITY).fill(-1);
  #next = new Int32Array(FIRST_CAPACITY);
  #time = new Float64Array(FIRST_CAPACITY);
  #class = new Uint8Array(FIRST_CAPACITY);
  #sequence = new Float64Array(FIRST_CAPACITY);
  #argument = new Float64Array(FIRST_CAPACITY);
  readonly #handler: EventHandler[] = [];
  readonly #times: Float64Array;
  readonly #first: number;
  #length = 0;
  #free = -1;
  #added = 0;

  /**
   * @param times - where the time of the first event is kept.
   * @param first - at which index; Infinity stands there when there is none.
   */
  constructor(times: Float64Array, first: number) {
    this.#times = times;
    this.#first = first;
    this.#noteFirst();
    this.#link(0);
  }

  /**
   * Adds an event.
   *
   * @param time - when, in ns.
   * @param eventClass - who comes first among events of one time.
   * @param handler - called when it is due. One function for many events, told apart by the argument, costs nothing.
   * @param argument - passed on.
   * @returns the slot, for `remove` until the event fires.
   */
  add(time: number, eventClass: number, handler: EventHandler, argument: number): number {
    if (this.#free === -1) this.#grow();
    const slot = this.#free;
    this.#free = this.#next[slot];
    this.#time[slot] = time;
    this.#class[slot] = eventClass;
    this.#sequence[slot] = this.#added++;
    this.#argument[slot] = argument;
    this.#handler[slot] = handler;
    this.#rise(this.#length++, slot);
    this.#noteFirst();
    return slot;
  }

  /**
   * Takes an event away.
   *
   * @param slot - what `add` returned, of an event that has not fired.
   */
  remove(slot: number): void {
    const hole = this.#at[slot];
    if (hole === -1) return;
    this.#at[slot] = -1;
    this.#next[slot] = this.#free;
    this.#free = slot;
    const last = this.#heap[--this.#length];
    if (last !== slot) {
      const parent = (hole - 1) >> 1;
      if (hole > 0 && this.#isBefore(last, this.#heap[parent])) this.#rise(hole, last);
      else this.#sink(hole, last);
    }
    this.#noteFirst();
  }

  /**
   * Fires the events that are due, in order, also those that are added meanwhile.
   *
   * @param time - the present, in ns.
   */
  fireDue(time: number): void {
    while (this.#length > 0) {
      const slot = this.#heap[0];
      if (this.#time[slot] > time) return;
      const handler = this.#handler[slot];
      const argument = this.#argument[slot];
      this.remove(slot);
      handler(argument);
    }
  }

  #noteFirst(): void {
    this.#times[this.#first] = this.#length === 0 ? Infinity : this.#time[this.#heap[0]];
  }

  #isBefore(a: number, b: number): boolean {
    if (this.#time[a] !== this.#time[b]) return this.#time[a] < this.#time[b];
    if (this.#class[a] !== this.#class[b]) return this.#class[a] < this.#class[b];
    return this.#sequence[a] < this.#sequence[b];
  }

  #rise(from: number, slot: number): void {
    const heap = this.#heap;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(slot, heap[parent])) break;
      heap[i] = heap[parent];
      this.#at[heap[i]] = i;
      i = parent;
    }
    heap[i] = slot;
    this.#at[slot] = i;
  }

  #sink(from: number, slot: number): void {
    const heap = this.#heap;
    let i = from;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && this.#isBefore(heap[child + 1], heap[child])) child++;
      if (!this.#isBefore(heap[child], slot)) break;
      heap[i] = heap[child];
      this.#at[heap[i]] = i;
      i = child;
    }
    heap[i] = slot;
    this.#at[slot] = i;
  }

  /** Puts the slots from `first` on the free list, lowest first. */
  #link(first: number): void {
    for (let slot = this.#capacity - 1; slot >= first; slot--) {
      this.#next[slot] = this.#free;
      this.#free = slot;
    }
  }

  #grow(): void {
    const first = this.#capacity;
    this.#capacity *= 2;
    this.#heap = grown(this.#heap, new Int32Array(this.#capacity));
    this.#at = grown(this.#at, new Int32Array(this.#capacity).fill(-1));
    this.#next = grown(this.#next, new Int32Array(this.#capacity));
    this.#time = grown(this.#time, new Float64Array(this.#capacity));
    this.#class = grown(this.#class, new Uint8Array(this.#capacity));
    this.#sequence = grown(this.#sequence, new Float64Array(this.#capacity));
    this.#argument = grown(this.#argument, new Float64Array(this.#capacity));
    this.#link(first);
  }
}

function grown<A extends Int32Array | Float64Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
