import type { Plan } from "../../model/plan.ts";
import { MESSAGES } from "../messages.ts";
import {
  ABSENT,
  edgeLabel,
  edgeType,
  endpointNode,
  exactColumn,
  isEffortEdge,
  type NodeView,
} from "../topology-view.ts";
import { bareWarning, type Warning, type WarningHeads } from "../warning.ts";

/** Warnings that edges and constraints alone decide: known before the first bin, active for the whole run. */

export function lagWarnings(plan: Plan, heads: WarningHeads): Warning[] {
  const warnings: Warning[] = [];
  for (const edge of plan.model.topology?.edges ?? []) {
    if (edge.lag === null || edge.lag <= 0) continue;
    const label = edgeLabel(edge);
    const source = endpointNode(edge.from);
    const message = MESSAGES.edge_behavior_violation_lag(label, edge.lag);
    const head = heads.head(
      "edge_behavior_violation_lag",
      source === "" ? "engine" : source,
      message,
      "warning",
      label,
    );
    warnings.push({ ...bareWarning(head), edgeIds: [label] });
  }
  return warnings;
}

/** Nothing when compilation generated nodes: FlowTime's compiled topology then has no constraints (engine.md §3.4). */
export function constraintWarnings(plan: Plan, view: NodeView, heads: WarningHeads): Warning[] {
  if (plan.generated.length > 0) return [];
  const constraints = plan.model.topology?.constraints ?? [];
  return view.node.constraints.flatMap((wanted) => {
    const constraint = constraints.find(({ id }) => id.toLowerCase() === wanted.trim().toLowerCase());
    if (constraint === undefined) return [];
    return (["arrivals", "served"] as const)
      .filter((role) => exactColumn(plan, constraint.series[role]) === ABSENT)
      .map((role) => {
        const message = MESSAGES.constraint_missing(constraint.id, role);
        return bareWarning(heads.head(`constraint_missing_${role}`, view.id, message, "warning", constraint.id));
      });
  });
}

export function effortWarnings(view: NodeView, allViews: readonly NodeView[], heads: WarningHeads): Warning[] {
  if (view.descriptor.category !== "dependency") return [];
  const effort = view.incoming.filter(isEffortEdge);
  const info = (code: "dependency_missing_effort_edges" | "dependency_retry_pressure_missing"): Warning[] => [
    bareWarning(heads.head(code, view.id, MESSAGES[code], "info")),
  ];
  if (effort.length === 0) return info("dependency_missing_effort_edges");
  if (view.node.semantics.series.errors === undefined) return [];
  const sources = new Set(effort.map((edge) => endpointNode(edge.from).toLowerCase()));
  const declaresAttempts = allViews.some(
    ({ id, node }) => sources.has(id.toLowerCase()) && node.semantics.series.attempts !== undefined,
  );
  return declaresAttempts ? [] : info("dependency_retry_pressure_missing");
}

export function deadLetterWarnings(view: NodeView, heads: WarningHeads): Warning[] {
  if (view.descriptor.category !== "dlq") return [];
  return (["inbound", "outbound"] as const).flatMap((side) => {
    const edges = (side === "inbound" ? view.incoming : view.outgoing).filter((edge) => edgeType(edge) !== "terminal");
    if (edges.length === 0) return [];
    const code = `dlq_non_terminal_${side}` as const;
    return [bareWarning(heads.head(code, view.id, MESSAGES[code](edges.map(edgeLabel))))];
  });
}
