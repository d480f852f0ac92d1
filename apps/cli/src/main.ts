/** Entry of the built program: gives the process to `run` and ends it with the exit code. */
import process from 'node:process';
import { EXIT_BAD_INPUT } from './exit-code.js';
import { run } from './program.js';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads our output may stop at any time (`kmem ... | head -1`): that is the end, and not an error.
    if (error.code === 'EPIPE') process.exit();
    process.stderr.write(`kmem: the output cannot be written: ${error.message}\n`);
    process.exit(EXIT_BAD_INPUT);
  });
}

process.exitCode = await run(process.argv.slice(2), process);
