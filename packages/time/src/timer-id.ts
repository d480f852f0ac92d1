/** Numbers of a TimerWheel's timers. They stand in a file that imports nothing, as builds put in the values of such only. */

/** Bits of a timer that are its number; above them is the generation of the number. */
export const NUMBER_BITS = 22;
/** The bits themselves, and the largest number. */
export const NUMBER_MASK = 0x3fffff;
