import { evaluateTotals, type WindowOptions } from "./batch.ts";
import { decomposeClasses, type NodeClasses } from "./batch-classes.ts";
import { ClassShares } from "./batch-contribution.ts";
import type { BatchModel, Totals } from "./batch-model.ts";
import { splitRoutes } from "./batch-route-split.ts";

export interface RoutedTotals {
  /** Every node by its own definition. */
  readonly base: Totals;
  /** What routers send, by target. Computed from `base` alone: a router behind another one sees unrouted values (D6). */
  readonly overrides: Totals;
  /** What a run publishes. */
  readonly totals: Totals;
}

/**
 * Both passes of engine.md §1.2: the base pass, and, when there is a router, exactly one evaluation of every node again
 * with the routers' targets overridden. Targets that telemetry feeds keep their telemetry.
 */
export function evaluateRouted(
  batch: BatchModel,
  bins: number,
  cell?: WindowOptions["cell"],
  given?: NodeClasses,
): RoutedTotals {
  const options = cell === undefined ? {} : { cell };
  const base = evaluateTotals(batch, bins, options);
  const overrides = routerOverrides(batch, base, given);
  const totals = overrides.size === 0 ? base : evaluateTotals(batch, bins, { ...options, overrides });
  return { base, overrides, totals };
}

function routerOverrides(batch: BatchModel, base: Totals, given: NodeClasses | undefined): Totals {
  const overrides = new Map<string, Float64Array>();
  const routers = batch.model.nodes.filter((node) => node.kind === "router");
  if (routers.length === 0) return overrides;
  const classes = decomposeClasses(batch, base, given === undefined ? {} : { given });
  for (const router of routers) {
    const id = batch.fileSeries.get(router.queue) ?? router.queue;
    const total = base.get(id);
    if (total === undefined) continue;
    for (const share of splitRoutes(router, { total, classes: classes.get(id) ?? new ClassShares() })) {
      const target = overrides.get(share.route.target) ?? new Float64Array(total.length);
      for (let t = 0; t < target.length; t++) target[t]! += share.total[t]!;
      overrides.set(share.route.target, target);
    }
  }
  return overrides;
}
