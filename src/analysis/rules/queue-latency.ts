import { fromCell } from "../state-cell.ts";
import { TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/**
 * Backlog while nothing was served: latency has no value there. Lists every such bin, so its updates grow with their
 * number; all other rules report a bounded warning.
 */
export class QueueLatencyRule implements Rule {
  private readonly head: WarningHead;
  private readonly depth: number;
  private readonly served: number;
  private bins: number[] = [];

  constructor(head: WarningHead, depth: number, served: number) {
    this.head = head;
    this.depth = depth;
    this.served = served;
  }

  feed(bin: number, row: Float64Array): boolean {
    const depth = row[this.depth]!;
    const served = row[this.served]!;
    if (!Number.isFinite(depth) || !Number.isFinite(served)) return false;
    if (served > TOLERANCE || Math.abs(depth) <= TOLERANCE) return false;
    this.bins.push(bin);
    return true;
  }

  active(): Warning | null {
    return this.bins.length === 0 ? null : { ...this.head, bins: [...this.bins], value: null };
  }

  save(): RuleState {
    return [...this.bins];
  }

  restore(state: RuleState): void {
    this.bins = state.map(fromCell);
  }
}
