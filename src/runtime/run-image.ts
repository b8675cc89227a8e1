import type { Warning as CoreWarning } from "../analysis/warning.ts";
import type { EdgeMetric } from "../engine/batch-edges.ts";
import { type BlockStore, columnsOfRows, type StoredRows } from "../engine/history.ts";
import { fold } from "../lib/fold.ts";
import { type ClassOrder, classesInOrder, NO_CLASSES } from "../model/class-order.ts";
import { type EdgeSeriesColumn, inputName, type Plan } from "../model/plan.ts";
import type { Adjustment } from "../protocol/run.ts";
import type { Warning } from "../protocol/run-event.ts";
import type { RevisedBins } from "../snapshot/live-definition.ts";
import type { RunDefinition } from "./run-definition.ts";

/** What was computed of a model's first bins. */
export interface RunValues {
  readonly plan: Plan;
  readonly bins: number;
  /** Values of every computation node by id, in evaluation order. */
  readonly series: readonly { readonly id: string; readonly values: Float64Array }[];
  /** Values of series that exist only because telemetry feeds a `file:` reference, by that reference. */
  readonly fileSeries: readonly { readonly reference: string; readonly values: Float64Array }[];
  /** Shares of classes by node id, classes in FlowTime's order. */
  readonly classSeries: ReadonlyMap<string, readonly { readonly classId: string; readonly values: Float64Array }[]>;
  /** Series of edges in FlowTime's order; `classId` null for the total. */
  readonly edgeSeries: readonly {
    readonly edgeId: string;
    readonly metric: EdgeMetric;
    readonly classId: string | null;
    readonly values: Float64Array;
  }[];
  /** Run warnings at the last bin, in FlowTime's order. */
  readonly warnings: readonly CoreWarning[];
}

/** What a run knows of itself at its newest evaluated bin, beside its values. */
export interface RunFacts {
  readonly definition: RunDefinition;
  readonly bins: number;
  /** Run warnings at the last bin, in FlowTime's order. */
  readonly warnings: readonly CoreWarning[];
  readonly ingestWarnings: readonly Warning[];
  readonly adjustments: readonly Adjustment[];
  readonly revisions: readonly RevisedBins[];
  readonly seq: number;
  readonly hash: string;
}

/**
 * A run as of its newest evaluated bin, cheap to take however long the run is: values are not copied but shared, and the run
 * changes none of them afterwards. Survives being sent to another thread.
 */
export interface SnapshotRequest extends RunFacts {
  /** The model in force. */
  readonly modelText: string;
  readonly rows: StoredRows;
  /** Open file of the rows that are not in memory; null when all are. */
  readonly rowFile: number | null;
  /** The newest bin, all columns of the plan. */
  readonly lastRow: Float64Array;
  /** Bins before this one are as they were in the request before; 0 in the first. */
  readonly changedFrom: number;
}

/** Everything a snapshot on disk needs. */
export interface RunImage extends RunValues, RunFacts {
  /** What telemetry fed, in column order; NaN where nothing came. */
  readonly inputs: readonly { readonly seriesId: string; readonly values: Float64Array }[];
}

/**
 * @param plan of the request's model text and bindings
 * @param store of the rows that are not in memory; null when all are
 */
export function imageOf(request: SnapshotRequest, plan: Plan, store: Pick<BlockStore, "read"> | null): RunImage {
  const { definition, bins, warnings, ingestWarnings, adjustments, revisions, seq, hash } = request;
  const values = columnReader(request, plan, store);
  const present = (order: ClassOrder): readonly string[] => classesInOrder(order, (column) => request.lastRow[column]!);
  return {
    definition,
    plan,
    bins,
    series: plan.order.map((id) => lazily({ id }, plan.columnOf.get(id)!, values)),
    classSeries: classSeries(plan, values, present),
    edgeSeries: edgeSeries(plan, values, present),
    fileSeries: fileSeries(plan, values),
    warnings,
    ingestWarnings,
    inputs: plan.bound.map((series) => lazily({ seriesId: inputName(series) }, series.column, values)),
    adjustments,
    revisions,
    seq,
    hash,
  };
}

/** Rows in a file are read once, for all columns; from memory a column is copied when it is asked for. */
function columnReader(request: SnapshotRequest, plan: Plan, store: Pick<BlockStore, "read"> | null): Values {
  if (request.rowFile === null) return (column) => columnsOfRows(request.rows, [column], store)[0]!;
  const all = plan.columns.slice(0, plan.seriesCount).map((_, column) => column);
  const columns = columnsOfRows(request.rows, all, store);
  return (column) => columns[column]!;
}

/** A series whose values are copied each time they are asked for, so that not all are in memory at once. */
function lazily<T extends object>(names: T, column: number, values: Values): T & { readonly values: Float64Array } {
  return Object.defineProperty(names, "values", { enumerable: true, get: () => values(column) }) as T & {
    readonly values: Float64Array;
  };
}

type Values = (column: number) => Float64Array;
/** Classes that have come up so far. */
type Present = (order: ClassOrder) => readonly string[];

function classSeries(plan: Plan, values: Values, present: Present): RunValues["classSeries"] {
  return new Map(
    plan.classSeries.map(({ nodeId, order, columns }) => {
      const columnOf = new Map(columns.map(({ classId, column }) => [fold(classId), column]));
      const classes = present(order).map((classId) => lazily({ classId }, columnOf.get(fold(classId))!, values));
      return [nodeId, classes] as const;
    }),
  );
}

function edgeSeries(plan: Plan, values: Values, present: Present): RunValues["edgeSeries"] {
  // A total and the classes behind it, which come in the order in which they have come up.
  const groups: EdgeSeriesColumn[][] = [];
  for (const entry of plan.edgeSeries) {
    if (entry.classId === null) groups.push([entry]);
    else groups.at(-1)!.push(entry);
  }
  return groups.flatMap(([total, ...classes]) => {
    const order = classes[0]?.order ?? NO_CLASSES;
    const shown = present(order).flatMap((classId) =>
      classes.filter((entry) => fold(entry.classId ?? "") === fold(classId)),
    );
    return [total!, ...shown].flatMap(({ edgeId, metric, classId, column, needsPositive }) => {
      const isThere = !needsPositive || values(column).some((value) => value > 0);
      return isThere ? [lazily({ edgeId, metric, classId }, column, values)] : [];
    });
  });
}

function fileSeries({ bound, columns, model }: Plan, values: Values): RunValues["fileSeries"] {
  return bound.flatMap(({ column, feeds }) => {
    const feed = feeds[0];
    if (columns[column]!.origin !== "telemetry" || feed === undefined) return [];
    const node = model.topology?.nodes.find(({ id }) => id === feed.nodeId);
    const reference = node?.semantics.series[feed.role];
    return reference === undefined ? [] : [lazily({ reference }, column, values)];
  });
}
