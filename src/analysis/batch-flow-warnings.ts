import type { NodeClasses, RouterClasses } from "../engine/batch-classes.ts";
import type { ClassShares } from "../engine/batch-contribution.ts";
import type { EdgeValues } from "../engine/batch-edges.ts";
import { isClassRoute } from "../engine/batch-route-split.ts";
import { fold } from "../lib/fold.ts";
import type { Edge, Model, SeriesRole } from "../model/model.ts";
import { MESSAGES, sortedClasses } from "./messages.ts";
import { edgeLabel, isFlowEdge, type NodeView, roleId } from "./topology-view.ts";
import { finiteOrNull, MAX_REPORTED_BINS, TOLERANCE, type Warning } from "./warning.ts";

/** What warnings about flows need besides node series. */
export interface WindowFlows {
  /** Empty in runs without edge series (direct runs): then nothing is said about edges. */
  readonly edges: readonly EdgeValues[];
  readonly classes: NodeClasses;
  readonly routers: readonly RouterClasses[];
}

export const NO_FLOWS: WindowFlows = { edges: [], classes: new Map(), routers: [] };

/** A warning without key and severity, which is always `warning`. */
export type FlowFinding = Pick<Warning, "code" | "nodeId" | "message"> &
  Partial<Pick<Warning, "bins" | "value" | "edgeIds">> & {
    /** Tells findings of one code and node apart. */
    readonly discriminator?: string;
  };

/** Total of a series by its id; null when it was not evaluated. */
export type SeriesLookup = (seriesId: string) => Float64Array | null;

type Side = "outgoing" | "incoming";

/** Whether flows, classes and routers add up (engine.md §9.2), over whole windows. */
export class FlowWarnings {
  private readonly flows: WindowFlows;
  private readonly series: SeriesLookup;
  private readonly bins: number;
  /** Flow of an edge by its label: in total, and by class. */
  private readonly totals = new Map<string, Float64Array>();
  private readonly shares = new Map<string, Map<string, Float64Array>>();

  constructor(flows: WindowFlows, series: SeriesLookup, bins: number) {
    this.flows = flows;
    this.series = series;
    this.bins = bins;
    for (const { edgeId, metric, classId, values } of flows.edges) {
      if (metric !== "flowVolume") continue;
      if (classId === null) this.totals.set(edgeId, values);
      else this.shares.set(edgeId, (this.shares.get(edgeId) ?? new Map()).set(fold(classId), values));
    }
  }

  /** Findings about the edges of a topology node. */
  edges(view: NodeView): readonly FlowFinding[] {
    return [
      ...this.totalMismatch(view, "outgoing"),
      ...this.totalMismatch(view, "incoming"),
      ...this.classMismatch(view, "outgoing"),
      ...this.classMismatch(view, "incoming"),
    ];
  }

  private totalMismatch(view: NodeView, side: Side): readonly FlowFinding[] {
    const own = this.roleSeries(view, side === "outgoing" ? "served" : "arrivals");
    const edges = view[side].filter(isFlowEdge);
    const flows = edges.map((edge) => this.totals.get(edgeLabel(edge)));
    if (own === null || edges.length === 0 || flows.includes(undefined)) return [];
    const { bins, worst } = this.compare(own, sumOf(edges, flows, side, this.bins));
    if (bins.length === 0) return [];
    return [
      {
        code: `edge_flow_mismatch_${side}`,
        nodeId: view.id,
        message: MESSAGES.edge_flow_mismatch(side, view[side].map(edgeLabel)),
        bins: bins.slice(0, MAX_REPORTED_BINS),
        value: finiteOrNull(worst),
        edgeIds: view[side].map(edgeLabel),
      },
    ];
  }

  private classMismatch(view: NodeView, side: Side): readonly FlowFinding[] {
    const reference = roleId(view, side === "outgoing" ? "served" : "arrivals");
    const classes = reference === null ? undefined : this.flows.classes.get(reference);
    const edges = view[side].filter(isFlowEdge);
    const shares = edges.map((edge) => this.shares.get(edgeLabel(edge)));
    if (classes === undefined || shares.every((byClass) => byClass === undefined)) return [];
    const differing: string[] = [];
    let isCovered = true;
    const allBins: number[] = [];
    let allWorst = 0;
    for (const [classId, own] of classes) {
      const flows = shares.map((byClass) => byClass?.get(fold(classId)));
      if (flows.every((flow) => flow === undefined)) isCovered = false;
      const { bins, worst } = this.compare(own, sumOf(edges, flows, side, this.bins));
      if (bins.length === 0) continue;
      differing.push(classId);
      allBins.push(...bins);
      allWorst = Math.max(allWorst, worst);
    }
    // A class that no edge carries counts as a difference only where the node has some of it.
    if (differing.length === 0) return [];
    return [
      {
        code: isCovered ? "edge_class_mismatch" : "edge_class_partial_coverage",
        nodeId: view.id,
        discriminator: side,
        message: MESSAGES.edge_class_mismatch(side, sortedClasses(differing), view[side].map(edgeLabel)),
        bins: allBins.slice(0, MAX_REPORTED_BINS),
        value: finiteOrNull(allWorst),
        edgeIds: view[side].map(edgeLabel),
      },
    ];
  }

  /** Findings about routers and classes, which come after those about all nodes. */
  classes(model: Model, views: readonly NodeView[]): readonly FlowFinding[] {
    if (this.flows.classes.size === 0) return [];
    const findings = this.flows.routers.flatMap((router) => this.routerFindings(router));
    for (const node of model.nodes) {
      if (node.kind !== "serviceWithBuffer") continue;
      findings.push(...this.coverage(node.id, node.inflow, { outflow: node.outflow, loss: node.loss }));
    }
    const isBuffered = (view: NodeView): boolean => view.descriptor.identity === "serviceWithBuffer";
    for (const view of [...views.filter(isBuffered), ...views.filter((view) => !isBuffered(view))]) {
      const [served, errors] = [roleId(view, "served"), roleId(view, "errors")];
      findings.push(...this.coverage(view.id, roleId(view, "arrivals"), { served, errors }));
    }
    return findings;
  }

  private routerFindings({ router, source, routed }: RouterClasses): FlowFinding[] {
    const findings: FlowFinding[] = [];
    const routedIds = new Set(router.routes.flatMap(({ classes }) => classes.map(fold)));
    const unrouted = [...source]
      .filter(
        ([classId, values]) =>
          !routedIds.has(fold(classId)) && this.binsWhere((t) => Math.abs(values[t]!) > TOLERANCE).length > 0,
      )
      .map(([classId]) => classId);
    if (router.routes.every(isClassRoute) && unrouted.length > 0) {
      const message = MESSAGES.router_missing_class_route(router.id, unrouted);
      findings.push({ code: "router_missing_class_route", nodeId: router.id, message });
    }
    const none = new Float64Array(this.bins);
    const ids = [...source, ...[...routed].filter(([classId]) => !source.has(classId))].map(([classId]) => classId);
    const leaks = ids
      .map((classId) => ({ classId, ...this.compare(source.get(classId) ?? none, routed.get(classId) ?? none) }))
      .filter(({ bins }) => bins.length > 0);
    if (leaks.length > 0) {
      const message = MESSAGES.router_class_leakage(router.id, leaks);
      findings.push({ code: "router_class_leakage", nodeId: router.id, message });
    }
    return findings;
  }

  /** Judged by the finished decomposition; a class counts as there even where all its values are 0. */
  private coverage(
    nodeId: string,
    from: string | null,
    targets: Readonly<Record<string, string | null>>,
  ): readonly FlowFinding[] {
    const expected = from === null ? undefined : this.flows.classes.get(from);
    if (expected === undefined) return [];
    return Object.entries(targets).flatMap(([role, target]) => {
      const total = target === null ? null : this.series(target);
      if (target === null || total === null || !this.isAnywhereNonZero(total)) return [];
      const present: ClassShares | undefined = this.flows.classes.get(target);
      const ids = Array.from(expected, ([classId]) => classId);
      const missing = ids.filter((classId) => !(present?.has(classId) ?? false));
      if (missing.length === 0) return [];
      return present === undefined
        ? [
            {
              code: `class_series_missing_${role}`,
              nodeId,
              message: MESSAGES.class_series_missing(nodeId, role, target, ids),
            },
          ]
        : [
            {
              code: `class_series_partial_${role}`,
              nodeId,
              message: MESSAGES.class_series_partial(nodeId, role, target, missing),
            },
          ];
    });
  }

  private compare(own: Float64Array, other: Float64Array): { bins: readonly number[]; worst: number } {
    const difference = (t: number): number => Math.abs(own[t]! - other[t]!);
    const bins = this.binsWhere((t) => difference(t) > TOLERANCE);
    return { bins, worst: bins.reduce((worst, t) => Math.max(worst, difference(t)), 0) };
  }

  private isAnywhereNonZero(values: Float64Array): boolean {
    return this.binsWhere((t) => !(Math.abs(values[t]!) <= TOLERANCE)).length > 0;
  }

  private roleSeries(view: NodeView, role: SeriesRole): Float64Array | null {
    const id = roleId(view, role);
    return id === null ? null : this.series(id);
  }

  private binsWhere(isHit: (bin: number) => boolean): readonly number[] {
    return Array.from({ length: this.bins }, (_, t) => t).filter(isHit);
  }
}

/** What edges carry together; into a node it comes after the edge's lag. */
function sumOf(
  edges: readonly Edge[],
  flows: readonly (Float64Array | undefined)[],
  side: Side,
  bins: number,
): Float64Array {
  const sum = new Float64Array(bins);
  flows.forEach((flow, index) => {
    if (flow === undefined) return;
    const lag = side === "incoming" ? Math.max(0, edges[index]!.lag ?? 0) : 0;
    for (let t = lag; t < bins; t++) sum[t]! += flow[t - lag]!;
  });
  return sum;
}
