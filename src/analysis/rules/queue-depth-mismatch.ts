import type { DispatchSchedule } from "../../model/model.ts";
import { fromCell, toCell } from "../state-cell.ts";
import { ABSENT, isDispatchBin, type NodeView } from "../topology-view.ts";
import { MAX_REPORTED_BINS, TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/**
 * The queue depth must be what arrivals, served and errors of the same node add up to. FlowTime's formula as it stands:
 * the schedule gates served, its capacity series and limits are not looked at, and a NaN ends the check for good,
 * because the accumulation is NaN from then on.
 */
export class QueueDepthMismatchRule implements Rule {
  private readonly head: WarningHead;
  private readonly depth: number;
  private readonly arrivals: number;
  private readonly served: number;
  private readonly errors: number;
  private readonly schedule: DispatchSchedule | null;
  private expected: number;
  private bins: number[] = [];

  /** @param view a node with columns for queueDepth, arrivals and served */
  constructor(head: WarningHead, view: NodeView) {
    this.head = head;
    this.depth = view.columns.queueDepth;
    this.arrivals = view.columns.arrivals;
    this.served = view.columns.served;
    this.errors = view.columns.errors;
    this.schedule = view.schedule;
    this.expected = view.initialQueueDepth;
  }

  feed(bin: number, row: Float64Array): boolean {
    const passes = this.schedule === null || isDispatchBin(this.schedule, bin);
    const served = passes ? row[this.served]! : 0;
    const errors = this.errors === ABSENT ? 0 : row[this.errors]!;
    this.expected = Math.max(0, this.expected + row[this.arrivals]! - served - errors);
    if (!(Math.abs(row[this.depth]! - this.expected) > TOLERANCE)) return false;
    if (this.bins.length === MAX_REPORTED_BINS) return false;
    this.bins.push(bin);
    return true;
  }

  active(): Warning | null {
    return this.bins.length === 0 ? null : { ...this.head, bins: [...this.bins], value: null };
  }

  save(): RuleState {
    return [toCell(this.expected), ...this.bins];
  }

  restore(state: RuleState): void {
    this.expected = fromCell(state[0]);
    this.bins = state.slice(1).map(fromCell);
  }
}
