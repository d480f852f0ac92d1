// The part of the WebAssembly API that our code and tests touch. TypeScript has it only inside the DOM library, which
// would bring a page's clock, timers and console along.
declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** In pages of 64 KiB, like `maximum`. */
    initial: number;
    maximum?: number;
    shared?: boolean;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
    /** Adds `delta` pages and detaches an unshared buffer; returns the former size in pages. */
    grow(delta: number): number;
  }

  type Imports = Record<string, Record<string, unknown>>;

  class Module {
    constructor(bytes: ArrayBuffer | ArrayBufferView);
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Record<string, unknown>;
  }
}
