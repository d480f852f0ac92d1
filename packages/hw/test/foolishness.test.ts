import { describe, expect, test } from 'vitest';
import {
  attachFrameTable,
  createFrameTable,
  createMemory,
  frameTableBytes,
  getProfile,
  identityProfile,
  layoutZones,
  wrapMemory,
} from '@kmem/hw';

/** What a caller without types may pass: a value that fits any parameter. */
const careless = (value: unknown): never => value as never;

/** Every option: a value of the wrong type, and values out of range, with the text that names option, range and value. */
const FRAME_TABLE: readonly [object, string][] = [
  [{}, 'nrFrames: expected an integer from 1 to 1073741824, got undefined'],
  [{ nrFrames: '4096' }, "nrFrames: expected an integer from 1 to 1073741824, got '4096'"],
  [{ nrFrames: 0 }, 'nrFrames: expected an integer from 1 to 1073741824, got 0'],
  [{ nrFrames: -1 }, 'got -1'],
  [{ nrFrames: 1.5 }, 'got 1.5'],
  [{ nrFrames: NaN }, 'got NaN'],
  [{ nrFrames: 2 ** 30 + 1 }, 'got 1073741825'],
  [{ nrFrames: 8, pageShift: 23 }, 'pageShift: expected an integer from 0 to 22, got 23'],
  [{ nrFrames: 8, pageShift: null }, 'pageShift: expected an integer from 0 to 22, got null'],
  [{ nrFrames: 8, maxOrder: 0 }, 'maxOrder: expected an integer from 1 to 16, got 0'],
  [{ nrFrames: 8, maxOrder: 17 }, 'maxOrder: expected an integer from 1 to 16, got 17'],
  [{ nrFrames: 8, pageblockOrder: 11 }, 'pageblockOrder: expected an integer from 0 to 10, got 11'],
  [{ nrFrames: 8, maxOrder: 4, pageblockOrder: 9 }, 'pageblockOrder: expected an integer from 0 to 3, got 9'],
  [{ nrFrames: 8, shared: 1 }, 'shared: expected true or false, got 1'],
];

describe.each(FRAME_TABLE)('frame table with %j', (options, text) => {
  test('is refused', () => {
    expect(() => createFrameTable(careless(options))).toThrow(text);
    expect(() => frameTableBytes(careless(options))).toThrow(text);
    expect(() => attachFrameTable(new ArrayBuffer(1), careless(options))).toThrow(text);
  });
});

test('a frame table is attached to a buffer that holds it, and to nothing else', () => {
  const options = { nrFrames: 1024 };
  const tooSmall = new ArrayBuffer(frameTableBytes(options) - 1);
  expect(() => attachFrameTable(tooSmall, options)).toThrow('a table of 1024 frames needs 24578 bytes, got 24577');
  for (const wrong of [undefined, null, 5, 'bytes', {}, new Uint8Array(32768)]) {
    expect(() => attachFrameTable(careless(wrong), options)).toThrow(TypeError);
  }
  expect(() => attachFrameTable(careless([]), options)).toThrow('got [object Array]');
});

const MEMORY: readonly [object, string][] = [
  [{ backing: 'dense' }, 'sizeBytes: expected an integer from 1 to 4503599627370496, got undefined'],
  [{ backing: 'dense', sizeBytes: 0 }, 'got 0'],
  [{ backing: 'none', sizeBytes: 2 ** 52 + 1 }, 'got 4503599627370497'],
  [{ sizeBytes: 4096 }, 'backing: expected dense, shared, wasm, sparse or none, got undefined'],
  [{ sizeBytes: 4096, backing: 'disk' }, "got 'disk'"],
  [{ sizeBytes: 4096, backing: 'toString' }, "got 'toString'"],
  [{ sizeBytes: 4096, backing: 'sparse', pieceBytes: 5000 }, 'pieceBytes: expected a power of two from 4096 to 1073741824, got 5000'],
  [{ sizeBytes: 4096, backing: 'sparse', pieceBytes: 2048 }, 'pieceBytes: expected an integer from 4096'],
];

test.each(MEMORY)('memory with %j is refused', (options, text) => {
  expect(() => createMemory(careless(options))).toThrow(text);
});

test.each(['dense', 'shared', 'wasm'] as const)('more %s memory than a host gives names the size and the way out', (backing) => {
  const tooMuch = 2 ** 52;
  expect(() => createMemory({ sizeBytes: tooMuch, backing })).toThrow(
    `sizeBytes: this host gives no ${backing} buffer of ${tooMuch} bytes; try backing 'sparse'`,
  );
});

test('memory is wrapped around bytes, and around nothing else', () => {
  for (const wrong of [undefined, null, 64, 'bytes', {}, { buffer: 'bytes' }, [1, 2]]) {
    expect(() => wrapMemory(careless(wrong))).toThrow('source: expected an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory');
  }
  expect(() => wrapMemory(new ArrayBuffer(0))).toThrow('source.byteLength: expected an integer from 1');
});

test('a range that is no range is named as it was given', () => {
  const memory = createMemory({ sizeBytes: 4096, backing: 'sparse' });
  expect(() => memory.view(careless(undefined), 4)).toThrow('4 bytes at undefined leave the memory');
  expect(() => memory.view(-16, 4)).toThrow('4 bytes at -0x10 leave the memory');
});

const RAM = [{ node: 0, ram: [{ start: 0, end: 4096 }] }];

test.each<[object, string]>([
  [{ arch: 'vax', nodes: RAM }, "arch: expected x86_64, i386, arm, identity or x86_64-linear, got 'vax'"],
  [{ arch: 'arm', nodes: [] }, 'nodes: no memory in any node'],
  [{ arch: 'x86_64', nodes: [{ node: 0, ram: [{ start: 0, end: 1 }] }] }, 'nodes: no memory in any node'],
  [{ arch: 'arm', nodes: [...RAM, { node: 1, ram: [{ start: 4095, end: 5000 }] }] }, 'nodes: two nodes have a frame in common'],
  [{ arch: 'arm', nodes: [{ node: 0, ram: [{ start: -1, end: 5 }] }] }, 'ranges: bounds must be non-negative integers, got -1..5'],
  [{ arch: 'arm', nodes: RAM, pageShift: 1.5 }, 'pageShift: expected an integer from 0 to 22, got 1.5'],
  [{ arch: 'i386', nodes: RAM, lowmemBytes: 0 }, 'lowmemBytes: expected an integer from 1'],
])('zones of %j are refused', (options, text) => {
  expect(() => layoutZones(careless(options))).toThrow(text);
});

test('a profile is asked for by a name that exists', () => {
  expect(() => getProfile('pdp-11')).toThrow("profile: expected one of pc-160m, pc-512m, pc-3600m, i386-1200m, pc-4g");
  expect(() => getProfile('constructor')).toThrow("got 'constructor'");
  expect(() => getProfile(careless(undefined))).toThrow('got undefined');
});

test('plain memory has at least one page', () => {
  expect(() => identityProfile({ sizeBytes: 4095 })).toThrow('sizeBytes: expected an integer from 4096 to 4503599627370496, got 4095');
  expect(() => identityProfile({ pageShift: -1 })).toThrow('pageShift: expected an integer from 0 to 22, got -1');
});
