import type { Plan } from "../model/plan.ts";

/** What an evaluator must remember between bins: the rows that operators may still read. */
export interface EvaluatorState {
  /** Bins evaluated. */
  readonly bin: number;
  /** The last `min(bin, lookback)` rows, oldest first, all columns. */
  readonly rows: Float64Array;
}

/** Rows that an evaluator keeps: the longest lookback and the current one, rounded up to a power of two. */
export function ringDepth(plan: Plan, horizonBins: number): number {
  let depth = 1;
  while (depth < Math.min(plan.lookback, horizonBins) + 1) depth *= 2;
  return depth;
}

/**
 * The newest rows of all columns, in a ring: bin t stands in row `t & mask`. Columns of literals hold their value in
 * every row from the start.
 */
export class RowRing {
  readonly width: number;
  readonly mask: number;
  readonly values: Float64Array;
  readonly views: readonly Float64Array[];
  private readonly plan: Plan;

  /** @param values memory of `depth × columns` numbers to keep the rows in */
  constructor(plan: Plan, depth: number, values: Float64Array) {
    this.plan = plan;
    this.width = plan.columns.length;
    this.mask = depth - 1;
    this.values = values;
    this.views = Array.from({ length: depth }, (_, index) =>
      values.subarray(index * this.width, (index + 1) * this.width),
    );
    this.fillLiterals();
  }

  /** @param next bins evaluated so far */
  save(next: number): EvaluatorState {
    const kept = Math.min(next, this.plan.lookback, this.mask);
    const rows = new Float64Array(kept * this.width);
    for (let index = 0; index < kept; index++) {
      rows.set(this.views[(next - kept + index) & this.mask]!, index * this.width);
    }
    return { bin: next, rows };
  }

  restore(state: EvaluatorState): void {
    this.fillLiterals();
    const kept = state.rows.length / this.width;
    for (let index = 0; index < kept; index++) {
      const row = state.rows.subarray(index * this.width, (index + 1) * this.width);
      this.views[(state.bin - kept + index) & this.mask]!.set(row);
    }
  }

  private fillLiterals(): void {
    for (const operator of this.plan.operators) {
      if (operator.op !== "literal") continue;
      for (const view of this.views) view[operator.out] = operator.value;
    }
  }
}
