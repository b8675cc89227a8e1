import { generateNodes } from "../model/generate.ts";
import type { Model } from "../model/model.ts";
import type { EnforcementModes } from "../model/plan.ts";
import { limitQueues } from "../model/wip-limits.ts";
import { evaluateTotals, type WindowOptions } from "./batch.ts";
import { decomposeClasses, type NodeClasses } from "./batch-classes.ts";
import { evaluateEnforced } from "./batch-enforcement.ts";
import { type BatchModel, prepareBatch, type Totals } from "./batch-model.ts";
import { evaluateRouted } from "./batch-router.ts";
import { withZeroReads } from "./batch-zero-reads.ts";

/** A whole run at once. */
export interface BatchRun {
  /** With generated nodes: what classes, edges and warnings are computed on. */
  readonly batch: BatchModel;
  /** Published totals, in the order in which a run writes them. */
  readonly totals: Totals;
  readonly classes: NodeClasses;
  /** Ids that compilation generated and this run evaluated. */
  readonly generated: readonly string[];
}

/**
 * An orchestrated run (path P2 of engine.md §1.1): everything on the model with its generated nodes.
 *
 * @param model as written; a model with a same-bin cycle has no meaning here
 * @param modes limits to enforce. Default none
 */
export function runSimulation(
  model: Model,
  bins: number,
  cell?: WindowOptions["cell"],
  modes?: Partial<EnforcementModes>,
): BatchRun {
  const written = generateNodes(model);
  const { model: compiled, generated } = modes?.wip ? limitQueues(written, model.nodes.length) : written;
  const batch = prepareBatch(compiled, { constraints: modes?.constraints ? (model.topology?.constraints ?? []) : [] });
  // A causal run computes what overflow settles at, however long its way through queues and bins is.
  const overflows = compiled.nodes.filter(({ kind }) => kind === "overflow").length;
  const { totals } = evaluateEnforced(batch, bins, cell, undefined, bins * overflows + 1);
  return { batch, totals, classes: decomposeClasses(batch, totals), generated };
}

/**
 * A direct run (path P1): both passes on the model as written, so routers do not see generated nodes; then generated
 * nodes on top of the finished series. A generated node within a feedback group is left out: FlowTime's writer skips a
 * group whose first member is already there. What FlowTime reads as zero by defect D3 is zero here too.
 */
export function runDirect(model: Model, bins: number, cell?: WindowOptions["cell"]): BatchRun {
  const { trees: classTrees } = prepareBatch(model);
  const written = evaluateRouted({ ...prepareBatch(withZeroReads(model) ?? model), classTrees }, bins, cell).totals;
  const { model: compiled, generated: all } = generateNodes(model);
  const batch = prepareBatch(compiled);
  const generated = all.filter((id) => !batch.feedback.has(id));
  const whole = evaluateTotals(batch, bins, { ...(cell === undefined ? {} : { cell }), overrides: written });
  const added = batch.order.filter((id) => generated.includes(id)).map((id) => [id, whole.get(id)!] as const);
  const totals = new Map([...written, ...added]);
  return { batch, totals, classes: decomposeClasses(batch, totals), generated };
}
