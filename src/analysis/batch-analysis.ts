import type { SeriesRole } from "../model/model.ts";
import { type FlowFinding, FlowWarnings, NO_FLOWS, type WindowFlows } from "./batch-flow-warnings.ts";
import { MESSAGES, NEGATIVE_CHECKS } from "./messages.ts";
import {
  ABSENT,
  type AnalysedModel,
  analysedCapacity,
  edgeLabel,
  edgeType,
  endpointNode,
  exactColumn,
  isDispatchBin,
  isEffortEdge,
  isTerminalQueue,
  type NodeView,
  viewTopology,
} from "./topology-view.ts";
import { finiteOrNull, MAX_REPORTED_BINS, type Severity, TOLERANCE, type Warning, WarningHeads } from "./warning.ts";

/** A whole series of a plan column: at least as long as the window. */
export type ColumnValues = (column: number) => Float64Array;

/**
 * The run analysis (engine.md §9.2) of the first `bins` bins at once, written down as the specification says it. What
 * batch runs use, and what the incremental analyser is judged by.
 * @param flows edges, classes and routers of the same bins. Default none: nothing is said about them.
 * @returns the warnings of run.json, in its order
 */
export function analyseWindow(
  plan: AnalysedModel,
  columns: ColumnValues,
  bins: number,
  flows: WindowFlows = NO_FLOWS,
): readonly Warning[] {
  return new RunAnalysis(plan, columns, bins, flows).analyse();
}

type Extras = Partial<Pick<Warning, "bins" | "value" | "edgeIds">>;
type Series = Float64Array | null;

class RunAnalysis {
  private readonly plan: AnalysedModel;
  private readonly columns: ColumnValues;
  private readonly bins: number;
  private readonly views: readonly NodeView[];
  private readonly heads = new WarningHeads();
  private readonly flows: FlowWarnings;
  private readonly found: Warning[] = [];

  constructor(plan: AnalysedModel, columns: ColumnValues, bins: number, flows: WindowFlows) {
    this.plan = plan;
    this.columns = columns;
    this.bins = bins;
    this.views = viewTopology(plan);
    const series = (id: string): Series => {
      const column = exactColumn(plan, id);
      return column === ABSENT ? null : columns(column);
    };
    this.flows = new FlowWarnings(flows, series, bins);
  }

  analyse(): readonly Warning[] {
    if (this.views.length === 0) return [];
    for (const edge of this.plan.model.topology!.edges) {
      if (edge.lag === null || edge.lag <= 0) continue;
      const label = edgeLabel(edge);
      const message = MESSAGES.edge_behavior_violation_lag(label, edge.lag);
      const source = endpointNode(edge.from) || "engine";
      this.report("edge_behavior_violation_lag", source, message, "warning", { edgeIds: [label] }, label);
    }
    for (const view of this.views) this.node(view);
    this.reportFlows(this.flows.classes(this.plan.model, this.views));
    return this.found;
  }

  private node(view: NodeView): void {
    this.constraints(view);
    this.signs(view);
    this.volumes(view);
    this.queueBalance(view);
    this.reportFlows(this.flows.edges(view));
    this.capacity(view);
    this.dependency(view);
    this.queueAndDispatch(view);
    this.serviceFigures(view);
    this.queueLatency(view);
    this.deadLetters(view);
  }

  private constraints(view: NodeView): void {
    const isDropped = this.plan.generated.length > 0;
    for (const id of isDropped ? [] : view.node.constraints) {
      const constraint = this.plan.model.topology!.constraints.find(
        (candidate) => candidate.id.toLowerCase() === id.trim().toLowerCase(),
      );
      if (constraint === undefined) continue;
      for (const role of ["arrivals", "served"] as const) {
        if (exactColumn(this.plan, constraint.series[role]) !== ABSENT) continue;
        const message = MESSAGES.constraint_missing(constraint.id, role);
        this.report(`constraint_missing_${role}`, view.id, message, "warning", {}, constraint.id);
      }
    }
  }

  private signs(view: NodeView): void {
    for (const { role, code, name } of NEGATIVE_CHECKS) {
      const values = this.series(view, role);
      const bins = this.binsWhere((t) => values !== null && values[t]! < -TOLERANCE);
      if (bins.length === 0) continue;
      const extras = { bins: bins.slice(0, MAX_REPORTED_BINS), value: finiteOrNull(values![bins[0]!]!) };
      this.report(code, view.id, MESSAGES.negative(name), "warning", extras);
    }
  }

  private volumes(view: NodeView): void {
    const { category, identity } = view.descriptor;
    const arrivals = this.series(view, "arrivals");
    const served = this.series(view, "served");
    const errors = this.series(view, "errors");
    const attempts = this.series(view, "attempts");
    const failures = this.series(view, "failures");
    const exhausted = this.series(view, "exhaustedFailures");
    if (identity !== "serviceWithBuffer" && category !== "dependency") {
      this.compare(view, "served_exceeds_arrivals", served, arrivals, (excess) => excess > TOLERANCE);
    }
    if (category === "service" || category === "router") {
      const capacity = this.effectiveCapacity(view);
      this.compare(view, "served_exceeds_capacity", served, capacity, (excess) => excess > TOLERANCE);
    }
    this.compare(view, "errors_exceed_arrivals", errors, arrivals, (excess) => excess > TOLERANCE);
    this.compare(view, "attempts_below_arrivals", attempts, arrivals, (excess) => excess < -TOLERANCE);
    this.compare(view, "failures_exceed_attempts", failures, attempts, (excess) => excess > TOLERANCE);
    const [code, limit] =
      failures === null
        ? (["exhausted_exceeds_errors", errors] as const)
        : (["exhausted_exceeds_failures", failures] as const);
    this.compare(view, code, exhausted, limit, (excess) => excess > TOLERANCE);
  }

  private compare(
    view: NodeView,
    code:
      | "served_exceeds_arrivals"
      | "served_exceeds_capacity"
      | "errors_exceed_arrivals"
      | "attempts_below_arrivals"
      | "failures_exceed_attempts"
      | "exhausted_exceeds_failures"
      | "exhausted_exceeds_errors",
    left: Series,
    right: Series,
    isViolation: (excess: number) => boolean,
  ): void {
    if (left === null || right === null) return;
    const bins = this.binsWhere((t) => isViolation(left[t]! - right[t]!));
    if (bins.length === 0) return;
    const ratios = bins.map((t) => {
      const limit = Math.abs(right[t]!);
      return Math.abs(left[t]! / (limit <= TOLERANCE ? TOLERANCE : limit));
    });
    const worst = ratios.filter((ratio) => !Number.isNaN(ratio)).reduce((a, b) => Math.max(a, b), 0);
    const extras = { bins: bins.slice(0, MAX_REPORTED_BINS), value: finiteOrNull(worst) };
    this.report(code, view.id, MESSAGES[code], "warning", extras);
  }

  private queueBalance(view: NodeView): void {
    const depth = this.series(view, "queueDepth");
    const arrivals = this.series(view, "arrivals");
    const served = this.series(view, "served");
    const errors = this.series(view, "errors");
    if (depth === null || arrivals === null || served === null) return;
    const { schedule } = view;
    const expected: number[] = [];
    for (let t = 0; t < this.bins; t++) {
      const previous = expected[t - 1] ?? view.initialQueueDepth;
      const out = schedule !== null && !isDispatchBin(schedule, t) ? 0 : served[t]!;
      expected.push(Math.max(0, previous + arrivals[t]! - out - (errors === null ? 0 : errors[t]!)));
    }
    const bins = this.binsWhere((t) => Math.abs(depth[t]! - expected[t]!) > TOLERANCE);
    if (bins.length === 0) return;
    const extras = { bins: bins.slice(0, MAX_REPORTED_BINS) };
    this.report("queue_depth_mismatch", view.id, MESSAGES.queue_depth_mismatch, "warning", extras);
  }

  private capacity(view: NodeView): void {
    const { series, maxAttempts } = view.node.semantics;
    const isAbsent = view.columns.capacity === ABSENT;
    if (isAbsent && (this.isServiceOrRouter(view) || series.capacity !== undefined)) {
      this.report("missing_capacity_series", view.id, MESSAGES.missing_capacity_series, "info");
    }
    const isLimited = maxAttempts !== null;
    if (isLimited && view.columns.exhaustedFailures === ABSENT) {
      this.report("missing_exhausted_failures_series", view.id, MESSAGES.missing_exhausted_failures_series);
    }
    if (isLimited && view.columns.retryBudgetRemaining === ABSENT) {
      this.report("missing_retry_budget_series", view.id, MESSAGES.missing_retry_budget_series);
      return;
    }
    const capacity = this.effectiveCapacity(view);
    if (capacity === null || this.bins === 0) return;
    if (this.binsWhere((t) => Math.abs(capacity[t]!) <= TOLERANCE).length < this.bins) return;
    this.report("capacity_all_zero", view.id, MESSAGES.capacity_all_zero, "info");
  }

  private dependency(view: NodeView): void {
    const isDependency = view.descriptor.category === "dependency";
    if (isDependency && view.columns.arrivals === ABSENT) {
      this.report("missing_dependency_arrivals", view.id, MESSAGES.missing_dependency_arrivals, "info");
    }
    if (view.columns.served === ABSENT) {
      const code = isDependency ? "missing_dependency_served" : "missing_served_series";
      this.report(code, view.id, MESSAGES[code], "info");
    }
    if (!isDependency) return;
    const effort = view.incoming.filter(isEffortEdge);
    if (effort.length === 0) {
      this.report("dependency_missing_effort_edges", view.id, MESSAGES.dependency_missing_effort_edges, "info");
    } else if (view.node.semantics.series.errors !== undefined) {
      const isSeen = effort.some((edge) =>
        this.views.some(
          (source) =>
            source.id.toLowerCase() === endpointNode(edge.from).toLowerCase() &&
            source.node.semantics.series.attempts !== undefined,
        ),
      );
      if (isSeen) return;
      this.report("dependency_retry_pressure_missing", view.id, MESSAGES.dependency_retry_pressure_missing, "info");
    }
  }

  private queueAndDispatch(view: NodeView): void {
    const { category } = view.descriptor;
    const { schedule } = view;
    const wantsDepth =
      category === "queue" || category === "dlq" || view.node.semantics.series.queueDepth !== undefined;
    if (wantsDepth && view.columns.queueDepth === ABSENT) {
      this.report("missing_queue_depth_series", view.id, MESSAGES.missing_queue_depth_series, "info");
    }
    if (schedule === null) return;
    const gate = schedule.capacitySeries?.trim() ? schedule.capacitySeries : null;
    if (gate !== null && exactColumn(this.plan, gate) === ABSENT) {
      this.report("dispatch_capacity_missing", view.id, MESSAGES.dispatch_capacity_missing(gate));
    }
    const served = this.series(view, "served");
    const arrivals = this.series(view, "arrivals");
    if (served === null) {
      this.report("dispatch_missing_served_series", view.id, MESSAGES.dispatch_missing_served_series, "info");
    } else if (arrivals !== null && this.total(arrivals) > TOLERANCE && this.total(served) <= TOLERANCE) {
      this.report("dispatch_never_releases", view.id, MESSAGES.dispatch_never_releases, "info");
    }
  }

  private serviceFigures(view: NodeView): void {
    const declared = view.node.semantics.series;
    const isExpected = this.isServiceOrRouter(view);
    const { processingTimeMsSum, servedCount } = view.columns;
    if ((isExpected || declared.processingTimeMsSum !== undefined) && processingTimeMsSum === ABSENT) {
      this.report("missing_processing_time_series", view.id, MESSAGES.missing_processing_time_series, "info");
    }
    if ((isExpected || declared.servedCount !== undefined) && servedCount === ABSENT) {
      this.report("missing_served_count_series", view.id, MESSAGES.missing_served_count_series, "info");
    }
  }

  private queueLatency(view: NodeView): void {
    const { category, identity } = view.descriptor;
    if (category === "dlq" || identity === "serviceWithBuffer" || isTerminalQueue(view)) return;
    const depth = this.series(view, "queueDepth");
    const served = this.series(view, "served");
    if (depth === null || served === null) return;
    const bins = this.binsWhere(
      (t) =>
        Number.isFinite(depth[t]!) &&
        Number.isFinite(served[t]!) &&
        served[t]! <= TOLERANCE &&
        Math.abs(depth[t]!) > TOLERANCE,
    );
    if (bins.length === 0) return;
    const code = view.schedule === null ? "queue_latency_unreported" : "queue_latency_gate_closed";
    this.report(code, view.id, MESSAGES[code], "info", { bins });
  }

  private deadLetters(view: NodeView): void {
    if (view.descriptor.category !== "dlq") return;
    const inbound = view.incoming.filter((edge) => edgeType(edge) !== "terminal").map(edgeLabel);
    const outbound = view.outgoing.filter((edge) => edgeType(edge) !== "terminal").map(edgeLabel);
    if (inbound.length > 0) {
      this.report("dlq_non_terminal_inbound", view.id, MESSAGES.dlq_non_terminal_inbound(inbound));
    }
    if (outbound.length > 0) {
      this.report("dlq_non_terminal_outbound", view.id, MESSAGES.dlq_non_terminal_outbound(outbound));
    }
  }

  private isServiceOrRouter(view: NodeView): boolean {
    return view.descriptor.category === "service" || view.descriptor.category === "router";
  }

  private series(view: NodeView, role: SeriesRole): Series {
    const column = view.columns[role];
    return column === ABSENT ? null : this.columns(column);
  }

  private effectiveCapacity(view: NodeView): Series {
    const capacity = this.series(view, "capacity");
    const { parallelism } = view;
    if (capacity === null || parallelism === null) return capacity;
    if ("constant" in parallelism) {
      return capacity.map((value) => analysedCapacity(value, parallelism.constant, false));
    }
    const servers = this.columns(parallelism.column);
    return capacity.map((value, t) => analysedCapacity(value, servers[t]!, true));
  }

  private total(values: Float64Array): number {
    return values
      .subarray(0, this.bins)
      .filter((value) => Number.isFinite(value) && value > 0)
      .reduce((sum, value) => sum + value, 0);
  }

  private binsWhere(isHit: (bin: number) => boolean): number[] {
    return Array.from({ length: this.bins }, (_, t) => t).filter(isHit);
  }

  private reportFlows(findings: readonly FlowFinding[]): void {
    for (const { code, nodeId, message, discriminator, ...extras } of findings) {
      this.report(code, nodeId, message, "warning", extras, discriminator);
    }
  }

  private report(
    code: string,
    nodeId: string | null,
    message: string,
    severity: Severity = "warning",
    extras: Extras = {},
    discriminator?: string,
  ): void {
    const head = this.heads.head(code, nodeId, message, severity, discriminator);
    this.found.push({ ...head, bins: [], value: null, ...extras });
  }
}
