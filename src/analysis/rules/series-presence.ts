import { fromCell } from "../state-cell.ts";
import { bareWarning, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** A declared series without a single finite value so far. Cleared for good by the first one. */
export class SeriesPresenceRule implements Rule {
  private readonly head: WarningHead;
  private readonly column: number;
  private bins = 0;
  private hasValue = false;

  constructor(head: WarningHead, column: number) {
    this.head = head;
    this.column = column;
  }

  feed(_bin: number, row: Float64Array): boolean {
    const hadValue = this.hasValue;
    this.bins++;
    if (!hadValue) this.hasValue = Number.isFinite(row[this.column]!);
    return this.bins === 1 || this.hasValue !== hadValue;
  }

  active(): Warning | null {
    return this.bins > 0 && !this.hasValue ? bareWarning(this.head) : null;
  }

  save(): RuleState {
    return [this.bins, this.hasValue ? 1 : 0];
  }

  restore(state: RuleState): void {
    this.bins = fromCell(state[0]);
    this.hasValue = fromCell(state[1]) === 1;
  }
}
