import { fold } from "../lib/fold.ts";
import { ClassColumns, type Contribution } from "./class-columns.ts";
import type { Contributions } from "./decompose.ts";
import { type EdgeView, FAILURE_ROLES, grouped, isThroughputCandidate, viewEdge, volumeFactor } from "./edge-view.ts";
import type { OperatorList } from "./emit.ts";
import type { Model, Route, RouterNode, SeriesRole, TopologyNode } from "./model.ts";
import type { EdgeSeriesColumn } from "./plan.ts";
import { splitRoutes } from "./split-routes.ts";

export interface EdgeInput {
  readonly model: Model;
  /** Published column of an evaluated series by id. */
  readonly totals: ReadonlyMap<string, number>;
  readonly classes: Contributions;
  readonly fileSeries: ReadonlyMap<string, string>;
  readonly operators: OperatorList;
}

/**
 * Compiles the series of all edges (engine.md §7.6), in FlowTime's order of writing. Their columns are not yet the
 * published ones. The oracle over whole series is `engine/batch-edges.ts`.
 */
export function edgeSeries(input: EdgeInput): readonly EdgeSeriesColumn[] {
  return (input.model.topology?.edges.length ?? 0) === 0 ? [] : new EdgeCompiler(input).run();
}

class EdgeCompiler {
  private readonly input: EdgeInput;
  private readonly edges: readonly EdgeView[];
  /** Topology nodes by folded id. */
  private readonly nodes: ReadonlyMap<string, TopologyNode>;
  private readonly series: EdgeSeriesColumn[] = [];
  /** Column of the flow of edges that carry throughput. */
  private readonly throughput = new Map<EdgeView, number>();

  constructor(input: EdgeInput) {
    this.input = input;
    const topology = input.model.topology!;
    this.edges = topology.edges.map(viewEdge);
    this.nodes = new Map(topology.nodes.map((node) => [fold(node.id), node]));
  }

  run(): readonly EdgeSeriesColumn[] {
    this.routerFlows();
    const candidates = this.edges.filter((edge) => isThroughputCandidate(edge) && !this.throughput.has(edge));
    this.sharedFlows(candidates, (edge, flow) => this.throughput.set(edge, flow));
    const taken = new Set(Array.from(this.throughput.keys(), ({ id }) => fold(id)));
    this.sharedFlows(
      this.edges.filter((edge) => edge.kind === "effort" && !taken.has(fold(edge.id))),
      () => {},
    );
    this.attempts();
    this.failures();
    this.retries();
    return this.series;
  }

  private routerFlows(): void {
    for (const router of this.input.model.nodes) {
      if (router.kind !== "router") continue;
      const source = this.contribution(router.queue);
      if (source === null) continue;
      const edgeOf = new Map<Route, EdgeView>();
      for (const route of router.routes) {
        const edge = this.edgeOfRoute(router, route);
        if (edge !== undefined) edgeOf.set(route, edge);
      }
      for (const share of splitRoutes(router, source, this.input.operators, (route) => edgeOf.has(route))) {
        const edge = edgeOf.get(share.route)!;
        this.throughput.set(edge, share.total);
        this.emit(edge, "flowVolume", share);
      }
    }
  }

  private edgeOfRoute(router: RouterNode, route: Route): EdgeView | undefined {
    const target = this.input.model.topology!.nodes.find(
      ({ semantics }) => fold(semantics.series.arrivals ?? "") === fold(route.target),
    );
    if (target === undefined) return undefined;
    return this.edges.find(
      (edge) => isThroughputCandidate(edge) && edge.source === fold(router.id) && edge.target === fold(target.id),
    );
  }

  /** Shares what a node serves among its edges by weight. */
  private sharedFlows(edges: readonly EdgeView[], onFlow: (edge: EdgeView, flow: number) => void): void {
    for (const group of grouped(edges, ({ source }) => source)) {
      const served = this.role(group[0]!.source, "served");
      if (served === null) continue;
      const weights = group.map(({ edge }) => (edge.weight !== null && edge.weight > 0 ? edge.weight : 1));
      const sum = weights.reduce((a, b) => a + b, 0);
      group.forEach((edge, index) => {
        const flow = this.scaled(served, weights[index]! / sum, edge.id);
        onFlow(edge, flow.total);
        this.emit(edge, "flowVolume", flow);
      });
    }
  }

  private attempts(): void {
    for (const edge of this.edges) {
      const isMeasured = edge.measure === "attempts" || edge.measure === "load";
      if (edge.kind !== "effort" || !isMeasured || !edge.isMainPort) continue;
      const attempts = this.role(edge.source, "attempts");
      if (attempts !== null) this.emit(edge, "attemptsVolume", this.scaled(attempts, volumeFactor(edge.edge), edge.id));
    }
  }

  private failures(): void {
    for (const edge of this.edges) {
      const role = FAILURE_ROLES[edge.measure];
      if (edge.kind !== "terminal" || role === undefined) continue;
      const failures = this.role(edge.source, role);
      if (failures !== null) this.emit(edge, "failuresVolume", this.scaled(failures, volumeFactor(edge.edge), edge.id));
    }
  }

  /** Shares what a node sees again of its failures among the edges that bring it throughput. */
  private retries(): void {
    for (const group of grouped([...this.throughput.keys()], ({ target }) => target)) {
      const echo = this.role(group[0]!.target, "retryEcho")?.total;
      if (echo === undefined) continue;
      const flows = group.map((edge) => this.throughput.get(edge)!);
      const outs = this.input.operators.deriveGroup({ op: "retryShares", flows, echo }, group.length, group[0]!.target);
      group.forEach((edge, index) => {
        this.emit(edge, "retryVolume", { total: outs[index]!, classes: new ClassColumns() });
      });
    }
  }

  private scaled({ total, classes }: Contribution, factor: number, owner: string): Contribution {
    const b = this.input.operators.literal(factor, owner);
    const part = (a: number): number => this.input.operators.derive({ op: "multiply", a, b }, owner);
    return { total: part(total), classes: classes.map(part) };
  }

  /** The series that plays a role for a topology node, looked up by its raw text; null when it was not evaluated. */
  private role(nodeId: string, role: SeriesRole): Contribution | null {
    const reference = this.nodes.get(nodeId)?.semantics.series[role];
    return reference === undefined ? null : this.contribution(reference);
  }

  private contribution(reference: string): Contribution | null {
    const id = this.input.fileSeries.get(reference) ?? reference;
    const total = this.input.totals.get(id);
    return total === undefined ? null : { total, classes: this.input.classes.get(id)?.classes ?? new ClassColumns() };
  }

  private emit({ id: edgeId }: EdgeView, metric: EdgeSeriesColumn["metric"], { total, classes }: Contribution): void {
    const needsPositive = metric === "retryVolume";
    this.series.push({ edgeId, metric, classId: null, column: total, needsPositive, order: null });
    for (const { classId, column } of classes.all) {
      this.series.push({ edgeId, metric, classId, column, needsPositive, order: classes.order });
    }
  }
}
