/** Error numbers of Linux. Calls that return `int` in the kernel return 0 or one of these, negated. */

/** Operation not permitted. */
export const EPERM = 1;
/** No such file or directory. */
export const ENOENT = 2;
/** Interrupted system call. */
export const EINTR = 4;
/** Input/output error. */
export const EIO = 5;
/** No such device or address. */
export const ENXIO = 6;
/** Try again; the call would have to wait. */
export const EAGAIN = 11;
/** Out of memory. */
export const ENOMEM = 12;
/** Permission denied. */
export const EACCES = 13;
/** Bad address. */
export const EFAULT = 14;
/** Device or resource busy. */
export const EBUSY = 16;
/** File exists. */
export const EEXIST = 17;
/** No such device. */
export const ENODEV = 19;
/** Invalid argument. */
export const EINVAL = 22;
/** Inappropriate request for a device. */
export const ENOTTY = 25;
/** No space left. */
export const ENOSPC = 28;
/** Nobody reads what is written. */
export const EPIPE = 32;
/** Result out of range. */
export const ERANGE = 34;
/** Function not implemented. */
export const ENOSYS = 38;
/** Timer expired. */
export const ETIME = 62;
/** Value too large. */
export const EOVERFLOW = 75;
/** Operation not supported. */
export const EOPNOTSUPP = 95;
/** Transport endpoint is not connected. */
export const ENOTCONN = 107;
/** Timed out. */
export const ETIMEDOUT = 110;
/** Restart the system call after a signal handler. Never seen by user space. */
export const ERESTARTSYS = 512;
