import { normalise } from "../formulas.ts";
import { cell, type MetricsSummary } from "./answers.ts";
import type { ConstraintLayer } from "./constraints.ts";
import type { NodeData } from "./node-data.ts";

/** Share of arrivals that has to be served in a bin for it to count as met: FlowTime's bound. */
const MET_RATIO = 0.95;

/**
 * How a node kept up with its arrivals in some bins (engine.md §8.5), by the figures that a window shows of it. Ratios are
 * not rounded once more.
 */
export function serviceSummary(
  data: NodeData,
  bins: readonly number[],
  constraints: ConstraintLayer,
): MetricsSummary["services"][number] {
  const { arrivals } = data.roles;
  const mini = bins.map((bin) => {
    return cell(servedRatio(constraints.shownServed(data, bin), normalise(arrivals?.[bin] ?? Number.NaN)));
  });
  const counted = mini.filter((ratio) => ratio !== null);
  const binsMet = counted.filter((ratio) => ratio >= MET_RATIO).length;
  const slaPct = counted.length === 0 ? 0 : binsMet / counted.length;
  return { id: data.id, slaPct, binsMet, binsTotal: counted.length, mini };
}

function servedRatio(served: number, arrivals: number): number {
  if (!Number.isFinite(served) || !Number.isFinite(arrivals)) return Number.NaN;
  return arrivals <= 0 ? 1 : Math.min(1, Math.max(0, served / arrivals));
}
