import { fromCell, toCell } from "../state-cell.ts";
import { finiteOrNull, MAX_REPORTED_BINS, TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** A series that must not be negative. Value: the first offender. */
export class NegativeRule implements Rule {
  private readonly head: WarningHead;
  private readonly column: number;
  private bins: number[] = [];
  private first = 0;

  constructor(head: WarningHead, column: number) {
    this.head = head;
    this.column = column;
  }

  feed(bin: number, row: Float64Array): boolean {
    const value = row[this.column]!;
    if (!(value < -TOLERANCE) || this.bins.length === MAX_REPORTED_BINS) return false;
    if (this.bins.length === 0) this.first = value;
    this.bins.push(bin);
    return true;
  }

  active(): Warning | null {
    return this.bins.length === 0 ? null : { ...this.head, bins: [...this.bins], value: finiteOrNull(this.first) };
  }

  save(): RuleState {
    return [toCell(this.first), ...this.bins];
  }

  restore(state: RuleState): void {
    this.first = fromCell(state[0]);
    this.bins = state.slice(1).map(fromCell);
  }
}
