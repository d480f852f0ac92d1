/** TimedCondition: a condition that is also over when time is. (waitq spec 4.3) */

/** A condition and the time left for it. */
export class TimedCondition {
  /** Jiffies left, and so what the wait returns. */
  left: number;
  /** Tells whether the wait is over. A condition that comes true at the last moment leaves one jiffy. */
  readonly over: () => boolean;

  /**
   * @param condition - what is waited for.
   * @param timeout - jiffies.
   */
  constructor(condition: () => boolean, timeout: number) {
    this.left = timeout;
    this.over = () => {
      const holds = condition();
      if (holds && this.left === 0) this.left = 1;
      return holds || this.left === 0;
    };
  }
}
