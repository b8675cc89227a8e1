/** How waits grow between attempts that fail. */
export interface BackoffOptions {
  /** Wait before the second attempt. */
  readonly firstMs: number;
  /** No wait is longer than this (before jitter). */
  readonly maxMs: number;
  /** Share of the wait by which it varies to either side, 0 to 1, so that many clients do not return at once. */
  readonly jitter: number;
}

/**
 * Wait in whole milliseconds before the next attempt: `firstMs`, doubled with every failure, never above `maxMs`.
 * @param failures attempts that failed in a row, 1 or more
 * @param random a number in [0, 1), passed in so that tests decide it
 */
export function backoffDelayMs(failures: number, options: BackoffOptions, random: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), 30);
  const base = Math.min(options.firstMs * 2 ** doublings, options.maxMs);
  return Math.round(base * (1 + options.jitter * (2 * random - 1)));
}
