import { fold } from "../lib/fold.ts";
import type { ClassSeriesColumns, Plan } from "../model/plan.ts";
import { type EdgeSide, MESSAGES } from "./messages.ts";
import { ClassCoverageRule } from "./rules/class-coverage.ts";
import { type ClassFlow, EdgeClassMismatchRule } from "./rules/edge-class-mismatch.ts";
import { EdgeFlowMismatchRule } from "./rules/edge-flow-mismatch.ts";
import { RouterClassLeakageRule } from "./rules/router-class-leakage.ts";
import { RouterMissingRouteRule } from "./rules/router-missing-route.ts";
import { ruleSlot, type Slot } from "./rules/rule.ts";
import { ABSENT, edgeLabel, exactColumn, isFlowEdge, type NodeView, roleId } from "./topology-view.ts";
import type { WarningHeads } from "./warning.ts";

/** Warnings about flows of edges and shares of classes that a model can have (engine.md §9.2). */
export class FlowSlots {
  private readonly plan: Plan;
  private readonly heads: WarningHeads;
  private readonly classes: ReadonlyMap<string, ClassSeriesColumns>;
  /** Flow columns by edge label: of the total, and of classes by folded id. Of equal ones the last counts. */
  private readonly totals = new Map<string, number>();
  private readonly shares = new Map<string, Map<string, Omit<ClassFlow, "lag">>>();

  constructor(plan: Plan, heads: WarningHeads) {
    this.plan = plan;
    this.heads = heads;
    this.classes = new Map(plan.classSeries.map((entry) => [entry.nodeId, entry]));
    for (const { edgeId, metric, classId, column, order } of plan.edgeSeries) {
      if (metric !== "flowVolume") continue;
      if (classId === null || order === null) {
        this.totals.set(edgeId, column);
        continue;
      }
      const byClass = this.shares.get(edgeId) ?? new Map();
      this.shares.set(edgeId, byClass.set(fold(classId), { classId, column, order }));
    }
  }

  /** About the edges of a topology node; they come after its queue depth. */
  edges(view: NodeView): readonly Slot[] {
    return [
      ...this.totalMismatch(view, "outgoing"),
      ...this.totalMismatch(view, "incoming"),
      ...this.classMismatch(view, "outgoing"),
      ...this.classMismatch(view, "incoming"),
    ];
  }

  private totalMismatch(view: NodeView, side: EdgeSide): readonly Slot[] {
    const own = view.columns[side === "outgoing" ? "served" : "arrivals"];
    const edges = view[side].filter(isFlowEdge);
    const flows = edges.flatMap((edge) => {
      const column = this.totals.get(edgeLabel(edge));
      return column === undefined ? [] : [{ column, lag: lagAt(side, edge.lag) }];
    });
    if (own === ABSENT || edges.length === 0 || flows.length < edges.length) return [];
    const edgeIds = view[side].map(edgeLabel);
    const message = MESSAGES.edge_flow_mismatch(side, edgeIds);
    const head = this.heads.head(`edge_flow_mismatch_${side}`, view.id, message);
    return [ruleSlot(new EdgeFlowMismatchRule(head, { own, flows, edgeIds, horizon: this.plan.model.grid.bins }))];
  }

  private classMismatch(view: NodeView, side: EdgeSide): readonly Slot[] {
    const own = this.classesOf(roleId(view, side === "outgoing" ? "served" : "arrivals"));
    const flows = view[side].filter(isFlowEdge).flatMap((edge) => {
      const byClass = this.shares.get(edgeLabel(edge))?.values() ?? [];
      return Array.from(byClass, (share) => ({ ...share, lag: lagAt(side, edge.lag) }));
    });
    if (own === undefined || flows.length === 0) return [];
    const head = (code: string) => this.heads.head(code, view.id, "", "warning", side);
    const heads = { mismatch: head("edge_class_mismatch"), partial: head("edge_class_partial_coverage") };
    const edgeIds = view[side].map(edgeLabel);
    const horizon = this.plan.model.grid.bins;
    return [ruleSlot(new EdgeClassMismatchRule(heads, { side, own, flows, edgeIds, horizon }))];
  }

  /** About what routers do with the classes of their sources; they come after all nodes. */
  routers(): readonly Slot[] {
    const nodes = new Map(this.plan.model.nodes.map((node) => [node.id, node]));
    return this.plan.routers.flatMap(({ routerId, source, targets }) => {
      const node = nodes.get(routerId)!;
      const routes = node.kind === "router" ? node.routes : [];
      const listed = routes.flatMap(({ classes }) => classes);
      const missing = this.heads.head("router_missing_class_route", routerId, "");
      const leakage = this.heads.head("router_class_leakage", routerId, "");
      return [
        // A route without classes takes what is left over.
        ...(routes.every(({ classes }) => classes.length > 0)
          ? [ruleSlot(new RouterMissingRouteRule(missing, routerId, source, listed))]
          : []),
        ruleSlot(new RouterClassLeakageRule(leakage, routerId, source, targets)),
      ];
    });
  }

  /** About classes that get lost in queue-like things; they come last. */
  coverage(views: readonly NodeView[]): readonly Slot[] {
    const isBuffered = (view: NodeView): boolean => view.descriptor.identity === "serviceWithBuffer";
    return [
      ...this.plan.model.nodes.flatMap((node) =>
        node.kind === "serviceWithBuffer"
          ? this.coverageOf(node.id, node.inflow, { outflow: node.outflow, loss: node.loss })
          : [],
      ),
      ...[...views.filter(isBuffered), ...views.filter((view) => !isBuffered(view))].flatMap((view) => {
        const [served, errors] = [roleId(view, "served"), roleId(view, "errors")];
        return this.coverageOf(view.id, roleId(view, "arrivals"), { served, errors });
      }),
    ];
  }

  private coverageOf(
    nodeId: string,
    from: string | null,
    targets: Readonly<Record<string, string | null>>,
  ): readonly Slot[] {
    const expected = this.classesOf(from)?.order;
    if (expected === undefined) return [];
    return Object.entries(targets).flatMap(([role, target]) => {
      const column = exactColumn(this.plan, target);
      if (target === null || column === ABSENT) return [];
      const head = (kind: string) => this.heads.head(`class_series_${kind}_${role}`, nodeId, "");
      const heads = { missing: head("missing"), partial: head("partial") };
      const present = this.classesOf(target)?.order ?? null;
      return [ruleSlot(new ClassCoverageRule(heads, { nodeId, role, target, column, expected, present }))];
    });
  }

  private classesOf(seriesId: string | null): ClassSeriesColumns | undefined {
    return seriesId === null ? undefined : this.classes.get(seriesId);
  }
}

/** Flows come into a node after the edge's lag. */
function lagAt(side: EdgeSide, lag: number | null): number {
  return side === "incoming" ? Math.max(0, lag ?? 0) : 0;
}
