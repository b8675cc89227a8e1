import type { ClassOrder } from "./class-order.ts";
import type { Divergence } from "./divergences.ts";
import type { Model, SeriesRole } from "./model.ts";

/**
 * A compiled model: columns and the operators that fill one row of them per bin, in order.
 *
 * A row holds one value per column. The first `seriesCount` columns are series (declared nodes in declaration order,
 * then generated nodes, then series that exist only because telemetry feeds them, then cells of classes as telemetry
 * gives them, then classes and edges); the rest are intermediate results.
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
  /** What telemetry feeds: totals, then classes, in column order. `inputs[i]` of the evaluator is the cell of `bound[i]`. */
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
  /** How classes share the series of nodes, in evaluation order; only nodes that some class shares. */
  readonly classSeries: readonly ClassSeriesColumns[];
  /** Series of edges, in FlowTime's order of writing (engine.md §7.6). */
  readonly edgeSeries: readonly EdgeSeriesColumn[];
  /** Routers with an evaluated source, in declaration order; none when `traffic.arrivals` assigns no class. */
  readonly routers: readonly RouterColumns[];
  /** Defects of FlowTime's engine that this model meets: then there are no figures of FlowTime's to compare with. */
  readonly divergences: readonly Divergence[];
  /** Limits that FlowTime's runs leave alone and this plan enforces. */
  readonly modes: EnforcementModes;
}

/** What a run enforces beyond FlowTime's runs (engine.md §11.1, D11). */
export interface EnforcementModes {
  /** WIP limits of queues and the routing of their overflow. */
  readonly wip: boolean;
  /** Shared constraints. */
  readonly constraints: boolean;
}

/** Classes of one series: which are there, in which order, and their columns. */
export interface ShareColumns {
  readonly order: ClassOrder;
  readonly columns: readonly { readonly classId: string; readonly column: number }[];
}

export interface ClassSeriesColumns extends ShareColumns {
  readonly nodeId: string;
}

/** How a router treats the classes of its source, as its diagnostics see it (engine.md §7.2.5). */
export interface RouterColumns {
  readonly routerId: string;
  readonly source: ShareColumns;
  /** What its routes bring, one entry per target. */
  readonly targets: readonly RoutedColumns[];
}

export interface RoutedColumns {
  readonly order: ClassOrder;
  readonly columns: readonly {
    readonly classId: string;
    /** What this router sends. */
    readonly own: number;
    /** What all routers send. */
    readonly sum: number;
    /** That sum, scaled with those of the other classes to the target's total. */
    readonly scaled: number;
  }[];
}

export interface EdgeSeriesColumn {
  readonly edgeId: string;
  readonly metric: "flowVolume" | "attemptsVolume" | "failuresVolume" | "retryVolume";
  /** Null for the total. */
  readonly classId: string | null;
  readonly column: number;
  /** Exists only once some bin is positive. */
  readonly needsPositive: boolean;
  /** For a class: it exists when it is among these. Null for a total. */
  readonly order: ClassOrder | null;
}

export interface Column {
  /** Series id, or a name for diagnostics when the column is an intermediate result. */
  readonly id: string;
  /**
   * `input`: cells of a class as telemetry gave them. `unrouted`: what the node of that id is before routers are applied,
   * where that differs from its series.
   */
  readonly origin: "node" | "generated" | "telemetry" | "input" | "class" | "edge" | "unrouted" | "intermediate";
}

export interface BoundSeries {
  /** Holds the cells as they came: of a total the series itself, of a class a column of its own. */
  readonly column: number;
  readonly seriesId: string;
  /** Null: the total. */
  readonly classId: string | null;
  /** Topology roles that read this series: how `(nodeId, metric)` of a frame finds it. */
  readonly feeds: readonly { readonly nodeId: string; readonly role: SeriesRole }[];
}

/** How what telemetry feeds is called in messages, and by a frame's `seriesId`: `id`, or `id@CLASS`. */
export function inputName({ seriesId, classId }: Pick<BoundSeries, "seriesId" | "classId">): string {
  return classId === null ? seriesId : `${seriesId}@${classId}`;
}

export type BinaryFunction = "add" | "subtract" | "multiply" | "divide" | "modulo" | "min" | "max" | "step";
export type UnaryFunction = "floor" | "ceil" | "round" | "finiteOrZero";
/** Steps of the class algebra (engine.md §7.2.2) on two columns. */
export type ShareFunction =
  /** a·b, 0 where b is not finite: a class of a factor times the other's total. */
  | "shareOfProduct"
  /** b/a, 0 where a or b is not finite or |a| < 1e-9: what the classes of a dividend (total a) are scaled by (total b). */
  | "quotientScale"
  /** Remainder, 0 where |b| ≤ 1e-9. */
  | "shareModulo";

/** What stands in for a cell that is missing when its bin is sealed; a cell that states NaN is not missing. */
export type CellGap = "nan" | "zero" | "hold";
/** The same for whole series: `model` gives what the series' own definition gives. */
export type GapPolicy = CellGap | "model";

/** Column numbers are absolute; times are absolute bins; all formulas: engine.md §4.2 and §6. */
export type Operator =
  /** `values[t]`; past the end the pattern repeats. */
  | { readonly op: "const"; readonly out: number; readonly values: Float64Array }
  | { readonly op: "literal"; readonly out: number; readonly value: number }
  /** The telemetry cell `inputs[input]` of this bin. Missing: NaN, 0, or `hold`, its own value in the bin before (NaN in bin 0). */
  | { readonly op: "input"; readonly out: number; readonly input: number; readonly gap: CellGap }
  /** The telemetry cell `inputs[input]` of this bin, or, where it is missing, `model`. */
  | { readonly op: "fed"; readonly out: number; readonly input: number; readonly model: number }
  | { readonly op: "copy"; readonly out: number; readonly a: number }
  | { readonly op: BinaryFunction | ShareFunction; readonly out: number; readonly a: number; readonly b: number }
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
  /** capacity·(demand/total) where total > capacity, else +∞: what a shared capacity leaves to one demand (§7.4). */
  | {
      readonly op: "allocate";
      readonly out: number;
      readonly demand: number;
      readonly total: number;
      readonly capacity: number;
    }
  /** `limit` where `measured` > `limit`, else `a`. */
  | {
      readonly op: "limit";
      readonly out: number;
      readonly a: number;
      readonly measured: number;
      readonly limit: number;
    }
  /** End-of-bin queue depth with optional loss and dispatch gate (engine.md §6.4). */
  | {
      readonly op: "queue";
      readonly out: number;
      /** Column with the depth of the bin before: `out`, or the series that telemetry or a limit may put in its place. */
      readonly previous: number;
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
    }
  /** What a dispatch gate lets through of a total (engine.md §7.2.3). */
  | ({ readonly op: "gateTotal"; readonly out: number; readonly a: number; readonly capacity: number | null } & Gate)
  /** The same of a class of that total: `before` and `after` are the total's columns. */
  | ({
      readonly op: "gateClass";
      readonly out: number;
      readonly a: number;
      readonly before: number;
      readonly after: number;
    } & Gate)
  /** Shares scaled to add up to `total` (§7.2.1). Like the following, an operator with several outputs. */
  | {
      readonly op: "normalise";
      readonly outs: readonly number[];
      readonly shares: readonly number[];
      readonly total: number;
    }
  /** Shares of the winning side of MIN or MAX (§7.2.2); `firstLeft`, `firstRight` receive the first bin a side won. */
  | {
      readonly op: "winningSide";
      readonly outs: readonly number[];
      /** Per class of `outs`: its column on the left, null when the left has it not. The same on the right. */
      readonly left: readonly (number | null)[];
      readonly right: readonly (number | null)[];
      readonly leftTotal: number;
      readonly rightTotal: number;
      readonly total: number;
      readonly firstLeft: number;
      readonly firstRight: number;
    }
  /** A queue per class, not scaled to the depth (§7.2.3); null where a side has no such class. */
  | {
      readonly op: "classQueues";
      readonly outs: readonly number[];
      readonly inflow: readonly (number | null)[];
      readonly outflow: readonly (number | null)[];
      readonly loss: readonly (number | null)[];
      readonly initialDepth: number;
    }
  /** A retry echo shared among edges by their flow (§7.6.2). */
  | {
      readonly op: "retryShares";
      readonly outs: readonly number[];
      readonly flows: readonly number[];
      readonly echo: number;
    };

/** Operators of the class and edge layer; they are evaluated as a whole, one by one. */
export type ClassOperator = Extract<
  Operator,
  { op: "gateTotal" | "gateClass" | "normalise" | "winningSide" | "classQueues" | "retryShares" }
>;

export interface Gate {
  readonly period: number;
  /** 0 … period − 1. */
  readonly phase: number;
}

/** Columns that an operator writes. */
export function outputsOf(operator: Operator): readonly number[] {
  if (!("outs" in operator)) return [operator.out];
  return operator.op === "winningSide" ? [...operator.outs, operator.firstLeft, operator.firstRight] : operator.outs;
}

/** Columns that an operator reads in the bin that it writes. */
export function sameBinOperandsOf(operator: Operator): readonly number[] {
  if (operator.op === "shift") return [];
  const operands = operandsOf(operator);
  return operator.op === "queue" && operator.previous !== operator.out
    ? operands.filter((column) => column !== operator.previous)
    : operands;
}

/** Columns that an operator reads, of its own bin or earlier ones, its own earlier values left out. */
export function operandsOf(operator: Operator): readonly number[] {
  const present = (columns: readonly (number | null)[]): readonly number[] =>
    columns.filter((column) => column !== null);
  switch (operator.op) {
    case "const":
    case "literal":
    case "input":
      return [];
    case "clamp":
      return [operator.a, operator.low, operator.high];
    case "pulse":
      return present([operator.amplitude]);
    case "fed":
      return [operator.model];
    case "queue":
      return present([
        operator.inflow,
        operator.outflow,
        operator.loss,
        operator.dispatch?.capacity ?? null,
        operator.previous === operator.out ? null : operator.previous,
      ]);
    case "allocate":
      return [operator.demand, operator.total, operator.capacity];
    case "limit":
      return [operator.a, operator.measured, operator.limit];
    case "gateTotal":
      return present([operator.a, operator.capacity]);
    case "gateClass":
      return [operator.a, operator.before, operator.after];
    case "normalise":
      return [...operator.shares, operator.total];
    case "winningSide":
      return [
        ...present(operator.left),
        ...present(operator.right),
        operator.leftTotal,
        operator.rightTotal,
        operator.total,
      ];
    case "classQueues":
      return [...present(operator.inflow), ...present(operator.outflow), ...present(operator.loss)];
    case "retryShares":
      return [...operator.flows, operator.echo];
    default:
      return "b" in operator ? [operator.a, operator.b] : [operator.a];
  }
}

/** The operator with every column renamed. */
export function withColumns(operator: Operator, rename: (column: number) => number): Operator {
  const optional = (column: number | null): number | null => (column === null ? null : rename(column));
  const all = (columns: readonly number[]): number[] => columns.map(rename);
  const some = (columns: readonly (number | null)[]): (number | null)[] => columns.map(optional);
  switch (operator.op) {
    case "const":
    case "literal":
    case "input":
      return { ...operator, out: rename(operator.out) };
    case "fed":
      return { ...operator, out: rename(operator.out), model: rename(operator.model) };
    case "clamp":
      return {
        ...operator,
        out: rename(operator.out),
        a: rename(operator.a),
        low: rename(operator.low),
        high: rename(operator.high),
      };
    case "pulse":
      return { ...operator, out: rename(operator.out), amplitude: optional(operator.amplitude) };
    case "queue":
      return {
        ...operator,
        out: rename(operator.out),
        previous: rename(operator.previous),
        inflow: rename(operator.inflow),
        outflow: rename(operator.outflow),
        loss: optional(operator.loss),
        dispatch: operator.dispatch && { ...operator.dispatch, capacity: optional(operator.dispatch.capacity) },
      };
    case "allocate":
      return {
        ...operator,
        out: rename(operator.out),
        demand: rename(operator.demand),
        total: rename(operator.total),
        capacity: rename(operator.capacity),
      };
    case "limit":
      return {
        ...operator,
        out: rename(operator.out),
        a: rename(operator.a),
        measured: rename(operator.measured),
        limit: rename(operator.limit),
      };
    case "gateTotal":
      return { ...operator, out: rename(operator.out), a: rename(operator.a), capacity: optional(operator.capacity) };
    case "gateClass":
      return {
        ...operator,
        out: rename(operator.out),
        a: rename(operator.a),
        before: rename(operator.before),
        after: rename(operator.after),
      };
    case "normalise":
      return { ...operator, outs: all(operator.outs), shares: all(operator.shares), total: rename(operator.total) };
    case "winningSide":
      return {
        ...operator,
        outs: all(operator.outs),
        left: some(operator.left),
        right: some(operator.right),
        leftTotal: rename(operator.leftTotal),
        rightTotal: rename(operator.rightTotal),
        total: rename(operator.total),
        firstLeft: rename(operator.firstLeft),
        firstRight: rename(operator.firstRight),
      };
    case "classQueues":
      return {
        ...operator,
        outs: all(operator.outs),
        inflow: some(operator.inflow),
        outflow: some(operator.outflow),
        loss: some(operator.loss),
      };
    case "retryShares":
      return { ...operator, outs: all(operator.outs), flows: all(operator.flows), echo: rename(operator.echo) };
    case "shift":
    case "convolve":
    case "copy":
    case "floor":
    case "ceil":
    case "round":
    case "finiteOrZero":
      return { ...operator, out: rename(operator.out), a: rename(operator.a) };
    default:
      return { ...operator, out: rename(operator.out), a: rename(operator.a), b: rename(operator.b) };
  }
}
