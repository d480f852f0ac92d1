import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EAGAIN, EIO, EPIPE, ETIME } from '@kmem/contracts';
import { ByteRingReader, ByteRingWriter, closeByteRing, createByteRing } from '@kmem/waitq/host';
import { thread } from './threads.js';

function sides(sizeBytes: number) {
  const ring = createByteRing(sizeBytes);
  return { ring, writer: new ByteRingWriter(ring), reader: new ByteRingReader(ring) };
}
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
/** What a read gives: its result, then the bytes. */
const take = (reader: ByteRingReader, nr: number): number[] => {
  const into = new Uint8Array(nr);
  const result = reader.tryRead(into);
  return [result, ...into.subarray(0, Math.max(0, result))];
};

describe('in one thread', () => {
  test('a ring of 8 bytes holds 7: one slot stays empty', () => {
    const { writer, reader } = sides(8);
    expect([writer.free, reader.available]).toEqual([7, 0]);
    expect(writer.tryWrite(bytes(1, 2, 3, 4, 5, 6, 7, 8, 9))).toBe(7);
    expect(writer.tryWrite(bytes(8))).toBe(-EAGAIN);
    expect([writer.free, reader.available]).toEqual([0, 7]);
    expect(take(reader, 3)).toEqual([3, 1, 2, 3]);
    expect(writer.tryWrite(bytes(8, 9))).toBe(2);
    expect(take(reader, 99)).toEqual([6, 4, 5, 6, 7, 8, 9]);
    expect(take(reader, 1)).toEqual([-EAGAIN]);
  });

  test('no bytes are no bytes: reading and writing them never waits', () => {
    const { writer, reader } = sides(2);
    expect([writer.write(bytes()), reader.read(bytes()), writer.tryWrite(bytes()), reader.tryRead(bytes())]).toEqual([0, 0, 0, 0]);
    writer.write(bytes(1));
    expect([writer.write(bytes()), reader.read(bytes())]).toEqual([0, 0]);
  });

  test('partial data is there at once', () => {
    const { writer, reader } = sides(100);
    writer.write(bytes(1, 2));
    const into = new Uint8Array(50);
    expect(reader.read(into)).toBe(2);
  });

  test('the reader gets what was written, then the end, again and again', () => {
    const { writer, reader } = sides(16);
    writer.write(bytes(1, 2, 3));
    writer.close();
    writer.close(EIO);
    expect(writer.write(bytes(4))).toBe(-EPIPE);
    expect([take(reader, 2), take(reader, 2), take(reader, 2), reader.read(new Uint8Array(2))]).toEqual([[2, 1, 2], [1, 3], [0], 0]);
  });

  test('an error that the writer closed with comes behind what was written', () => {
    const { writer, reader } = sides(16);
    writer.write(bytes(1));
    writer.close(EIO);
    expect([take(reader, 2), take(reader, 2)]).toEqual([[1, 1], [-EIO]]);
  });

  test('nobody writes to a reader that closed', () => {
    const { writer, reader } = sides(4);
    writer.write(bytes(1));
    reader.close();
    expect([writer.tryWrite(bytes(2)), writer.write(bytes(2))]).toEqual([-EPIPE, -EPIPE]);
    expect([take(reader, 2), take(reader, 2)]).toEqual([[1, 1], [-EPIPE]]);
    const other = sides(4);
    other.reader.close(EIO);
    expect(other.writer.write(bytes(2))).toBe(-EIO);
  });

  test('waits end when the time is up; a write says how far it came', () => {
    const { writer, reader } = sides(4);
    expect(reader.read(new Uint8Array(1), { timeoutMs: 5 })).toBe(-ETIME);
    expect(writer.write(bytes(1, 2, 3, 4, 5), { timeoutMs: 5 })).toBe(3);
    expect(writer.write(bytes(4), { timeoutMs: 5 })).toBe(-ETIME);
    expect(reader.available).toBe(3);
  });

  test('a side that is made later goes on where the ring is', () => {
    const { ring, writer } = sides(8);
    writer.write(bytes(1, 2, 3, 4, 5));
    expect(take(new ByteRingReader(ring), 3)).toEqual([3, 1, 2, 3]);
    expect(new ByteRingWriter(ring).write(bytes(6, 7, 8))).toBe(3);
    expect(take(new ByteRingReader(ring), 9)).toEqual([5, 4, 5, 6, 7, 8]);
  });

  test('beside the thread: reading and writing wait for each other', async () => {
    const { writer, reader } = sides(4);
    const sent = Uint8Array.from({ length: 1000 }, (_, i) => i);
    const writing = writer.writeAsync(sent).then((nr) => {
      writer.close();
      return nr;
    });
    const got: number[] = [];
    const into = new Uint8Array(10);
    for (let nr = await reader.readAsync(into); nr > 0; nr = await reader.readAsync(into)) got.push(...into.subarray(0, nr));
    expect([await writing, got]).toEqual([1000, [...sent]]);
  });

  test('beside the thread: times and signals', async () => {
    const { writer, reader } = sides(4);
    expect(await reader.readAsync(new Uint8Array(1), { timeoutMs: 5 })).toBe(-ETIME);
    await expect(reader.readAsync(new Uint8Array(1), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(await writer.writeAsync(new Uint8Array(9), { timeoutMs: 5 })).toBe(3);
    await expect(writer.writeAsync(new Uint8Array(9), { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
  });

  test.each([1, 0, 2 ** 31, 1.5, NaN])('a ring of %d bytes is refused', (size) => {
    expect(() => createByteRing(size)).toThrow(new RangeError(`sizeBytes: expected a whole number from 2 to 1073741824, got ${size}`));
  });

  test.each([new SharedArrayBuffer(8), new SharedArrayBuffer(4096), new ArrayBuffer(4096)])('%o is no ring', (memory) => {
    // What callers in JavaScript can do all the same.
    const ring = memory as SharedArrayBuffer;
    expect(() => new ByteRingReader(ring)).toThrow(new TypeError('ring: expected memory that createByteRing made'));
    expect(() => new ByteRingWriter(ring)).toThrow(TypeError);
  });

  test('random writes and reads through rings of any size: the bytes come in their order, as many as are said', () => {
    const call = fc.record({ write: fc.boolean(), nr: fc.nat({ max: 300 }) });
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 2, max: 20 }), fc.integer({ min: 2, max: 700 })), fc.array(call, { maxLength: 100 }), (size, calls) => {
        const { writer, reader } = sides(size);
        let written = 0;
        let read = 0;
        for (const { write, nr } of calls) {
          const used = written - read;
          if (write) {
            const result = writer.tryWrite(Uint8Array.from({ length: nr }, (_, i) => (written + i) * 7));
            const fits = Math.min(nr, size - 1 - used);
            expect(result).toBe(fits === 0 && nr > 0 ? -EAGAIN : fits);
            written += fits;
          } else {
            const into = new Uint8Array(nr);
            const result = reader.tryRead(into);
            const there = Math.min(nr, used);
            expect(result).toBe(there === 0 && nr > 0 ? -EAGAIN : there);
            for (let i = 0; i < there; i++) if (into[i] !== (((read + i) * 7) & 255)) expect.fail(`byte ${read + i}`);
            read += there;
          }
          expect(reader.available).toBe(written - read);
        }
      }),
      { numRuns: 300 },
    );
  });
});

const writing = `const writer = new host.ByteRingWriter(data.ring);
  let seed = 1;
  let sent = 0;
  while (sent < data.total) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    const nr = Math.min(1 + (seed >> 8) % data.largest, data.total - sent);
    const bytes = Uint8Array.from({ length: nr }, (_, i) => (sent + i) * 13 + ((sent + i) >> 8));
    if (writer.write(bytes) !== nr) return 'short write';
    sent += nr;
  }
  writer.close();
  return sent;`;
const reading = `const reader = new host.ByteRingReader(data.ring);
  let seed = 9;
  let got = 0;
  for (;;) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    const into = new Uint8Array(1 + (seed >> 8) % data.largest);
    const nr = reader.read(into);
    if (nr <= 0) return nr === 0 ? got : nr;
    for (let i = 0; i < nr; i++) if (into[i] !== (((got + i) * 13 + ((got + i) >> 8)) & 255)) return 'wrong byte ' + (got + i);
    got += nr;
  }`;

describe('between threads', () => {
  test.each([
    [2, 5, 3000],
    [16, 40, 50_000],
    [1000, 3000, 1_000_000],
    [65_536, 100, 2_000_000],
  ])('a ring of %i bytes, up to %i at a time: %i arrive as they were sent', async (size, largest, total) => {
    const ring = createByteRing(size);
    const data = { ring, largest, total };
    expect(await Promise.all([thread(writing, data), thread(reading, data)])).toEqual([total, total]);
  }, 60_000);

  test('a reader asleep is woken by the first byte, the end and an error', async () => {
    const code = `const reader = new host.ByteRingReader(data);
      const into = new Uint8Array(4);
      return [reader.read(into), into[0], reader.read(into)];`;
    for (const [error, last] of [[0, 0], [EIO, -EIO]]) {
      const { ring, writer } = sides(8);
      const sleeper = thread(code, ring);
      await new Promise((resolve) => void setTimeout(resolve, 30));
      writer.write(bytes(5));
      await new Promise((resolve) => void setTimeout(resolve, 30));
      writer.close(error);
      expect(await sleeper).toEqual([1, 5, last]);
    }
  });

  test('a writer asleep is told that the reader closed, and how far it came', async () => {
    const { ring, reader } = sides(8);
    const sleeper = thread('const writer = new host.ByteRingWriter(data); const b = new Uint8Array(20); return [writer.write(b), writer.write(b)];', ring);
    while (reader.available < 7) await new Promise((resolve) => void setTimeout(resolve, 1));
    await new Promise((resolve) => void setTimeout(resolve, 30));
    reader.close();
    expect(await sleeper).toEqual([7, -EPIPE]);
  });

  test('a ring whose other thread ended without a word is closed by a third one', async () => {
    const { ring } = sides(8);
    const reader = thread('const reader = new host.ByteRingReader(data); const b = new Uint8Array(9); return [reader.read(b), reader.read(b)];', ring);
    const writer = thread("new host.ByteRingWriter(data).write(new Uint8Array(3)); setTimeout(() => { throw new Error('died'); }, 20); await new Promise(() => {});", ring);
    await expect(writer).rejects.toThrow('died');
    closeByteRing(ring, EIO);
    expect(await reader).toEqual([3, -EIO]);
  });
});
