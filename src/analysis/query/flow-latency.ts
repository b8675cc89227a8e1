import { fold } from "../../lib/fold.ts";
import type { Edge } from "../../model/model.ts";
import { normalise } from "../formulas.ts";
import { edgeLabel, edgeType, endpointNode } from "../topology-view.ts";
import { type NodeData, timesAt } from "./node-data.ts";
import type { BinRange, QueryRun } from "./query-run.ts";

/** Edges that latency travels along. */
const LATENCY_TYPES: ReadonlySet<string> = new Set(["throughput", "effort", "dependency"]);

/** An edge with a flow, between nodes by their place in the topology. */
interface FlowEdge {
  readonly source: number;
  readonly target: number;
  readonly flow: Float64Array;
}

/**
 * Time from entering the flow to leaving each node, milliseconds, by node id (engine.md §8.4): a node's own cycle time
 * plus what its predecessors took, in proportion to what came from each in the same bin. NaN for null.
 */
export function flowLatencies(
  run: QueryRun,
  nodes: readonly NodeData[],
  { start, count }: BinRange,
): ReadonlyMap<string, Float64Array> {
  const edges = run.model.topology?.edges ?? [];
  const order = latencyOrder(
    nodes.map(({ id }) => id),
    edges,
  );
  const incoming = Map.groupBy(flowEdges(run, nodes, edges), ({ target }) => target);
  const latencies = nodes.map(() => new Float64Array(count).fill(Number.NaN));
  for (const place of order) {
    const data = nodes[place]!;
    for (let offset = 0; offset < count; offset++) {
      const bin = start + offset;
      let weighted = 0;
      let total = 0;
      for (const { source, flow } of incoming.get(place) ?? []) {
        const before = latencies[source]![offset]!;
        if (!(flow[bin]! > 0) || Number.isNaN(before)) continue;
        weighted += flow[bin]! * before;
        total += flow[bin]!;
      }
      const { cycleTimeMs } = timesAt(data, data.roles, bin);
      latencies[place]![offset] = flowLatency(
        cycleTimeMs,
        total > 0 ? weighted / total : Number.NaN,
        passes(data, bin),
      );
    }
  }
  return new Map(nodes.map(({ id }, place) => [id, latencies[place]!]));
}

/** Whether anything left the node, or arrived where nothing leaves. */
function passes({ descriptor, roles: { arrivals, served } }: NodeData, bin: number): boolean {
  const passing = descriptor.category === "sink" ? arrivals : served;
  return passing !== undefined && passing[bin]! > 0;
}

/** @param upstream mean latency of what came in; NaN for none, as for the cycle time */
export function flowLatency(cycleTimeMs: number, upstream: number, isPassing: boolean): number {
  if (!isPassing) return Number.NaN;
  const before = normalise(upstream);
  if (Number.isNaN(before)) return cycleTimeMs;
  return Number.isNaN(cycleTimeMs) ? before : cycleTimeMs + before;
}

/** A latency as answers show it. FlowTime rounds it twice, which shows in figures beyond a billion. */
export function shownLatency(flowLatencyMs: number): number {
  return normalise(normalise(flowLatencyMs));
}

/**
 * Places of the nodes such that a node comes behind those that its edges come from; as declared when the edges go round in
 * a circle.
 */
export function latencyOrder(ids: readonly string[], edges: readonly Edge[]): readonly number[] {
  const places = new Map(ids.map((id, place) => [fold(id), place]));
  const targets = ids.map((): number[] => []);
  const waitingFor = ids.map(() => 0);
  for (const edge of edges) {
    if (!carriesLatency(edge)) continue;
    const source = places.get(fold(endpointNode(edge.from)));
    const target = places.get(fold(endpointNode(edge.to)));
    if (source === undefined || target === undefined) continue;
    targets[source]!.push(target);
    waitingFor[target]!++;
  }
  const order = [...ids.keys()].filter((place) => waitingFor[place] === 0);
  for (const place of order) {
    for (const target of targets[place]!) {
      waitingFor[target]!--;
      if (waitingFor[target] === 0) order.push(target);
    }
  }
  return order.length === ids.length ? order : [...ids.keys()];
}

export function carriesLatency(edge: Edge): boolean {
  return LATENCY_TYPES.has(edgeType(edge));
}

function flowEdges(run: QueryRun, nodes: readonly NodeData[], edges: readonly Edge[]): readonly FlowEdge[] {
  const places = new Map(nodes.map(({ id }, place) => [fold(id), place]));
  const flows = new Map(
    run.edgeSeries
      .filter(({ metric, classId }) => metric === "flowVolume" && classId === null)
      .map(({ edgeId, values }) => [edgeId, values.map(normalise)]),
  );
  return edges.filter(carriesLatency).flatMap((edge) => {
    const source = places.get(fold(endpointNode(edge.from)));
    const target = places.get(fold(endpointNode(edge.to)));
    const flow = flows.get(edgeLabel(edge));
    return source === undefined || target === undefined || flow === undefined ? [] : [{ source, target, flow }];
  });
}
