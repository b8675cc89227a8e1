import { fromCell, toCell } from "../state-cell.ts";
import type { RowReader } from "../topology-view.ts";
import { finiteOrNull, MAX_REPORTED_BINS, TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

export interface Comparison {
  readonly left: RowReader;
  readonly right: RowReader;
  /** Which side of the right value the left one must not be on. */
  readonly forbids: "above" | "below";
}

/**
 * One figure that must not exceed, or fall below, another. Value: the worst |left / right| over all violating bins,
 * also those beyond the reported five.
 */
export class ComparisonRule implements Rule {
  private readonly head: WarningHead;
  private readonly comparison: Comparison;
  private bins: number[] = [];
  private worst = 0;

  constructor(head: WarningHead, comparison: Comparison) {
    this.head = head;
    this.comparison = comparison;
  }

  feed(bin: number, row: Float64Array): boolean {
    const left = this.comparison.left(row);
    const right = this.comparison.right(row);
    const difference = left - right;
    if (!(this.comparison.forbids === "above" ? difference > TOLERANCE : difference < -TOLERANCE)) return false;
    const ratio = Math.abs(left / Math.max(Math.abs(right), TOLERANCE));
    const isWorse = ratio > this.worst;
    if (isWorse) this.worst = ratio;
    const isReported = this.bins.length < MAX_REPORTED_BINS;
    if (isReported) this.bins.push(bin);
    return isWorse || isReported;
  }

  active(): Warning | null {
    return this.bins.length === 0 ? null : { ...this.head, bins: [...this.bins], value: finiteOrNull(this.worst) };
  }

  save(): RuleState {
    return [toCell(this.worst), ...this.bins];
  }

  restore(state: RuleState): void {
    this.worst = fromCell(state[0]);
    this.bins = state.slice(1).map(fromCell);
  }
}
