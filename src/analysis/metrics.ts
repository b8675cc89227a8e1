import { invariant } from "../lib/assert.ts";
import { binMilliseconds } from "../lib/bin-length.ts";
import type { Plan } from "../model/plan.ts";
import { ComputationSource, type MetricNode, type MetricSource, TopologySource } from "./metric-source.ts";
import { fromCell, type StateCell, toCell } from "./state-cell.ts";

/** What metrics must remember between bins: the failures that derived retry echoes still read. Plain JSON. */
export interface MetricsState {
  readonly bins: number;
  /** Per node with a derived echo: its last failures, newest first. */
  readonly failures: readonly (readonly StateCell[])[];
}

/**
 * Raw roles and derived metrics (engine.md §8.1–8.3) of every topology node, one bin at a time; of every computation
 * node, as the single metric `value`, when the model has no topology. Values are those of FlowTime's queries: rounded to
 * 6 decimals except times in milliseconds and efficiencies. Nothing is allocated per bin.
 */
export class NodeMetrics {
  readonly nodes: readonly MetricNode[];
  private readonly sources: readonly MetricSource[];
  private readonly offsets: readonly number[];
  private readonly values: Float64Array;
  private bins = 0;

  constructor(plan: Plan) {
    const topology = plan.model.topology?.nodes ?? [];
    const binMs = binMilliseconds(plan.model.grid);
    this.sources =
      topology.length > 0
        ? topology.map((node) => new TopologySource(plan, node, binMs))
        : plan.model.nodes.map((node) => new ComputationSource(plan, node));
    this.nodes = this.sources.map(({ node }) => node);
    let size = 0;
    this.offsets = this.nodes.map(({ metrics }) => {
      size += metrics.length;
      return size - metrics.length;
    });
    this.values = new Float64Array(size).fill(Number.NaN);
  }

  /** Takes the next bin, 0 first. The row is not kept. */
  evaluate(bin: number, row: Float64Array): void {
    invariant(bin === this.bins, `bins are evaluated in order: expected ${this.bins}, got ${bin}`);
    this.bins++;
    for (let node = 0; node < this.sources.length; node++) {
      this.sources[node]!.evaluate(row, this.values, this.offsets[node]!);
    }
  }

  /**
   * Newest value of `nodes[node].metrics[metric]`; NaN where FlowTime has null (no value, no denominator, not a number).
   */
  value(node: number, metric: number): number {
    return this.values[this.offsets[node]! + metric]!;
  }

  /** Newest values of every metric, one node of `nodes` after the other. */
  copy(): Float64Array {
    return this.values.slice();
  }

  saveState(): MetricsState {
    const failures = this.sources.flatMap((source) => {
      const history = source.save();
      return history === null ? [] : [history.map(toCell)];
    });
    return { bins: this.bins, failures };
  }

  /** @param state of the same plan. Values are undefined until the next bin. */
  static restore(plan: Plan, state: MetricsState): NodeMetrics {
    const metrics = new NodeMetrics(plan);
    metrics.bins = state.bins;
    let next = 0;
    for (const source of metrics.sources) {
      if (source.save() !== null) source.restore(state.failures[next++]!.map(fromCell));
    }
    invariant(next === state.failures.length, "metrics state belongs to this plan");
    return metrics;
  }
}
