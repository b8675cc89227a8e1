import { queueTimeMs } from "../formulas.ts";
import { fromCell } from "../state-cell.ts";
import type { Warning } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** A rule whose warning FlowTime sends only once some bin of the window has a queue time. */
export class WhenQueueTimeRule implements Rule {
  private readonly inner: Rule;
  private readonly depth: number;
  private readonly served: number;
  private isOpen = false;

  constructor(inner: Rule, depth: number, served: number) {
    this.inner = inner;
    this.depth = depth;
    this.served = served;
  }

  feed(bin: number, row: Float64Array): boolean {
    const isChanged = this.inner.feed(bin, row);
    if (this.isOpen) return isChanged;
    this.isOpen = !Number.isNaN(queueTimeMs(row[this.depth]!, row[this.served]!, 1));
    return this.isOpen;
  }

  active(): Warning | null {
    return this.isOpen ? this.inner.active() : null;
  }

  save(): RuleState {
    return [this.isOpen ? 1 : 0, ...this.inner.save()];
  }

  restore(state: RuleState): void {
    this.isOpen = fromCell(state[0]) === 1;
    this.inner.restore(state.slice(1));
  }
}
