import { expect, test } from 'vitest';
import * as errno from './errno.js';

// Linux's generic numbers, as its manual page errno(3) has them.
test('error numbers are those of Linux', () => {
  expect(Object.fromEntries(Object.entries(errno).sort(([, a], [, b]) => a - b))).toEqual({
    EPERM: 1,
    ENOENT: 2,
    EINTR: 4,
    EIO: 5,
    ENXIO: 6,
    EAGAIN: 11,
    ENOMEM: 12,
    EACCES: 13,
    EFAULT: 14,
    EBUSY: 16,
    EEXIST: 17,
    ENODEV: 19,
    EINVAL: 22,
    ENOTTY: 25,
    ENOSPC: 28,
    EPIPE: 32,
    ERANGE: 34,
    ENOSYS: 38,
    ETIME: 62,
    EOVERFLOW: 75,
    EOPNOTSUPP: 95,
    ENOTCONN: 107,
    ETIMEDOUT: 110,
    ERESTARTSYS: 512,
  });
});
