import { analyseWindow } from "../analysis/batch-analysis.ts";
import { routerClasses } from "../engine/batch-classes.ts";
import { edgeSeries } from "../engine/batch-edges.ts";
import { runDirect, runSimulation } from "../engine/batch-run.ts";
import type { Plan } from "../model/plan.ts";
import type { RunValues } from "./run-image.ts";

/**
 * A run of all bins, series by series over the whole window: no row, no state machine, nothing of a live run. What
 * `flowtime run --batch` does.
 */
export function batchValues(plan: Plan, mode: "direct" | "simulation"): RunValues {
  const { source } = plan;
  const { bins } = source.grid;
  const run = mode === "direct" ? runDirect(source, bins) : runSimulation(source, bins, undefined, plan.modes);
  const { batch, totals, classes, generated } = run;
  const edges = mode === "direct" ? [] : edgeSeries(batch, totals, classes);
  const ids = [...totals.keys()];
  const analysed = {
    model: batch.model,
    columns: ids.map((id) => ({ id, origin: "node" as const })),
    columnOf: new Map(ids.map((id, column) => [id, column])),
    generated,
  };
  const flows = { edges, classes, routers: routerClasses(batch, totals) };
  return {
    plan,
    bins,
    series: Array.from(totals, ([id, values]) => ({ id, values })),
    classSeries: new Map(
      Array.from(classes, ([id, shares]) => [id, Array.from(shares, ([classId, values]) => ({ classId, values }))]),
    ),
    edgeSeries: edges,
    fileSeries: [],
    warnings: analyseWindow(analysed, (column) => totals.get(ids[column]!)!, bins, flows),
  };
}
