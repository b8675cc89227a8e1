import { fold } from "../lib/fold.ts";
import { isFileReference, seriesNodeId } from "../model/descriptor.ts";
import { evaluateTotals, type Overrides, type WindowOptions } from "./batch.ts";
import type { NodeClasses } from "./batch-classes.ts";
import type { BatchModel, Totals } from "./batch-model.ts";
import { evaluateRouted } from "./batch-router.ts";

/** How often FlowTime's library evaluates a window again for its overflow to settle (engine.md §6.4.4). */
export const FLOWTIME_ROUNDS = 10;

export interface EnforcedTotals {
  readonly totals: Totals;
  /** Whether overflow settled: the totals are those that a causal evaluation gives. */
  readonly isSettled: boolean;
}

/**
 * A whole window with routers, then with what enforced constraints leave of served series (§7.4), then with overflow
 * added to the inflow of its targets, again and again until nothing changes (§6.4.4).
 *
 * @param maxRounds overflow that comes through one queue after another, or is fed back over bins, takes a round for each
 *   step. Default FlowTime's.
 */
export function evaluateEnforced(
  batch: BatchModel,
  bins: number,
  cell?: WindowOptions["cell"],
  given?: NodeClasses,
  maxRounds: number = FLOWTIME_ROUNDS,
): EnforcedTotals {
  const options = cell === undefined ? {} : { cell };
  const { overrides: routed, totals: unlimited } = evaluateRouted(batch, bins, cell, given);
  const limited = withConstraints(batch, unlimited, routed);
  const base = limited === routed ? unlimited : evaluateTotals(batch, bins, { ...options, overrides: limited });
  let totals = base;
  let inflows: Totals = new Map();
  for (let round = 0; round <= maxRounds; round++) {
    const next = inflowsWithOverflow(batch, base, totals);
    if (isSame(inflows, next)) return { totals, isSettled: true };
    inflows = next;
    totals = evaluateTotals(batch, bins, { ...options, overrides: new Map([...limited, ...inflows]) });
  }
  return { totals, isSettled: false };
}

/** The overrides, and in bins in which a constraint leaves a series less than it would be: what it leaves. */
function withConstraints({ model, constraints, fileSeries }: BatchModel, totals: Totals, routed: Overrides): Overrides {
  const valuesOf = (reference: string | undefined): Float64Array | undefined => {
    const id = reference === undefined ? undefined : idOf(reference, fileSeries);
    return id === undefined ? undefined : totals.get(id);
  };
  const positive = (value: number | undefined): number =>
    value !== undefined && Number.isFinite(value) && value > 0 ? value : 0;
  const overrides = new Map<string, ArrayLike<number | undefined>>(routed);
  const shares = new Map<string, number[]>();
  for (const constraint of constraints) {
    const capacity = valuesOf(constraint.series.served);
    const nodes = (model.topology?.nodes ?? []).filter((node) =>
      node.constraints.some((name) => fold(name) === fold(constraint.id)),
    );
    if (capacity === undefined) continue;
    for (let t = 0; t < capacity.length; t++) {
      const demands = nodes.map(({ semantics }) => positive(valuesOf(semantics.series.arrivals)?.[t]));
      const total = demands.reduce((a, b) => a + b, 0);
      const available = positive(capacity[t]);
      if (!(total > available)) continue;
      nodes.forEach(({ semantics }, index) => {
        const served = valuesOf(semantics.series.served);
        if (served === undefined) return;
        const id = idOf(semantics.series.served!, fileSeries)!;
        const least = shares.get(id) ?? new Array<number>(capacity.length).fill(Number.POSITIVE_INFINITY);
        shares.set(id, least);
        least[t] = Math.min(least[t]!, available * (demands[index]! / total));
      });
    }
  }
  for (const [id, least] of shares) {
    const served = totals.get(id)!;
    const before = overrides.get(id);
    overrides.set(
      id,
      least.map((share, t) => (served[t]! > share ? share : before?.[t])),
    );
  }
  return shares.size === 0 ? routed : overrides;
}

function idOf(reference: string, fileSeries: ReadonlyMap<string, string>): string | undefined {
  return fileSeries.get(reference) ?? (isFileReference(reference) ? undefined : seriesNodeId(reference));
}

/** Inflow of every queue that overflow is sent to: what it is by itself, and the overflow. */
function inflowsWithOverflow({ nodes, model }: BatchModel, base: Totals, totals: Totals): Totals {
  const inflows = new Map<string, Float64Array>();
  for (const node of model.nodes) {
    if (node.kind !== "overflow") continue;
    const queue = nodes.get(node.queue);
    const target =
      queue?.kind === "serviceWithBuffer" && queue.wip?.overflow ? nodes.get(queue.wip.overflow) : undefined;
    if (target?.kind !== "serviceWithBuffer") continue;
    const before = inflows.get(target.inflow) ?? base.get(target.inflow)!;
    const overflow = totals.get(node.id)!;
    inflows.set(
      target.inflow,
      before.map((value, t) => value + overflow[t]!),
    );
  }
  return inflows;
}

function isSame(a: Totals, b: Totals): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([id, values]) => values.every((value, t) => Object.is(value, b.get(id)?.[t])));
}
