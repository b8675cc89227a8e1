import type { Model, SeriesRole } from "./model.ts";

/**
 * A compiled model: columns and the operators that fill one row of them per bin, in order.
 *
 * A row holds one value per column. The first `seriesCount` columns are series (declared nodes in declaration order,
 * then generated nodes, then series that exist only because telemetry feeds them); the rest are intermediate results.
 * An operator writes its own column `out` from columns of the same row that earlier operators wrote, and from any
 * column of earlier rows, at most `lookback` bins back. So the last `lookback` rows are all the state there is.
 */
export interface Plan {
  /** The model the plan was made from, generated nodes and rewritten queue references included. */
  readonly model: Model;
  /** The model as written. */
  readonly source: Model;
  readonly columns: readonly Column[];
  readonly seriesCount: number;
  readonly operators: readonly Operator[];
  /** Series fed by telemetry, in column order. `inputs[i]` of the evaluator is the cell of `bound[i]`. */
  readonly bound: readonly BoundSeries[];
  /** Most bins back any operator reads; 0 when none has memory. */
  readonly lookback: number;
  /** Ids of nodes in FlowTime's evaluation order (engine.md §5.2): of the model as written, and with generated nodes. */
  readonly orderAsWritten: readonly string[];
  readonly order: readonly string[];
  /** Ids that compilation generated, in order. */
  readonly generated: readonly string[];
  /** Series column by id. */
  readonly columnOf: ReadonlyMap<string, number>;
}

export interface Column {
  /** Series id, or a name for diagnostics when the column is an intermediate result. */
  readonly id: string;
  readonly origin: "node" | "generated" | "telemetry" | "intermediate";
}

export interface BoundSeries {
  readonly column: number;
  readonly seriesId: string;
  /** Topology roles that read this series: how `(nodeId, metric)` of a frame finds it. */
  readonly feeds: readonly { readonly nodeId: string; readonly role: SeriesRole }[];
}

export type BinaryFunction = "add" | "subtract" | "multiply" | "divide" | "modulo" | "min" | "max" | "step";
export type UnaryFunction = "floor" | "ceil" | "round";

/** Column numbers are absolute; times are absolute bins; all formulas: engine.md §4.2 and §6. */
export type Operator =
  /** `values[t]`; past the end the pattern repeats. */
  | { readonly op: "const"; readonly out: number; readonly values: Float64Array }
  | { readonly op: "literal"; readonly out: number; readonly value: number }
  /** The telemetry cell `inputs[input]` of this bin. */
  | { readonly op: "input"; readonly out: number; readonly input: number }
  | { readonly op: "copy"; readonly out: number; readonly a: number }
  | { readonly op: BinaryFunction; readonly out: number; readonly a: number; readonly b: number }
  | { readonly op: UnaryFunction; readonly out: number; readonly a: number }
  /** max(low, min(high, a)) */
  | { readonly op: "clamp"; readonly out: number; readonly a: number; readonly low: number; readonly high: number }
  /** Value of `a` `lag` bins ago, 0 before bin 0. `lag` ≥ 1. */
  | { readonly op: "shift"; readonly out: number; readonly a: number; readonly lag: number }
  /** Σ a[t−j]·kernel[j], j ascending, non-finite samples skipped, nothing before bin 0. */
  | { readonly op: "convolve"; readonly out: number; readonly a: number; readonly kernel: Float64Array }
  /** `amplitude[t]` (1 without one) when t ≥ phase and (t − phase) mod period = 0, else 0. */
  | {
      readonly op: "pulse";
      readonly out: number;
      readonly period: number;
      readonly phase: number;
      readonly amplitude: number | null;
    }
  /** End-of-bin queue depth with optional loss and dispatch gate (engine.md §6.4). */
  | {
      readonly op: "queue";
      readonly out: number;
      readonly inflow: number;
      readonly outflow: number;
      readonly loss: number | null;
      readonly initialDepth: number;
      readonly dispatch: {
        readonly period: number;
        /** 0 … period − 1. */
        readonly phase: number;
        readonly capacity: number | null;
        /** Inside FlowTime's feedback groups a non-finite capacity counts as 0, elsewhere as none (engine.md §6.4.2). */
        readonly nonFiniteCapacityIsZero: boolean;
      } | null;
    };
