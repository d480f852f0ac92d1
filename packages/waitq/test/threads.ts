import { buildSync } from 'esbuild';
import { Worker } from 'node:worker_threads';

/** What @kmem/waitq/host exports, as a program text that defines `host`. */
const host = buildSync({
  entryPoints: [new URL('../src/host/index.ts', import.meta.url).pathname],
  bundle: true,
  write: false,
  format: 'iife',
  globalName: 'host',
  conditions: ['@kmem/source'],
}).outputFiles[0].text;

/**
 * Runs code in a thread.
 *
 * @param code - the body of a function of `host` and `data`; what it returns is posted.
 * @param data - for the thread.
 * @returns what it returned.
 */
export function thread<T>(code: string, data: unknown): Promise<T> {
  const program = `${host}
    const { parentPort, workerData: data } = require('node:worker_threads');
    Promise.resolve((async () => { ${code} })()).then((result) => parentPort.postMessage(result));`;
  const worker = new Worker(program, { eval: true, workerData: data });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
