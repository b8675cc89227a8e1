import { fold } from "../lib/fold.ts";
import {
  type EdgeView,
  FAILURE_ROLES,
  grouped,
  isThroughputCandidate,
  viewEdge,
  volumeFactor,
} from "../model/edge-view.ts";
import type { Route, RouterNode, SeriesRole, TopologyNode } from "../model/model.ts";
import type { NodeClasses } from "./batch-classes.ts";
import { ClassShares, type Contribution } from "./batch-contribution.ts";
import type { BatchModel, Totals } from "./batch-model.ts";
import { splitRoutes } from "./batch-route-split.ts";

export type EdgeMetric = "flowVolume" | "attemptsVolume" | "failuresVolume" | "retryVolume";

export interface EdgeValues {
  readonly edgeId: string;
  readonly metric: EdgeMetric;
  /** Null for the total. */
  readonly classId: string | null;
  readonly values: Float64Array;
}

/**
 * The series of all edges (engine.md §7.6), in the order in which FlowTime writes them. Empty without edges.
 *
 * @param totals published totals
 * @param classes the decomposition of those totals
 */
export function edgeSeries(batch: BatchModel, totals: Totals, classes: NodeClasses): readonly EdgeValues[] {
  return (batch.model.topology?.edges.length ?? 0) === 0 ? [] : new EdgeMaterialisation(batch, totals, classes).run();
}

class EdgeMaterialisation {
  private readonly batch: BatchModel;
  private readonly totals: Totals;
  private readonly classes: NodeClasses;
  private readonly edges: readonly EdgeView[];
  /** Topology nodes by folded id. */
  private readonly nodes: ReadonlyMap<string, TopologyNode>;
  private readonly series: EdgeValues[] = [];
  /** Flow of the edges that carry throughput. */
  private readonly throughput = new Map<EdgeView, Float64Array>();

  constructor(batch: BatchModel, totals: Totals, classes: NodeClasses) {
    this.batch = batch;
    this.totals = totals;
    this.classes = classes;
    this.edges = batch.model.topology!.edges.map(viewEdge);
    this.nodes = new Map(batch.model.topology!.nodes.map((node) => [fold(node.id), node]));
  }

  run(): readonly EdgeValues[] {
    this.routerFlows();
    const routed = new Set(this.throughput.keys());
    this.sharedFlows(this.edges.filter((edge) => isThroughputCandidate(edge) && !routed.has(edge)));
    this.effortFlows();
    this.attempts();
    this.failures();
    this.retries();
    return this.series;
  }

  private routerFlows(): void {
    for (const router of this.batch.model.nodes) {
      if (router.kind !== "router") continue;
      const source = this.contribution(router.queue);
      if (source === null) continue;
      const edgeOf = new Map<Route, EdgeView>();
      for (const route of router.routes) {
        const edge = this.edgeOfRoute(router, route);
        if (edge !== undefined) edgeOf.set(route, edge);
      }
      for (const { route, total, classes } of splitRoutes(router, source, (candidate) => edgeOf.has(candidate))) {
        const edge = edgeOf.get(route)!;
        this.throughput.set(edge, total);
        this.emit(edge, "flowVolume", { total, classes });
      }
    }
  }

  private edgeOfRoute(router: RouterNode, route: Route): EdgeView | undefined {
    const target = this.batch.model.topology!.nodes.find(
      ({ semantics }) => fold(semantics.series.arrivals ?? "") === fold(route.target),
    );
    if (target === undefined) return undefined;
    return this.edges.find(
      (edge) => isThroughputCandidate(edge) && edge.source === fold(router.id) && edge.target === fold(target.id),
    );
  }

  /** Effort edges share what a node serves a second time, among themselves. An edge id has one flow only. */
  private effortFlows(): void {
    const taken = new Set(Array.from(this.throughput.keys(), ({ id }) => fold(id)));
    this.sharedFlows(
      this.edges.filter(({ kind }) => kind === "effort"),
      ({ id }) => !taken.has(fold(id)),
    );
  }

  /** Shares what a node serves among its edges by weight. */
  private sharedFlows(edges: readonly EdgeView[], isEmitted: (edge: EdgeView) => boolean = () => true): void {
    for (const group of grouped(edges, ({ source }) => source)) {
      const served = this.role(group[0]!.source, "served");
      if (served === null) continue;
      const weights = group.map(({ edge }) => (edge.weight !== null && edge.weight > 0 ? edge.weight : 1));
      const sum = weights.reduce((a, b) => a + b, 0);
      group.forEach((edge, index) => {
        if (!isEmitted(edge)) return;
        const flow = scaled(served, weights[index]! / sum);
        if (edge.kind === "throughput") this.throughput.set(edge, flow.total);
        this.emit(edge, "flowVolume", flow);
      });
    }
  }

  private attempts(): void {
    for (const edge of this.edges) {
      const isMeasured = edge.measure === "attempts" || edge.measure === "load";
      if (edge.kind !== "effort" || !isMeasured || !edge.isMainPort) continue;
      const attempts = this.role(edge.source, "attempts");
      if (attempts !== null) this.emit(edge, "attemptsVolume", scaled(attempts, volumeFactor(edge.edge)));
    }
  }

  private failures(): void {
    for (const edge of this.edges) {
      const role = FAILURE_ROLES[edge.measure];
      if (edge.kind !== "terminal" || role === undefined) continue;
      const failures = this.role(edge.source, role);
      if (failures !== null) this.emit(edge, "failuresVolume", scaled(failures, volumeFactor(edge.edge)));
    }
  }

  /** Shares what a node sees again of its failures among the edges that bring it throughput. */
  private retries(): void {
    for (const group of grouped([...this.throughput.keys()], ({ target }) => target)) {
      const echo = this.role(group[0]!.target, "retryEcho")?.total;
      if (echo === undefined) continue;
      const retries = group.map(() => new Float64Array(echo.length));
      for (let t = 0; t < echo.length; t++) {
        if (!Number.isFinite(echo[t]!) || echo[t]! <= 0) continue;
        const flows = group.map((edge) => Math.max(0, this.throughput.get(edge)![t]!));
        const sum = flows.reduce((a, b) => a + b, 0);
        retries.forEach((values, index) => {
          values[t] = sum > 0 ? echo[t]! * (flows[index]! / sum) : echo[t]! / group.length;
        });
      }
      group.forEach((edge, index) => {
        const total = retries[index]!;
        if (total.some((value) => value > 0)) this.emit(edge, "retryVolume", { total, classes: new ClassShares() });
      });
    }
  }

  /** The series that plays a role for a topology node, looked up by its raw text; null when it was not evaluated. */
  private role(nodeId: string, role: SeriesRole): Contribution | null {
    const reference = this.nodes.get(nodeId)?.semantics.series[role];
    return reference === undefined ? null : this.contribution(reference);
  }

  private contribution(reference: string): Contribution | null {
    const id = this.batch.fileSeries.get(reference) ?? reference;
    const total = this.totals.get(id);
    return total === undefined ? null : { total, classes: this.classes.get(id) ?? new ClassShares() };
  }

  private emit({ id: edgeId }: EdgeView, metric: EdgeMetric, { total, classes }: Contribution): void {
    this.series.push({ edgeId, metric, classId: null, values: total });
    for (const [classId, values] of classes) this.series.push({ edgeId, metric, classId, values });
  }
}

function scaled({ total, classes }: Contribution, factor: number): Contribution {
  const part = (values: Float64Array): Float64Array => values.map((value) => value * factor);
  return { total: part(total), classes: classes.map(part) };
}
