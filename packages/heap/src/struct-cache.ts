/**
 * Structures: fields at fixed offsets, laid out as a C compiler would, read and written through records that are moved
 * from structure to structure and so make no garbage.
 *
 * ```
 *   { id: 'u32', x: 'f64', flag: 'u8' }     offset  0    4     8       16    17   24
 *                                                   | id | pad |   x   | flag | pad |
 * ```
 */
import type { HeapAllocator } from './heap-allocator.js';
import type { HeapMemory } from './heap-memory.js';

/** Types of fields; `i64` and `u64` are bigints. */
export type FieldType = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'f32' | 'f64' | 'i64' | 'u64';

/** Fields of a structure: types by name, in the order in which they lie. */
export type StructFields = Readonly<Record<string, FieldType>>;

/** A structure in the heap, seen through its fields. */
export type StructRecord<F extends StructFields> = {
  /** Address of the structure that is looked at; set it to look at another one. */
  addr: number;
} & { [K in keyof F]: F[K] extends 'i64' | 'u64' ? bigint : number };

/** A cache of structures of one kind. */
export interface StructCache<F extends StructFields> {
  /** Bytes of a structure. */
  readonly sizeBytes: number;
  /** Offset of each field in bytes. */
  readonly offsets: { readonly [K in keyof F]: number };
  /**
   * Takes a structure. Its fields are as the last user of the memory left them.
   *
   * @returns its address; 0 when there is no room.
   * @context any.
   */
  alloc: () => number;
  /**
   * Gives a structure back.
   *
   * @param addr - of the structure.
   * @throws KernelBug as `free` of the heap.
   * @context any.
   */
  free: (addr: number) => void;
  /**
   * Makes a record; one is enough for any number of structures.
   *
   * @param addr - of the structure to look at first.
   * @returns the record.
   * @context any.
   */
  record: (addr?: number) => StructRecord<F>;
}

interface Placed {
  addr: number;
}

/** How a field is read and written, by type: each its own code, so that it stays fast whatever the others do. */
const FIELDS: Readonly<Record<FieldType, (memory: HeapMemory, offset: number) => ThisType<Placed> & PropertyDescriptor>> = {
  i8: (m, o) => ({ get(this: Placed) { return m.views.i8[this.addr + o]; }, set(this: Placed, value: number) { m.views.i8[this.addr + o] = value; } }),
  u8: (m, o) => ({ get(this: Placed) { return m.views.u8[this.addr + o]; }, set(this: Placed, value: number) { m.views.u8[this.addr + o] = value; } }),
  i16: (m, o) => ({ get(this: Placed) { return m.views.i16[(this.addr + o) >>> 1]; }, set(this: Placed, value: number) { m.views.i16[(this.addr + o) >>> 1] = value; } }),
  u16: (m, o) => ({ get(this: Placed) { return m.views.u16[(this.addr + o) >>> 1]; }, set(this: Placed, value: number) { m.views.u16[(this.addr + o) >>> 1] = value; } }),
  i32: (m, o) => ({ get(this: Placed) { return m.views.i32[(this.addr + o) >>> 2]; }, set(this: Placed, value: number) { m.views.i32[(this.addr + o) >>> 2] = value; } }),
  u32: (m, o) => ({ get(this: Placed) { return m.views.u32[(this.addr + o) >>> 2]; }, set(this: Placed, value: number) { m.views.u32[(this.addr + o) >>> 2] = value; } }),
  f32: (m, o) => ({ get(this: Placed) { return m.views.f32[(this.addr + o) >>> 2]; }, set(this: Placed, value: number) { m.views.f32[(this.addr + o) >>> 2] = value; } }),
  f64: (m, o) => ({ get(this: Placed) { return m.views.f64[(this.addr + o) >>> 3]; }, set(this: Placed, value: number) { m.views.f64[(this.addr + o) >>> 3] = value; } }),
  i64: (m, o) => ({ get(this: Placed) { return m.views.i64[(this.addr + o) >>> 3]; }, set(this: Placed, value: bigint) { m.views.i64[(this.addr + o) >>> 3] = value; } }),
  u64: (m, o) => ({ get(this: Placed) { return m.views.u64[(this.addr + o) >>> 3]; }, set(this: Placed, value: bigint) { m.views.u64[(this.addr + o) >>> 3] = value; } }),
};

/**
 * Makes a cache of structures.
 *
 * @param memory - of the heap.
 * @param allocator - of the heap.
 * @param fields - types by name.
 * @returns the cache.
 * @throws TypeError for an unknown type or a field named `addr`; RangeError without fields.
 */
export function createStructCache<F extends StructFields>(memory: HeapMemory, allocator: HeapAllocator, fields: F): StructCache<F> {
  const { offsets, sizeBytes } = layOut(fields);
  /** Its properties are what the fields are. */
  class Record implements Placed {
    addr: number;
    constructor(addr: number) {
      this.addr = addr;
    }
  }
  for (const [name, type] of Object.entries(fields)) Object.defineProperty(Record.prototype, name, FIELDS[type](memory, offsets[name]));
  return {
    sizeBytes,
    // Keys and values were made from the fields just now.
    offsets: offsets as { readonly [K in keyof F]: number },
    alloc: allocator.fixedSize(sizeBytes),
    free: allocator.free,
    // The properties were defined just now.
    record: (addr = 0) => new Record(addr) as unknown as StructRecord<F>,
  };
}

function layOut(fields: StructFields): { offsets: Readonly<Record<string, number>>; sizeBytes: number } {
  const offsets: Record<string, number> = {};
  let end = 0;
  let align = 1;
  for (const [name, type] of Object.entries(fields)) {
    if (!Object.hasOwn(FIELDS, type)) throw new TypeError(`fields.${name}: expected one of ${Object.keys(FIELDS).join(', ')}, got ${type}`);
    if (name === 'addr') throw new TypeError('fields.addr: a record has the address of its structure under this name');
    const bytes = Number(type.slice(1)) / 8;
    offsets[name] = Math.ceil(end / bytes) * bytes;
    end = offsets[name] + bytes;
    align = Math.max(align, bytes);
  }
  if (end === 0) throw new RangeError('fields: expected at least one');
  return { offsets, sizeBytes: Math.ceil(end / align) * align };
}
