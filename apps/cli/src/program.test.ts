import { expect, test } from 'vitest';
import { run } from './program.js';

test('a defect of kmem is one line and exit code 3', async () => {
  let err = '';
  const code = await run(['demos'], {
    stdout: {
      write: () => {
        throw new Error('first line\n    at somewhere (file.js:1:1)');
      },
    },
    stderr: { write: (text: string) => (err += text) },
    env: {},
  });
  expect(code).toBe(3);
  expect(err).toBe('kmem: internal error: first line at somewhere (file.js:1:1)\n');
});
