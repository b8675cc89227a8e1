import { type ClassOrder, NO_CLASSES } from "../../model/class-order.ts";
import { MESSAGES } from "../messages.ts";
import { CellReader } from "../state-cell.ts";
import { bareWarning, TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import { PresentClasses } from "./present-classes.ts";
import type { Rule, RuleState } from "./rule.ts";

export interface ClassCoverage {
  readonly nodeId: string;
  readonly role: string;
  /** Id and column of the series that is to have the classes. */
  readonly target: string;
  readonly column: number;
  readonly expected: ClassOrder;
  /** Null when no class can ever share the target. */
  readonly present: ClassOrder | null;
}

export interface CoverageHeads {
  readonly missing: WarningHead;
  readonly partial: WarningHead;
}

/** Classes of what comes in that what goes out has not, as soon as anything goes out. */
export class ClassCoverageRule implements Rule {
  private readonly heads: CoverageHeads;
  private readonly coverage: ClassCoverage;
  private readonly expected: PresentClasses;
  private readonly present: PresentClasses;
  private isUsed = false;

  constructor(heads: CoverageHeads, coverage: ClassCoverage) {
    this.heads = heads;
    this.coverage = coverage;
    this.expected = new PresentClasses(coverage.expected);
    this.present = new PresentClasses(coverage.present ?? NO_CLASSES);
  }

  feed(_bin: number, row: Float64Array): boolean {
    const wasUsed = this.isUsed;
    // A NaN is not nothing.
    if (!wasUsed) this.isUsed = !(Math.abs(row[this.coverage.column]!) <= TOLERANCE);
    const isExpectedChanged = this.expected.feed(row);
    const isPresentChanged = this.present.feed(row);
    return isExpectedChanged || isPresentChanged || this.isUsed !== wasUsed;
  }

  active(): Warning | null {
    const missing = this.expected.ids.filter((classId) => !this.present.has(classId));
    if (!this.isUsed || missing.length === 0) return null;
    const { nodeId, role, target } = this.coverage;
    if (this.present.ids.length > 0) {
      const message = MESSAGES.class_series_partial(nodeId, role, target, missing);
      return { ...bareWarning(this.heads.partial), message };
    }
    const message = MESSAGES.class_series_missing(nodeId, role, target, this.expected.ids);
    return { ...bareWarning(this.heads.missing), message };
  }

  save(): RuleState {
    return [this.isUsed ? 1 : 0, ...this.expected.save(), ...this.present.save()];
  }

  restore(state: RuleState): void {
    const cells = new CellReader(state);
    this.isUsed = cells.next() === 1;
    this.expected.restore(cells);
    this.present.restore(cells);
  }
}
