import type fc from "fast-check";

/**
 * Seed of the randomised tests: from `FLOWTIME_SEED` when given, else from the clock; printed, so that a failure can be
 * repeated. `FLOWTIME_RUNS` multiplies the number of cases.
 */
export const seed = Number(process.env.FLOWTIME_SEED ?? Date.now() % 2 ** 31);
const factor = Number(process.env.FLOWTIME_RUNS ?? 1);

console.log(`seed of the randomised tests: FLOWTIME_SEED=${seed}`);

export function runs<T>(count: number): fc.Parameters<T> {
  return { seed, numRuns: cases(count), endOnFailure: false };
}

/** As many cases as `count`, times `FLOWTIME_RUNS`. */
export function cases(count: number): number {
  return Math.ceil(count * factor);
}

/** Every `step`-th item (with `FLOWTIME_RUNS` more of them, up to all), from one that the seed says. */
export function someOf<T>(items: readonly T[], step: number): readonly T[] {
  const every = Math.max(1, Math.floor(step / factor));
  return items.filter((_, index) => index % every === seed % every);
}
