import { CellReader } from "../state-cell.ts";
import { finiteOrNull, type Warning, type WarningHead } from "../warning.ts";
import { Differences, type FlowEnd, FlowSum } from "./flow-sum.ts";
import type { Rule, RuleState } from "./rule.ts";

export interface EdgeFlows {
  /** Column of what the edges are to account for. */
  readonly own: number;
  readonly flows: readonly FlowEnd[];
  /** All edges of that side, also those that do not count. */
  readonly edgeIds: readonly string[];
  readonly horizon: number;
}

/** What a node serves or receives against the flows of its edges. Value: the worst difference. */
export class EdgeFlowMismatchRule implements Rule {
  private readonly head: WarningHead;
  private readonly own: number;
  private readonly edgeIds: readonly string[];
  private readonly sum: FlowSum;
  private readonly differences = new Differences();

  constructor(head: WarningHead, { own, flows, edgeIds, horizon }: EdgeFlows) {
    this.head = head;
    this.own = own;
    this.edgeIds = edgeIds;
    this.sum = new FlowSum(flows, horizon);
  }

  feed(bin: number, row: Float64Array): boolean {
    return this.differences.feed(bin, row[this.own]!, this.sum.feed(bin, row));
  }

  active(): Warning | null {
    const { bins, worst } = this.differences;
    if (bins.length === 0) return null;
    return { ...this.head, bins: [...bins], value: finiteOrNull(worst), edgeIds: [...this.edgeIds] };
  }

  save(): RuleState {
    return [...this.sum.save(), ...this.differences.save()];
  }

  restore(state: RuleState): void {
    const cells = new CellReader(state);
    this.sum.restore(cells);
    this.differences.restore(cells);
  }
}
