#!/usr/bin/env node
// Starts the built program. Nothing else belongs here: this file is neither compiled nor bundled.
try {
  await import('../dist/main.js');
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write(`kmem: not built yet, run \`npm run build\` at the top of the repository (${error.message})\n`);
  process.exitCode = 3;
}
