import { fromCell } from "../state-cell.ts";
import type { RowReader } from "../topology-view.ts";
import { bareWarning, TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** No capacity in any bin so far. Raised by the first bin or never; cleared for good by the first capacity. */
export class CapacityAllZeroRule implements Rule {
  private readonly head: WarningHead;
  private readonly capacity: RowReader;
  private bins = 0;
  private zeroBins = 0;

  constructor(head: WarningHead, capacity: RowReader) {
    this.head = head;
    this.capacity = capacity;
  }

  feed(_bin: number, row: Float64Array): boolean {
    const wasActive = this.isActive();
    this.bins++;
    if (Math.abs(this.capacity(row)) <= TOLERANCE) this.zeroBins++;
    return this.isActive() !== wasActive;
  }

  active(): Warning | null {
    return this.isActive() ? bareWarning(this.head) : null;
  }

  private isActive(): boolean {
    return this.bins > 0 && this.bins === this.zeroBins;
  }

  save(): RuleState {
    return [this.bins, this.zeroBins];
  }

  restore(state: RuleState): void {
    this.bins = fromCell(state[0]);
    this.zeroBins = fromCell(state[1]);
  }
}
