import { fold } from "../../lib/fold.ts";
import { nearest } from "../../model/findings.ts";
import type { TopologyNode } from "../../model/model.ts";
import type { Plan } from "../../model/plan.ts";
import type { MetricNode } from "../metric-source.ts";
import { NodeMetrics } from "../metrics.ts";
import { ExplainError } from "./explain-error.ts";

/** What a name stands for: a series of the plan, or a metric of a topology node. */
export type SeriesAddress =
  | { readonly kind: "column"; readonly column: number }
  | { readonly kind: "metric"; readonly node: TopologyNode; readonly metric: string };

/** Names listed in an error; a screenful. */
const MAX_NAMES = 20;

/**
 * Finds a series by name: `NODE.METRIC` of the topology, the id of a series, `SERIES@CLASS`, `EDGE.METRIC` or
 * `EDGE.METRIC@CLASS`; `SERIES.value` for a model without topology. Case matters only where two names differ by it alone.
 * @throws ExplainError `unknown_series` with the nearest name, or the metrics that the node has
 */
export class SeriesDirectory {
  private readonly plan: Plan;
  private readonly metricNodes: readonly MetricNode[];
  /** By name, exact and folded. */
  private readonly columns = new Map<string, number>();

  constructor(plan: Plan) {
    this.plan = plan;
    const hasTopology = (plan.model.topology?.nodes.length ?? 0) > 0;
    this.metricNodes = hasTopology ? new NodeMetrics(plan).nodes : [];
    for (const [id, column] of plan.columnOf) this.columns.set(id, column);
    for (const { nodeId, columns } of plan.classSeries) {
      for (const { classId, column } of columns) this.columns.set(`${nodeId}@${classId}`, column);
    }
    for (const { edgeId, metric, classId, column } of plan.edgeSeries) {
      this.columns.set(`${edgeId}.${metric}${classId === null ? "" : `@${classId}`}`, column);
    }
    for (const [name, column] of [...this.columns]) {
      if (!this.columns.has(fold(name))) this.columns.set(fold(name), column);
    }
  }

  find(name: string): SeriesAddress {
    const wanted = name.trim();
    const exact = this.columns.get(wanted);
    if (exact !== undefined) return { kind: "column", column: exact };
    const dot = wanted.lastIndexOf(".");
    const [head, tail] = dot < 0 ? [wanted, ""] : [wanted.slice(0, dot), wanted.slice(dot + 1)];
    const node = this.metricNodes.find(({ id }) => fold(id) === fold(head));
    if (node !== undefined) {
      const metric = node.metrics.find((candidate) => fold(candidate) === fold(tail));
      if (metric !== undefined) return { kind: "metric", node: this.topologyNode(node.id), metric };
    }
    const folded =
      this.columns.get(fold(wanted)) ?? (fold(tail) === "value" ? this.columns.get(fold(head)) : undefined);
    if (folded !== undefined) return { kind: "column", column: folded };
    if (node !== undefined) throw this.unknownMetric(node, tail);
    throw this.unknown(wanted);
  }

  /** Metrics that a topology node has, in wire order. */
  metricsOf(nodeId: string): readonly string[] {
    return this.metricNodes.find(({ id }) => id === nodeId)?.metrics ?? [];
  }

  private topologyNode(id: string): TopologyNode {
    return this.plan.model.topology!.nodes.find((node) => node.id === id)!;
  }

  private unknownMetric({ id, metrics }: MetricNode, written: string): ExplainError {
    const near = nearest(written, metrics);
    const hint = near === null ? "" : ` Did you mean '${id}.${near}'?`;
    const problem = written === "" ? `'${id}' is a node; name one of its metrics.` : `'${id}' has no '${written}'.`;
    return new ExplainError("unknown_series", `${problem}${hint} It has: ${listed(metrics)}.`, {
      facts: { node: id, metrics: [...metrics] },
    });
  }

  private unknown(name: string): ExplainError {
    const names = this.names();
    const near = nearest(name, names);
    const hint = near === null ? "" : ` Did you mean '${near}'?`;
    return new ExplainError(
      "unknown_series",
      `There is no series or metric '${name}'.${hint} Known are: ${listed([
        ...this.metricNodes.map(({ id, metrics }) => `${id}.${metrics[0] ?? ""}`),
        ...this.plan.columnOf.keys(),
      ])}.`,
      { facts: { series: name, nearest: near } },
    );
  }

  private names(): readonly string[] {
    return [...this.metricNodes.flatMap(({ id, metrics }) => metrics.map((m) => `${id}.${m}`)), ...this.columns.keys()];
  }
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
