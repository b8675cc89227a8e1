import { binMilliseconds } from "../lib/bin-length.ts";
import { describeNode } from "../model/descriptor.ts";
import type { TopologyNode } from "../model/model.ts";
import type { Plan } from "../model/plan.ts";
import { applyRetryKernelPolicy } from "../model/retry-kernel.ts";
import { effectiveCapacity, queueTimeMs } from "./formulas.ts";
import { MESSAGES, PRESENCE_CHECKS } from "./messages.ts";
import { AttemptsConservationRule } from "./rules/attempts-conservation.ts";
import { GrowthRule, StreakRule } from "./rules/backlog-streak.ts";
import { fixedSlot, type Rule, ruleSlot, type Slot } from "./rules/rule.ts";
import { SeriesPresenceRule } from "./rules/series-presence.ts";
import { StationarityRule } from "./rules/stationarity.ts";
import { WhenQueueTimeRule } from "./rules/when-queue-time.ts";
import { ABSENT, type Parallelism, type RoleColumns, resolvedColumns, resolvedParallelism } from "./topology-view.ts";
import { bareWarning, type WarningHeads } from "./warning.ts";

/**
 * The warnings that FlowTime's queries compute over a window (engine.md §9.3), here over all bins so far. Per node:
 * retry kernel, series presence, attempts, stationarity, backlog. They belong to the stream and never to run.json.
 * References and node kinds are read as queries read them: a service whose depth merely names a buffer has no queue.
 */
export function windowWarningSlots(plan: Plan, heads: WarningHeads): readonly Slot[] {
  return (plan.model.topology?.nodes ?? []).flatMap((node) => {
    const columns = resolvedColumns(plan, node);
    return [
      ...kernelPolicy(node, heads),
      ...presence(node, columns, heads),
      ...conservation(node, columns, heads),
      ...queueWarnings(plan, node, columns, heads),
    ];
  });
}

function kernelPolicy(node: TopologyNode, heads: WarningHeads): Slot[] {
  return applyRetryKernelPolicy(node.semantics.retryKernel).messages.map((message) =>
    fixedSlot(bareWarning(heads.head("retry_kernel_policy", node.id, message))),
  );
}

function presence(node: TopologyNode, columns: RoleColumns, heads: WarningHeads): Slot[] {
  return PRESENCE_CHECKS.filter(({ role }) => node.semantics.series[role] !== undefined).map(({ role, code, name }) => {
    const head = heads.head(code, node.id, MESSAGES.series_missing(name));
    return columns[role] === ABSENT
      ? fixedSlot(bareWarning(head))
      : ruleSlot(new SeriesPresenceRule(head, columns[role]));
  });
}

function conservation(node: TopologyNode, columns: RoleColumns, heads: WarningHeads): Slot[] {
  const failures = columns.failures === ABSENT ? columns.errors : columns.failures;
  if (columns.attempts === ABSENT || columns.served === ABSENT || failures === ABSENT) return [];
  const head = { ...heads.head("attempts_conservation_mismatch", node.id, ""), nodeId: node.id };
  return [ruleSlot(new AttemptsConservationRule(head, columns.attempts, columns.served, failures))];
}

function queueWarnings(plan: Plan, node: TopologyNode, columns: RoleColumns, heads: WarningHeads): Slot[] {
  const { queueDepth, served, arrivals } = columns;
  if (!describeNode(node, () => false).hasQueueSemantics || queueDepth === ABSENT || served === ABSENT) return [];
  const slots: Slot[] = [];
  const add = (rule: Rule): number => slots.push(ruleSlot(new WhenQueueTimeRule(rule, queueDepth, served)));
  if (arrivals !== ABSENT) {
    add(new StationarityRule(heads.head("littles-law-non-stationary", node.id, MESSAGES.littles_law), arrivals));
  }
  add(
    new GrowthRule(
      {
        head: heads.head("backlog_growth_streak", node.id, ""),
        signal: "queueDepth",
        message: MESSAGES.backlog_growth,
      },
      queueDepth,
    ),
  );
  if (arrivals !== ABSENT && columns.capacity !== ABSENT) {
    const isOverloaded = overload(arrivals, columns.capacity, resolvedParallelism(plan, node));
    const head = heads.head("backlog_overload_ratio", node.id, "");
    add(new StreakRule({ head, signal: "overloadRatio", message: MESSAGES.backlog_overload }, isOverloaded));
  }
  const { slaMin } = node.semantics;
  if (slaMin !== null && slaMin > 0) {
    const binMs = binMilliseconds(plan.model.grid);
    const isLate = (row: Float64Array): boolean => queueTimeMs(row[queueDepth]!, row[served]!, binMs) / 60_000 > slaMin;
    const head = heads.head("backlog_age_risk", node.id, "");
    add(new StreakRule({ head, signal: "latencyMinutes", message: MESSAGES.backlog_age }, isLate));
  }
  return slots;
}

function overload(arrivals: number, capacity: number, parallelism: Parallelism): (row: Float64Array) => boolean {
  return (row) => {
    const servers =
      parallelism === null ? 1 : "constant" in parallelism ? parallelism.constant : row[parallelism.column]!;
    const total = effectiveCapacity(row[capacity]!, servers);
    return total > 0 && row[arrivals]! / total > 1;
  };
}
