import type fc from "fast-check";

/**
 * Seed of the randomised tests: from `FLOWTIME_SEED` when given, else from the clock; printed, so that a failure can be
 * repeated. `FLOWTIME_RUNS` multiplies the number of cases.
 */
export const seed = Number(process.env.FLOWTIME_SEED ?? Date.now() % 2 ** 31);
const factor = Number(process.env.FLOWTIME_RUNS ?? 1);

console.log(`seed of the randomised tests: FLOWTIME_SEED=${seed}`);

export function runs<T>(count: number): fc.Parameters<T> {
  return { seed, numRuns: Math.ceil(count * factor), endOnFailure: false };
}
