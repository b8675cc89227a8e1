/**
 * Chance with a seed. `seedsFrom("LOG_SEED", 4)` gives the seeds of a randomised test: the one in the environment
 * variable when it is set (to run a found case again), else `count` fresh ones. Every test prints its seed on failure.
 */
export function seedsFrom(variable: string, count: number): readonly number[] {
  const given = process.env[variable];
  if (given !== undefined) return [Number(given)];
  const base = Date.now() % 1_000_000_000;
  return Array.from({ length: count }, (_, index) => (base * 31 + index * 7919) >>> 0);
}

export interface Random {
  /** Within [0, 1). */
  next(): number;
  /** Integer within [0, below). */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Small and fast, good enough for tests (mulberry32). */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { next, below, chance: (probability) => next() < probability, pick: (items) => items[below(items.length)]! };
}
