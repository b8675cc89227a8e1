import type { Plan } from "../../model/plan.ts";
import { GrowingSeries } from "../../snapshot/growing-series.ts";
import { compileRun } from "../compile-run.ts";
import { compileOptionsOf } from "../run-definition.ts";
import type { SnapshotRequest } from "../run-image.ts";

/** Bytes of encoded series that are kept between snapshots, all runs together: 10 million values take some 200 MiB. */
export const MAX_KEPT_BYTES = 256 * 1024 * 1024;

export interface KeptRun {
  readonly modelText: string;
  readonly plan: Plan;
  readonly series: GrowingSeries;
}

/**
 * What is kept of runs from one snapshot to the next, so that a snapshot costs what has come since: plans and encoded
 * series. Beyond the limit the run that was written longest ago is encoded anew next time.
 */
export class KeptRuns {
  private readonly maxBytes: number;
  /** The one written last at the end. */
  private readonly runs = new Map<string, KeptRun>();

  constructor(maxBytes: number = MAX_KEPT_BYTES) {
    this.maxBytes = maxBytes;
  }

  /** @throws InvalidModel never for a run that runs */
  of({ definition, modelText, changedFrom, bins }: SnapshotRequest): KeptRun {
    const { runId } = definition;
    const known = this.runs.get(runId);
    const isSame = known?.modelText === modelText;
    const kept = {
      modelText,
      plan: isSame ? known.plan : compileRun(modelText, definition.bindings, compileOptionsOf(definition)),
      series: known?.series ?? new GrowingSeries(),
    };
    // After a correction what was encoded no longer holds; a snapshot that failed may have kept less than was told.
    if (changedFrom < Math.min(kept.series.bins, bins)) kept.series.clear();
    this.runs.delete(runId);
    this.runs.set(runId, kept);
    return kept;
  }

  /** Lets go of runs until what is left is within the limit. */
  trim(): void {
    const total = (): number => [...this.runs.values()].reduce((sum, { series }) => sum + series.bytes, 0);
    for (const { series } of this.runs.values()) {
      if (total() <= this.maxBytes) return;
      series.clear();
    }
  }

  forget(runId: string): void {
    this.runs.delete(runId);
  }
}
