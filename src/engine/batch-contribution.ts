import { fold } from "../lib/fold.ts";

/** Sums of classes that miss the total by up to this much are left alone, and divisors up to this much count as 0. */
export const CLASS_TOLERANCE = 1e-9;

/** Values per bin by class id: in the order of insertion, ids compared without case, the first spelling kept. */
export class ClassShares implements Iterable<readonly [classId: string, values: Float64Array]> {
  private readonly entries = new Map<string, readonly [string, Float64Array]>();

  constructor(entries: Iterable<readonly [string, Float64Array]> = []) {
    for (const [classId, values] of entries) this.set(classId, values);
  }

  get size(): number {
    return this.entries.size;
  }

  get(classId: string): Float64Array | undefined {
    return this.entries.get(fold(classId))?.[1];
  }

  has(classId: string): boolean {
    return this.entries.has(fold(classId));
  }

  set(classId: string, values: Float64Array): void {
    const key = fold(classId);
    this.entries.set(key, [this.entries.get(key)?.[0] ?? classId, values]);
  }

  delete(classId: string): void {
    this.entries.delete(fold(classId));
  }

  [Symbol.iterator](): IterableIterator<readonly [string, Float64Array]> {
    return this.entries.values();
  }

  /** A copy with every series mapped; `map` must not return its argument. */
  map(map: (values: Float64Array, classId: string) => Float64Array): ClassShares {
    return new ClassShares(Array.from(this, ([classId, values]) => [classId, map(values, classId)] as const));
  }

  copy(): ClassShares {
    return this.map((values) => values.slice());
  }
}

/** A total and how classes share it. Shares need not add up to the total. */
export interface Contribution {
  readonly total: Float64Array;
  readonly classes: ClassShares;
}

export function withoutClasses(total: Float64Array): Contribution {
  return { total, classes: new ClassShares() };
}

/** Sum of the finite values of a bin, in class order. */
export function finiteSum(classes: ClassShares, t: number): number {
  let sum = 0;
  for (const [, values] of classes) if (Number.isFinite(values[t]!)) sum += values[t]!;
  return sum;
}

/**
 * Scales the shares of every bin to add up to the total (engine.md §7.2.1), in place. Bins whose finite shares sum to
 * nothing, or to the total already, stay as they are.
 */
export function normalise(classes: ClassShares, total: Float64Array): void {
  for (let t = 0; t < total.length; t++) {
    const sum = finiteSum(classes, t);
    if (!(sum > 0) || Math.abs(sum - total[t]!) <= CLASS_TOLERANCE) continue;
    const scale = total[t]! / sum;
    for (const [, values] of classes) values[t]! *= scale;
  }
}
