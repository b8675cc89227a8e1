import { MESSAGES } from "../messages.ts";
import { fromCell, toCell } from "../state-cell.ts";
import type { Warning, WarningHead } from "../warning.ts";
import type { Rule, RuleState } from "./rule.ts";

/** Attempts further from served + failures than this do not add up (FlowTime's tolerance). */
export const CONSERVATION_TOLERANCE = 1e-4;

/** Every attempt ends served or failed. Reports the first bin where they do not add up, and stays. */
export class AttemptsConservationRule implements Rule {
  private readonly head: WarningHead & { readonly nodeId: string };
  private readonly attempts: number;
  private readonly served: number;
  private readonly failures: number;
  private bin = -1;
  private figures: readonly [number, number, number] = [0, 0, 0];

  constructor(head: WarningHead & { readonly nodeId: string }, attempts: number, served: number, failures: number) {
    this.head = head;
    this.attempts = attempts;
    this.served = served;
    this.failures = failures;
  }

  feed(bin: number, row: Float64Array): boolean {
    if (this.bin >= 0) return false;
    const attempts = row[this.attempts]!;
    const served = row[this.served]!;
    const failures = row[this.failures]!;
    if (!Number.isFinite(attempts) || !Number.isFinite(served) || !Number.isFinite(failures)) return false;
    if (!(Math.abs(attempts - (served + failures)) > CONSERVATION_TOLERANCE)) return false;
    this.bin = bin;
    this.figures = [attempts, served, failures];
    return true;
  }

  active(): Warning | null {
    if (this.bin < 0) return null;
    const message = MESSAGES.attempts_conservation(this.head.nodeId, this.bin, ...this.figures);
    return { ...this.head, message, bins: [this.bin], value: null };
  }

  save(): RuleState {
    return [this.bin, ...this.figures.map(toCell)];
  }

  restore(state: RuleState): void {
    const [bin, ...figures] = state.map(fromCell) as [number, number, number, number];
    this.bin = bin;
    this.figures = figures;
  }
}
