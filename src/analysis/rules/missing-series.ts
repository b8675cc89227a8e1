import type { SeriesRole } from "../../model/model.ts";
import type { Plan } from "../../model/plan.ts";
import { MESSAGES } from "../messages.ts";
import { ABSENT, exactColumn, expectsService, type NodeView } from "../topology-view.ts";
import { bareWarning, type Severity, type Warning, type WarningHeads } from "../warning.ts";

/** Warnings about series that a node should have and does not: known before the first bin, active for the whole run. */

export function missingCapacity(view: NodeView, heads: WarningHeads): Warning[] {
  return when(lacks(view, "capacity", expectsService(view)), view, heads, "missing_capacity_series", "info");
}

export function missingExhaustedFailures(view: NodeView, heads: WarningHeads): Warning[] {
  return when(lacksRetryFigure(view, "exhaustedFailures"), view, heads, "missing_exhausted_failures_series", "warning");
}

export function missingRetryBudget(view: NodeView, heads: WarningHeads): Warning[] {
  return when(lacksRetryFigure(view, "retryBudgetRemaining"), view, heads, "missing_retry_budget_series", "warning");
}

export function missingFlow(view: NodeView, heads: WarningHeads): Warning[] {
  const isDependency = view.descriptor.category === "dependency";
  const lacksArrivals = isDependency && view.columns.arrivals === ABSENT;
  const servedCode = isDependency ? "missing_dependency_served" : "missing_served_series";
  return [
    ...when(lacksArrivals, view, heads, "missing_dependency_arrivals", "info"),
    ...when(view.columns.served === ABSENT, view, heads, servedCode, "info"),
  ];
}

export function missingQueueDepth(view: NodeView, heads: WarningHeads): Warning[] {
  const { category } = view.descriptor;
  const isQueue = category === "queue" || category === "dlq";
  return when(lacks(view, "queueDepth", isQueue), view, heads, "missing_queue_depth_series", "info");
}

export function missingDispatchCapacity(plan: Plan, view: NodeView, heads: WarningHeads): Warning[] {
  const series = view.schedule?.capacitySeries ?? null;
  if (series === null || series.trim() === "" || exactColumn(plan, series) !== ABSENT) return [];
  return [bareWarning(heads.head("dispatch_capacity_missing", view.id, MESSAGES.dispatch_capacity_missing(series)))];
}

export function missingDispatchServed(view: NodeView, heads: WarningHeads): Warning[] {
  const isMissing = view.schedule !== null && view.columns.served === ABSENT;
  return when(isMissing, view, heads, "dispatch_missing_served_series", "info");
}

export function missingServiceFigures(view: NodeView, heads: WarningHeads): Warning[] {
  const isExpected = expectsService(view);
  const lacksTime = lacks(view, "processingTimeMsSum", isExpected);
  const lacksCount = lacks(view, "servedCount", isExpected);
  return [
    ...when(lacksTime, view, heads, "missing_processing_time_series", "info"),
    ...when(lacksCount, view, heads, "missing_served_count_series", "info"),
  ];
}

/** Absent although the kind calls for it, or although the model names it. */
function lacks(view: NodeView, role: SeriesRole, isExpected: boolean): boolean {
  return (isExpected || view.node.semantics.series[role] !== undefined) && view.columns[role] === ABSENT;
}

function lacksRetryFigure(view: NodeView, role: SeriesRole): boolean {
  return view.node.semantics.maxAttempts !== null && view.columns[role] === ABSENT;
}

type PlainCode = {
  [Code in keyof typeof MESSAGES]: (typeof MESSAGES)[Code] extends string ? Code : never;
}[keyof typeof MESSAGES];

function when(condition: boolean, view: NodeView, heads: WarningHeads, code: PlainCode, severity: Severity): Warning[] {
  return condition ? [bareWarning(heads.head(code, view.id, MESSAGES[code], severity))] : [];
}
