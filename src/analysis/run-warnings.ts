import type { SeriesRole } from "../model/model.ts";
import type { Plan } from "../model/plan.ts";
import { FlowSlots } from "./flow-slots.ts";
import { MESSAGES, NEGATIVE_CHECKS } from "./messages.ts";
import { CapacityAllZeroRule } from "./rules/capacity-all-zero.ts";
import { ComparisonRule } from "./rules/comparison.ts";
import { DispatchNeverReleasesRule } from "./rules/dispatch-never-releases.ts";
import {
  missingCapacity,
  missingDispatchCapacity,
  missingDispatchServed,
  missingExhaustedFailures,
  missingFlow,
  missingQueueDepth,
  missingRetryBudget,
  missingServiceFigures,
} from "./rules/missing-series.ts";
import { NegativeRule } from "./rules/negative.ts";
import { QueueDepthMismatchRule } from "./rules/queue-depth-mismatch.ts";
import { QueueLatencyRule } from "./rules/queue-latency.ts";
import { fixedSlot, ruleSlot, type Slot } from "./rules/rule.ts";
import { constraintWarnings, deadLetterWarnings, effortWarnings, lagWarnings } from "./rules/topology-shape.ts";
import {
  ABSENT,
  analysedCapacity,
  columnReader,
  isTerminalQueue,
  type NodeView,
  type RowReader,
} from "./topology-view.ts";
import type { Warning, WarningHeads } from "./warning.ts";

/**
 * Every warning of the run analysis a model can have, in the order FlowTime writes them to run.json (artifacts.md,
 * Appendix D).
 */
export function runWarningSlots(plan: Plan, views: readonly NodeView[], heads: WarningHeads): readonly Slot[] {
  if (views.length === 0) return [];
  const flows = new FlowSlots(plan, heads);
  return [
    ...fixed(lagWarnings(plan, heads)),
    ...views.flatMap((view) => [
      ...fixed(constraintWarnings(plan, view, heads)),
      ...negatives(view, heads),
      ...comparisons(view, heads),
      ...queueDepth(view, heads),
      ...flows.edges(view),
      ...capacity(view, heads),
      ...fixed(missingFlow(view, heads)),
      ...fixed(effortWarnings(view, views, heads)),
      ...fixed(missingQueueDepth(view, heads)),
      ...dispatch(plan, view, heads),
      ...fixed(missingServiceFigures(view, heads)),
      ...queueLatency(view, heads),
      ...fixed(deadLetterWarnings(view, heads)),
    ]),
    ...flows.routers(),
    ...flows.coverage(views),
  ];
}

function fixed(warnings: readonly Warning[]): Slot[] {
  return warnings.map(fixedSlot);
}

function negatives(view: NodeView, heads: WarningHeads): Slot[] {
  return NEGATIVE_CHECKS.filter(({ role }) => view.columns[role] !== ABSENT).map(({ role, code, name }) =>
    ruleSlot(new NegativeRule(heads.head(code, view.id, MESSAGES.negative(name)), view.columns[role])),
  );
}

type ComparisonCode =
  | "served_exceeds_arrivals"
  | "served_exceeds_capacity"
  | "errors_exceed_arrivals"
  | "attempts_below_arrivals"
  | "failures_exceed_attempts"
  | "exhausted_exceeds_failures"
  | "exhausted_exceeds_errors";

function comparisons(view: NodeView, heads: WarningHeads): Slot[] {
  const { category, identity } = view.descriptor;
  const slots: Slot[] = [];
  const compare = (
    code: ComparisonCode,
    leftRole: SeriesRole,
    rightRole: SeriesRole,
    forbids: "above" | "below" = "above",
  ): void => {
    if (view.columns[leftRole] === ABSENT || view.columns[rightRole] === ABSENT) return;
    const left = columnReader(view.columns[leftRole]);
    const right = rightRole === "capacity" ? capacityReader(view) : columnReader(view.columns[rightRole]);
    slots.push(ruleSlot(new ComparisonRule(heads.head(code, view.id, MESSAGES[code]), { left, right, forbids })));
  };
  if (identity !== "serviceWithBuffer" && category !== "dependency") {
    compare("served_exceeds_arrivals", "served", "arrivals");
  }
  if (category === "service" || category === "router") compare("served_exceeds_capacity", "served", "capacity");
  compare("errors_exceed_arrivals", "errors", "arrivals");
  compare("attempts_below_arrivals", "attempts", "arrivals", "below");
  compare("failures_exceed_attempts", "failures", "attempts");
  if (view.columns.failures !== ABSENT) compare("exhausted_exceeds_failures", "exhaustedFailures", "failures");
  else compare("exhausted_exceeds_errors", "exhaustedFailures", "errors");
  return slots;
}

function queueDepth(view: NodeView, heads: WarningHeads): Slot[] {
  const { queueDepth: depth, arrivals, served } = view.columns;
  if (depth === ABSENT || arrivals === ABSENT || served === ABSENT) return [];
  const head = heads.head("queue_depth_mismatch", view.id, MESSAGES.queue_depth_mismatch);
  return [ruleSlot(new QueueDepthMismatchRule(head, view))];
}

function capacity(view: NodeView, heads: WarningHeads): Slot[] {
  const slots = fixed([...missingCapacity(view, heads), ...missingExhaustedFailures(view, heads)]);
  const budget = missingRetryBudget(view, heads);
  if (budget.length > 0) return [...slots, ...fixed(budget)];
  if (view.columns.capacity === ABSENT) return slots;
  const head = heads.head("capacity_all_zero", view.id, MESSAGES.capacity_all_zero, "info");
  return [...slots, ruleSlot(new CapacityAllZeroRule(head, capacityReader(view)))];
}

/** Effective capacity as the run analysis reads it. */
function capacityReader(view: NodeView): RowReader {
  const capacityColumn = view.columns.capacity;
  const { parallelism } = view;
  if (parallelism === null) return columnReader(capacityColumn);
  if ("constant" in parallelism) return (row) => analysedCapacity(row[capacityColumn]!, parallelism.constant, false);
  return (row) => analysedCapacity(row[capacityColumn]!, row[parallelism.column]!, true);
}

function dispatch(plan: Plan, view: NodeView, heads: WarningHeads): Slot[] {
  if (view.schedule === null) return [];
  const missing = [...missingDispatchCapacity(plan, view, heads), ...missingDispatchServed(view, heads)];
  const { arrivals, served } = view.columns;
  if (arrivals === ABSENT || served === ABSENT) return fixed(missing);
  const head = heads.head("dispatch_never_releases", view.id, MESSAGES.dispatch_never_releases, "info");
  return [...fixed(missing), ruleSlot(new DispatchNeverReleasesRule(head, arrivals, served))];
}

function queueLatency(view: NodeView, heads: WarningHeads): Slot[] {
  const { category, identity } = view.descriptor;
  if (category === "dlq" || identity === "serviceWithBuffer" || isTerminalQueue(view)) return [];
  const { queueDepth: depth, served } = view.columns;
  if (depth === ABSENT || served === ABSENT) return [];
  const code = view.schedule === null ? "queue_latency_unreported" : "queue_latency_gate_closed";
  return [ruleSlot(new QueueLatencyRule(heads.head(code, view.id, MESSAGES[code], "info"), depth, served))];
}
