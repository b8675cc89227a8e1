import { fold } from "../lib/fold.ts";
import type { SeriesRole } from "../model/model.ts";

/** FlowTime's sentences, letter for letter (engine.md §9, artifacts.md Appendix D; the queries' own in §9.3). */

/** Roles that may not be negative, in FlowTime's order. */
export const NEGATIVE_CHECKS: readonly { readonly role: SeriesRole; readonly code: string; readonly name: string }[] = [
  { role: "arrivals", code: "arrivals_negative", name: "Arrivals" },
  { role: "served", code: "served_negative", name: "Served" },
  { role: "errors", code: "errors_negative", name: "Errors" },
  { role: "attempts", code: "attempts_negative", name: "Attempts" },
  { role: "failures", code: "failures_negative", name: "Failures" },
  { role: "exhaustedFailures", code: "exhausted_failures_negative", name: "Exhausted failures" },
  { role: "queueDepth", code: "queue_negative", name: "Queue depth" },
  { role: "retryEcho", code: "retry_echo_negative", name: "Retry echo" },
  { role: "retryBudgetRemaining", code: "retry_budget_negative", name: "Retry budget remaining" },
];

/** Roles whose absence a query tells, in FlowTime's order. */
export const PRESENCE_CHECKS: readonly { readonly role: SeriesRole; readonly code: string; readonly name: string }[] = [
  { role: "attempts", code: "attempts_series_missing", name: "Attempts" },
  { role: "failures", code: "failures_series_missing", name: "Failures" },
  { role: "retryEcho", code: "retry_echo_series_missing", name: "Retry echo" },
  { role: "exhaustedFailures", code: "exhausted_failures_series_missing", name: "Exhausted failures" },
];

export const MESSAGES = {
  negative: (name: string) => `${name} produced negative values`,
  served_exceeds_arrivals: "Served volume exceeded arrivals",
  served_exceeds_capacity: "Served volume exceeded effective capacity",
  errors_exceed_arrivals: "Errors exceeded arrivals",
  attempts_below_arrivals: "Attempts were lower than arrivals",
  failures_exceed_attempts: "Failed retries exceeded total attempts",
  exhausted_exceeds_failures: "Exhausted retries exceeded total failures",
  exhausted_exceeds_errors: "Exhausted retries exceeded total errors",
  queue_depth_mismatch: "Queue depth series does not match derived inflow/outflow accumulation",
  edge_behavior_violation_lag: (edge: string, lag: number) =>
    `Edge '${edge}' applies a lag of ${lag} bin(s). Model transit as an explicit node instead of edge behavior.`,
  constraint_missing: (constraint: string, role: string) =>
    `Constraint '${constraint}' ${role} series was not available.`,
  edge_flow_mismatch: (side: EdgeSide, edges: readonly string[]) =>
    side === "outgoing"
      ? `Served does not match sum of outgoing edge flows. ${edgeList(edges)}`
      : `Arrivals do not match sum of incoming edge flows. ${edgeList(edges)}`,
  edge_class_mismatch: (side: EdgeSide, classes: readonly string[], edges: readonly string[]) =>
    `${
      side === "outgoing"
        ? "Per-class served does not match outgoing edge flows."
        : "Per-class arrivals do not match incoming edge flows."
    } Classes: ${classes.join(", ")}. ${edgeList(edges)}`,
  router_missing_class_route: (router: string, classes: readonly string[]) =>
    `Router '${router}' is missing routes for classes: ${classes.join(", ")}.`,
  router_class_leakage: (router: string, leaks: readonly { readonly classId: string; readonly worst: number }[]) =>
    `Router '${router}' routed class totals that differ from source: ` +
    `${leaks.map(({ classId, worst }) => `${classId} (max diff ${decimals(worst, 3)})`).join(", ")}.`,
  class_series_missing: (nodeId: string, role: string, series: string, classes: readonly string[]) =>
    `Class coverage missing for serviceWithBuffer node '${nodeId}' ${role} '${series}'. ` +
    `Inflow classes: ${classes.join(", ")}.`,
  class_series_partial: (nodeId: string, role: string, series: string, classes: readonly string[]) =>
    `Class coverage partial for serviceWithBuffer node '${nodeId}' ${role} '${series}'. ` +
    `Missing classes: ${classes.join(", ")}.`,
  missing_capacity_series: "Capacity series was not available; utilization cannot be computed.",
  missing_exhausted_failures_series: "maxAttempts was configured but exhaustedFailures series was not produced.",
  missing_retry_budget_series: "maxAttempts was configured but retryBudgetRemaining series was not produced.",
  capacity_all_zero: "Effective capacity series is zero for all bins; utilization will be unavailable.",
  missing_dependency_arrivals: "Dependency arrivals series was not available; dependency load cannot be computed.",
  missing_dependency_served: "Dependency served series was not available; dependency utilization cannot be computed.",
  missing_served_series: "Served/output series was not available; utilization cannot be computed.",
  dependency_missing_effort_edges: "Dependency has no incoming effort edges; attempt pressure cannot be represented.",
  dependency_retry_pressure_missing:
    "Dependency errors are defined but upstream attempt series are missing; retry pressure will be invisible.",
  missing_queue_depth_series: "Queue depth series was not available; queue overlays may be incomplete.",
  dispatch_capacity_missing: (series: string) =>
    `Dispatch schedule references capacity series '${series}' but it was not produced.`,
  dispatch_missing_served_series: "Dispatch schedule configured but served/output series was not available.",
  dispatch_never_releases:
    "Dispatch schedule never released inventory across the simulated window; check period and phase alignment.",
  missing_processing_time_series: "Processing time series was not available; service time cannot be computed.",
  missing_served_count_series: "Served count series was not available; service time cannot be computed.",
  queue_latency_gate_closed:
    "Dispatch gate was closed while backlog was present; latency will display as Paused (gate closed).",
  queue_latency_unreported: "Queue latency could not be computed where served was zero and queue depth was positive.",
  dlq_non_terminal_inbound: (edges: readonly string[]) =>
    `DLQ nodes must only receive terminal edges (${edges.join(", ")}).`,
  dlq_non_terminal_outbound: (edges: readonly string[]) => `DLQ nodes must emit terminal edges (${edges.join(", ")}).`,
  littles_law:
    "Arrival rates are not stationary across this window; cycle time estimates (queueTimeMs) may be unreliable.",
  backlog_growth: (length: number, start: number, end: number) =>
    `Queue depth increased for ${length} consecutive bins (bins ${start}–${end}).`,
  backlog_overload: (length: number, start: number, end: number) =>
    `Arrivals exceeded effective capacity for ${length} consecutive bins (bins ${start}–${end}).`,
  backlog_age: (length: number, start: number, end: number) =>
    `Queue latency exceeded SLA for ${length} consecutive bins (bins ${start}–${end}).`,
  series_missing: (name: string) => `${name} series was expected but could not be resolved.`,
  attempts_conservation: (nodeId: string, bin: number, attempts: number, served: number, failures: number) =>
    `Attempts do not equal served + failures for node '${nodeId}' at bin ${bin} ` +
    `(attempts=${sixDecimals(attempts)}, served=${sixDecimals(served)}, failures=${sixDecimals(failures)}).`,
} as const;

export type EdgeSide = "outgoing" | "incoming";

/** Class ids in the order in which messages about edges list them. */
export function sortedClasses(ids: readonly string[]): readonly string[] {
  return [...ids].sort((a, b) => (fold(a) < fold(b) ? -1 : 1));
}

/** Edge labels that a message names before it only counts. */
const MAX_NAMED_EDGES = 3;

function edgeList(labels: readonly string[]): string {
  const distinct = [...new Map(labels.toReversed().map((label) => [fold(label), label])).values()].toReversed();
  const more = distinct.length > MAX_NAMED_EDGES ? ` (+${distinct.length - MAX_NAMED_EDGES} more)` : "";
  return `Edges: ${distinct.slice(0, MAX_NAMED_EDGES).join(", ")}${more}.`;
}

/** Digits that FlowTime's runtime keeps of a double before it applies a decimal pattern. */
const PATTERN_DIGITS = 15;

/** A finite number in the pattern `0.######`: at most six decimals, halves away from zero, no exponent. */
export function sixDecimals(value: number): string {
  return decimals(value, 6);
}

/** At most `places` decimals, halves away from zero, no exponent; a number that is not finite by its name. */
function decimals(value: number, places: number): string {
  if (!Number.isFinite(value)) return String(value);
  const [digits = "0", exponentText = "0"] = Math.abs(value)
    .toExponential(PATTERN_DIGITS - 1)
    .split("e");
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const scaled = BigInt(digits.replace(".", ""));
  const shift = Number(exponentText) - (PATTERN_DIGITS - 1) + places;
  const parts = shift >= 0 ? scaled * 10n ** BigInt(shift) : roundedQuotient(scaled, 10n ** BigInt(-shift));
  const unit = 10n ** BigInt(places);
  const fraction = (parts % unit).toString().padStart(places, "0").replace(/0+$/, "");
  return `${sign}${parts / unit}${fraction === "" ? "" : `.${fraction}`}`;
}

function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  return (dividend * 2n + divisor) / (divisor * 2n);
}
