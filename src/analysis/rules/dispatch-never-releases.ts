import { fromCell, toCell } from "../state-cell.ts";
import { bareWarning, TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** Something arrived behind a dispatch schedule and nothing was served so far. Cleared for good by the first release. */
export class DispatchNeverReleasesRule implements Rule {
  private readonly head: WarningHead;
  private readonly arrivals: number;
  private readonly served: number;
  private arrived = 0;
  private released = 0;

  constructor(head: WarningHead, arrivals: number, served: number) {
    this.head = head;
    this.arrivals = arrivals;
    this.served = served;
  }

  feed(_bin: number, row: Float64Array): boolean {
    const wasActive = this.isActive();
    this.arrived += positive(row[this.arrivals]!);
    this.released += positive(row[this.served]!);
    return this.isActive() !== wasActive;
  }

  active(): Warning | null {
    return this.isActive() ? bareWarning(this.head) : null;
  }

  private isActive(): boolean {
    return this.arrived > TOLERANCE && this.released <= TOLERANCE;
  }

  save(): RuleState {
    return [toCell(this.arrived), toCell(this.released)];
  }

  restore(state: RuleState): void {
    this.arrived = fromCell(state[0]);
    this.released = fromCell(state[1]);
  }
}

function positive(value: number): number {
  return Number.isFinite(value) && value > 0 ? value : 0;
}
