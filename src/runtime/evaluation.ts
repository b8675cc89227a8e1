import { Analyser, type AnalyserState } from "../analysis/analyser.ts";
import { type MetricsState, NodeMetrics } from "../analysis/metrics.ts";
import type { Warning as CoreWarning } from "../analysis/warning.ts";
import { Evaluator } from "../engine/evaluator.ts";
import type { EvaluatorState } from "../engine/row-ring.ts";
import type { Plan } from "../model/plan.ts";
import type { WarningUpdate } from "../protocol/run-event.ts";
import type { SealedCells } from "./cell-ledger.ts";

/** What evaluation must remember at the end of a bin; fits only plans of the same columns. */
export interface EvaluationState {
  readonly evaluator: EvaluatorState;
  readonly analyser: AnalyserState;
  readonly metrics: MetricsState;
}

/** One bin after another through evaluator, metrics and analyser. Can be put back to an earlier bin, or under another plan. */
export class Evaluation {
  private evaluator: Evaluator;
  private analyser: Analyser;
  private currentMetrics: NodeMetrics;

  constructor(plan: Plan) {
    this.evaluator = evaluatorOf(plan);
    this.analyser = new Analyser(plan);
    this.currentMetrics = new NodeMetrics(plan);
  }

  get plan(): Plan {
    return this.evaluator.plan;
  }

  /** Bins evaluated, as far as it has not been put back. */
  get bin(): number {
    return this.evaluator.bin;
  }

  /** The newest bin, all columns; valid until the next. */
  get row(): Float64Array {
    return this.evaluator.row;
  }

  /** Of the newest bin. */
  get metrics(): NodeMetrics {
    return this.currentMetrics;
  }

  /** Warnings of the run at the newest bin, in FlowTime's order. */
  get runWarnings(): readonly CoreWarning[] {
    return this.analyser.active();
  }

  /** Those and the warnings of the window: what subscribers see. */
  get liveWarnings(): readonly CoreWarning[] {
    return this.analyser.activeLive();
  }

  /** @returns the row, valid until the next bin, and what changed among the warnings */
  advance(cells: SealedCells): { readonly row: Float64Array; readonly warnings: readonly WarningUpdate[] } {
    const row = this.evaluator.advance(cells.values, cells.present);
    this.currentMetrics.evaluate(cells.bin, row);
    return { row, warnings: this.analyser.feed(cells.bin, row).map(toUpdate) };
  }

  /** The same without metrics, whose values are then undefined for good: for a run that nobody follows. */
  advanceUnwatched(cells: SealedCells): Float64Array {
    const row = this.evaluator.advance(cells.values, cells.present);
    this.analyser.feed(cells.bin, row);
    return row;
  }

  save(): EvaluationState {
    return {
      evaluator: this.evaluator.saveState(),
      analyser: this.analyser.saveState(),
      metrics: this.currentMetrics.saveState(),
    };
  }

  restore(state: EvaluationState): void {
    this.evaluator.restoreState(state.evaluator);
    this.analyser = Analyser.restore(this.plan, state.analyser);
    this.currentMetrics = NodeMetrics.restore(this.plan, state.metrics);
  }

  /** Goes on under a plan with the same columns, and the same values in every bin evaluated so far. */
  take(plan: Plan): void {
    const state = this.evaluator.saveState();
    this.evaluator = evaluatorOf(plan);
    this.evaluator.restoreState(state);
    if (state.bin > 0) return;
    // Before bin 0 what the model says of the beginning may have changed too.
    this.analyser = new Analyser(plan);
    this.currentMetrics = new NodeMetrics(plan);
  }
}

function evaluatorOf(plan: Plan): Evaluator {
  return new Evaluator(plan, { horizonBins: plan.source.grid.bins });
}

function toUpdate(transition: ReturnType<Analyser["feed"]>[number]): WarningUpdate {
  return transition.action === "cleared"
    ? { action: "cleared", key: transition.key }
    : { action: transition.action, warning: transition.warning };
}
