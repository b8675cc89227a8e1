import { fold } from "../../lib/fold.ts";
import { volumeFactor } from "../../model/edge-view.ts";
import type { Edge } from "../../model/model.ts";
import { normalise } from "../formulas.ts";
import { endpointNode } from "../topology-view.ts";
import { attemptsOf, failuresOf, type NodeData } from "./node-data.ts";
import type { BinRange } from "./query-run.ts";

/** Values of a retry edge over a range, NaN for null (engine.md §7.6.3). */
export interface RetryEdge {
  readonly edge: Edge;
  readonly id: string;
  readonly lag: number;
  readonly attemptsVolume: Float64Array;
  readonly failuresVolume: Float64Array;
  readonly retryRate: Float64Array;
}

/** Measures whose edges carry attempts and failures of their source. */
const RETRY_MEASURES: ReadonlySet<string> = new Set(["attempts", "failures", "exhaustedfailures"]);

/** Edges about attempts and failures, as queries derive them from the rounded figures of their sources. */
export function retryEdges(
  edges: readonly Edge[],
  nodes: ReadonlyMap<string, NodeData>,
  { start, count }: BinRange,
): readonly RetryEdge[] {
  return edges.flatMap((edge) => {
    const measure = edge.measure?.trim().toLowerCase() ?? "";
    const source = nodes.get(fold(endpointNode(edge.from)));
    if (!RETRY_MEASURES.has(measure) || source === undefined) return [];
    const attempts = attemptsOf(source);
    if (attempts === null) return [];
    const failures = measure === "exhaustedfailures" ? source.roles.exhaustedFailures : failuresOf(source.roles);
    const factor = volumeFactor(edge);
    const lag = Math.max(0, edge.lag ?? 0);
    const attemptsAt = (bin: number): number => normalise(attempts(bin));
    const failuresAt = (bin: number): number => normalise(failures?.[bin] ?? Number.NaN);
    const sampled = (value: (bin: number) => number): Float64Array =>
      Float64Array.from({ length: count }, (_, offset) => {
        const bin = start + offset - lag;
        return bin < 0 ? Number.NaN : value(bin);
      });
    return {
      edge,
      id: edge.id ?? `${edge.from}->${edge.to}:${edge.measure}`,
      lag,
      attemptsVolume: sampled((bin) => normalise(attemptsAt(bin) * factor)),
      failuresVolume: sampled((bin) => normalise(failuresAt(bin) * factor)),
      retryRate: sampled((bin) => retryRate(attemptsAt(bin), failuresAt(bin))),
    };
  });
}

function retryRate(attempts: number, failures: number): number {
  if (!(attempts > 0)) return Number.NaN;
  return normalise((Number.isFinite(failures) ? failures : 0) / attempts);
}
