import { describeNode, type NodeCategory, type NodeDescriptor } from "../model/descriptor.ts";
import { type ModelNode, SERIES_ROLES, type SeriesRole, type TopologyNode } from "../model/model.ts";
import type { Plan } from "../model/plan.ts";
import { applyRetryKernelPolicy } from "../model/retry-kernel.ts";
import * as formulas from "./formulas.ts";
import { DerivedEcho } from "./retry-echo.ts";
import { ABSENT, type Parallelism, type RoleColumns, resolvedColumns, resolvedParallelism } from "./topology-view.ts";

/**
 * Names of node metrics on the wire: the roles, then what is derived. `attempts`, `failures` and `retryEcho` of a service
 * are derived when the model does not give them.
 */
const METRICS = [
  ...SERIES_ROLES,
  "parallelism",
  "retryTax",
  "utilization",
  "throughputRatio",
  "latencyMinutes",
  "serviceTimeMs",
  "queueTimeMs",
  "cycleTimeMs",
  "flowEfficiency",
] as const;
type Metric = (typeof METRICS)[number];

export interface MetricNode {
  readonly id: string;
  /** As written in the model; `service` when absent. */
  readonly kind: string;
  readonly category: NodeCategory;
  /** Minutes; null when the node has none. */
  readonly slaMin: number | null;
  /** Names of its metrics, in wire order. */
  readonly metrics: readonly string[];
}

/** Where the metrics of one node come from. */
export interface MetricSource {
  readonly node: MetricNode;
  evaluate(row: Float64Array, values: Float64Array, offset: number): void;
  /** Past failures, newest first; null when the node keeps none. */
  save(): readonly number[] | null;
  restore(failures: readonly number[]): void;
}

/** A computation node of a model without topology: its value. */
export class ComputationSource implements MetricSource {
  readonly node: MetricNode;
  private readonly column: number;

  constructor(plan: Plan, node: ModelNode) {
    const category = CATEGORY_BY_NODE_KIND[node.kind];
    this.node = { id: node.id, kind: node.kind, category, slaMin: null, metrics: ["value"] };
    this.column = plan.columnOf.get(node.id)!;
  }

  evaluate(row: Float64Array, values: Float64Array, offset: number): void {
    values[offset] = formulas.finite(row[this.column]!);
  }

  save(): null {
    return null;
  }

  restore(): void {}
}

const CATEGORY_BY_NODE_KIND: Readonly<Record<ModelNode["kind"], NodeCategory>> = {
  const: "constant",
  pmf: "constant",
  expr: "expression",
  serviceWithBuffer: "service",
  router: "router",
};

/** A topology node: its roles, and what is derived from them. References and kinds are read as queries read them. */
export class TopologySource implements MetricSource {
  readonly node: MetricNode;
  private readonly columns: RoleColumns;
  private readonly parallelism: Parallelism;
  private readonly binMs: number;
  /** Where each metric stands among the node's metrics; `ABSENT` when it has none. */
  private readonly slots: Readonly<Record<Metric, number>>;
  private readonly echo: DerivedEcho | null;

  constructor(plan: Plan, node: TopologyNode, binMs: number) {
    const descriptor = describeNode(node, () => false);
    this.columns = resolvedColumns(plan, node);
    this.parallelism = resolvedParallelism(plan, node);
    this.binMs = binMs;
    const metrics = METRICS.filter((metric) => this.offers(metric, descriptor));
    this.slots = Object.fromEntries(METRICS.map((metric) => [metric, metrics.indexOf(metric)])) as Record<
      Metric,
      number
    >;
    const derivesEcho = this.slots.retryEcho !== ABSENT && this.columns.retryEcho === ABSENT;
    this.echo = derivesEcho ? new DerivedEcho(applyRetryKernelPolicy(node.semantics.retryKernel).kernel) : null;
    this.node = {
      id: node.id,
      kind: node.kind ?? "service",
      category: descriptor.category,
      slaMin: node.semantics.slaMin,
      metrics,
    };
  }

  private offers(metric: Metric, { hasQueueSemantics, hasServiceSemantics }: NodeDescriptor): boolean {
    const has = (role: SeriesRole): boolean => this.columns[role] !== ABSENT;
    const hasFailures = has("failures") || has("errors");
    const hasQueueTime = hasQueueSemantics && has("queueDepth") && has("served");
    const hasServiceTime = hasServiceSemantics && has("processingTimeMsSum") && has("servedCount");
    switch (metric) {
      case "parallelism":
        return this.parallelism !== null;
      case "attempts":
        return has(metric) || (hasServiceSemantics && has("served") && hasFailures);
      case "failures":
      case "retryEcho":
        return has(metric) || (hasServiceSemantics && hasFailures);
      case "retryTax":
        return hasServiceSemantics && has("served") && (has("attempts") || hasFailures);
      case "utilization":
        return has("capacity") && has("served");
      case "throughputRatio":
        return has("arrivals") && has("served");
      case "latencyMinutes":
      case "queueTimeMs":
        return hasQueueTime;
      case "serviceTimeMs":
      case "flowEfficiency":
        return hasServiceTime;
      case "cycleTimeMs":
        return hasQueueTime || hasServiceTime;
      default:
        return has(metric);
    }
  }

  evaluate(row: Float64Array, values: Float64Array, offset: number): void {
    for (const role of SERIES_ROLES) this.write(values, offset, role, formulas.normalise(this.read(row, role)));

    const arrivals = this.read(row, "arrivals");
    const served = this.read(row, "served");
    const failures = this.read(row, this.columns.failures === ABSENT ? "errors" : "failures");
    const attempts = this.columns.attempts === ABSENT ? served + failures : this.read(row, "attempts");
    this.write(values, offset, "attempts", formulas.normalise(attempts));
    this.write(values, offset, "failures", formulas.normalise(failures));
    if (this.echo !== null) this.write(values, offset, "retryEcho", formulas.normalise(this.echo.next(failures)));
    const tax = formulas.retryTax(formulas.normalise(attempts), formulas.normalise(served));
    this.write(values, offset, "retryTax", formulas.normalise(tax));

    const servers = this.servers(row);
    const capacity = formulas.effectiveCapacity(this.read(row, "capacity"), servers);
    this.write(values, offset, "parallelism", formulas.normalise(servers));
    this.write(values, offset, "utilization", formulas.normalise(formulas.utilization(served, capacity)));
    this.write(values, offset, "throughputRatio", formulas.normalise(formulas.throughputRatio(served, arrivals)));
    this.evaluateTimes(row, values, offset, served);
  }

  private evaluateTimes(row: Float64Array, values: Float64Array, offset: number, served: number): void {
    const queueTime =
      this.slots.queueTimeMs === ABSENT
        ? Number.NaN
        : formulas.queueTimeMs(this.read(row, "queueDepth"), served, this.binMs);
    const serviceTime =
      this.slots.serviceTimeMs === ABSENT
        ? Number.NaN
        : formulas.serviceTimeMs(this.read(row, "processingTimeMsSum"), this.read(row, "servedCount"));
    const cycleTime = formulas.cycleTimeMs(queueTime, serviceTime);
    this.write(values, offset, "latencyMinutes", formulas.normalise(queueTime / 60_000));
    this.write(values, offset, "serviceTimeMs", serviceTime);
    this.write(values, offset, "queueTimeMs", queueTime);
    this.write(values, offset, "cycleTimeMs", cycleTime);
    this.write(values, offset, "flowEfficiency", formulas.flowEfficiency(serviceTime, cycleTime));
  }

  private read(row: Float64Array, role: SeriesRole): number {
    const column = this.columns[role];
    return column === ABSENT ? Number.NaN : row[column]!;
  }

  private write(values: Float64Array, offset: number, metric: Metric, value: number): void {
    const slot = this.slots[metric];
    if (slot !== ABSENT) values[offset + slot] = value;
  }

  private servers(row: Float64Array): number {
    if (this.parallelism === null) return Number.NaN;
    return "constant" in this.parallelism ? this.parallelism.constant : row[this.parallelism.column]!;
  }

  save(): readonly number[] | null {
    return this.echo === null ? null : this.echo.save();
  }

  restore(failures: readonly number[]): void {
    this.echo?.restore(failures);
  }
}
