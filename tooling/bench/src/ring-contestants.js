// The byte rings under comparison, each over shared memory for one writer and one reader.
//   memory() -> what both sides are made of
//   writer(memory) -> (bytes) => how many were written       all of them; 0 or fewer when there is no room, or it waits
//   reader(memory) -> (into) => how many were read            0 or fewer when there are fewer, or it waits
import { ByteRingReader, ByteRingWriter, createByteRing } from "@kmem/waitq/host";
import { RingBuffer } from "ringbuf.js";

export const RING_BYTES = 2 ** 20;

const ours = {
  memory: () => createByteRing(RING_BYTES),
  writer: (memory) => {
    const ring = new ByteRingWriter(memory);
    return (bytes) => ring.write(bytes);
  },
  reader: (memory) => {
    const ring = new ByteRingReader(memory);
    return (into) => ring.read(into);
  },
};

const ringbuf = {
  memory: () => RingBuffer.getStorageForCapacity(RING_BYTES, Uint8Array),
  writer: (memory) => {
    const ring = new RingBuffer(memory, Uint8Array);
    return (bytes) => ring.push(bytes, bytes.length);
  },
  reader: (memory) => {
    const ring = new RingBuffer(memory, Uint8Array);
    return (into) => (ring.available_read() >= into.length ? ring.pop(into, into.length) : 0);
  },
};

// The limit: two positions, of which each side keeps a copy of the other's; it spins, and nothing is checked or closed.
const WRITTEN = 0;
const READ = 32;
const HEADER = 256;

const bare = {
  memory: () => new SharedArrayBuffer(HEADER + RING_BYTES),
  writer: (memory) => {
    const words = new Int32Array(memory, 0, HEADER / 4);
    const data = new Uint8Array(memory, HEADER);
    let written = 0;
    let read = 0;
    return (bytes) => {
      if (RING_BYTES - ((written - read) | 0) < bytes.length) {
        read = Atomics.load(words, READ);
        if (RING_BYTES - ((written - read) | 0) < bytes.length) return 0;
      }
      const at = written & (RING_BYTES - 1);
      const toEnd = RING_BYTES - at;
      if (bytes.length <= toEnd) data.set(bytes, at);
      else {
        data.set(bytes.subarray(0, toEnd), at);
        data.set(bytes.subarray(toEnd), 0);
      }
      written = (written + bytes.length) | 0;
      Atomics.store(words, WRITTEN, written);
      return bytes.length;
    };
  },
  reader: (memory) => {
    const words = new Int32Array(memory, 0, HEADER / 4);
    const data = new Uint8Array(memory, HEADER);
    let written = 0;
    let read = 0;
    return (into) => {
      if (((written - read) | 0) < into.length) {
        written = Atomics.load(words, WRITTEN);
        if (((written - read) | 0) < into.length) return 0;
      }
      const at = read & (RING_BYTES - 1);
      const toEnd = RING_BYTES - at;
      if (into.length <= toEnd) into.set(data.subarray(at, at + into.length));
      else {
        into.set(data.subarray(at));
        into.set(data.subarray(0, into.length - toEnd), toEnd);
      }
      read = (read + into.length) | 0;
      Atomics.store(words, READ, read);
      return into.length;
    };
  },
};

export const rings = { "@kmem/waitq ring": ours, "ringbuf.js": ringbuf, "bare ring": bare };
export const PORT = "MessagePort";
