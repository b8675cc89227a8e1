import { analyseWindow } from "../analysis/batch-analysis.ts";
import type { WindowFlows } from "../analysis/batch-flow-warnings.ts";
import type { Warning } from "../analysis/warning.ts";
import { routerClasses } from "../engine/batch-classes.ts";
import { ClassShares } from "../engine/batch-contribution.ts";
import type { EdgeMetric } from "../engine/batch-edges.ts";
import { batchOfPlan } from "../engine/batch-model.ts";
import type { Plan } from "../model/plan.ts";

/** Whether a model has what the incremental analyser does not look at: routers that classes may pass. */
export function hasRoutedClasses(plan: Plan): boolean {
  return plan.classSeries.length > 0 && plan.model.nodes.some(({ kind }) => kind === "router");
}

/** Edges and classes of the bins so far. */
export interface Flows {
  /** Shares of classes by node id, classes in FlowTime's order. */
  readonly classSeries: ReadonlyMap<string, readonly { readonly classId: string; readonly values: Float64Array }[]>;
  /** Series of edges in FlowTime's order; `classId` null for the total. */
  readonly edgeSeries: readonly {
    readonly edgeId: string;
    readonly metric: EdgeMetric;
    readonly classId: string | null;
    readonly values: Float64Array;
  }[];
}

/**
 * Run warnings of a model with routers, over all bins so far at once: the incremental analyser has all of them but the
 * routers' own. Costs a pass over the window, so it is for snapshots.
 */
export function windowWarnings(
  plan: Plan,
  bins: number,
  { classSeries, edgeSeries }: Flows,
  values: (column: number) => Float64Array,
): readonly Warning[] {
  const batch = batchOfPlan(plan);
  const totals = new Map([...plan.columnOf].map(([id, column]) => [id, values(column)]));
  const flows: WindowFlows = {
    edges: edgeSeries,
    classes: new Map(
      [...classSeries].map(([nodeId, classes]) => [
        nodeId,
        new ClassShares(classes.map(({ classId, values: share }) => [classId, share] as const)),
      ]),
    ),
    routers: routerClasses(batch, totals),
  };
  return analyseWindow(plan, values, bins, flows);
}
