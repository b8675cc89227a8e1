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
  overflow: "expression",
};

/** A topology node: its roles, and what is derived from them. References and kinds are read as queries read them. */
export class TopologySource implements MetricSource {
  readonly node: MetricNode;
  private readonly columns: RoleColumns;
  private readonly parallelism: Parallelism;
  private readonly binMs: number;
  /** Where each metric stands among the node's metrics; `ABSENT` when it has none. */
  private readonly slots: Readonly<Record<Metric, number>>;
  /** Column and slot of every role that has a series, in turn. */
  private readonly roles: Int32Array;
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
    this.roles = Int32Array.from(
      SERIES_ROLES.filter((role) => this.columns[role] !== ABSENT).flatMap((role) => [
        this.columns[role],
        this.slots[role],
      ]),
    );
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
    const { columns, slots, roles } = this;
    for (let at = 0; at < roles.length; at += 2) {
      values[offset + roles[at + 1]!] = formulas.normalise(row[roles[at]!]!);
    }
    const arrivals = read(row, columns.arrivals);
    const served = read(row, columns.served);
    const failures = read(row, columns.failures === ABSENT ? columns.errors : columns.failures);
    const attempts = columns.attempts === ABSENT ? served + failures : read(row, columns.attempts);
    if (slots.attempts !== ABSENT) values[offset + slots.attempts] = formulas.normalise(attempts);
    if (slots.failures !== ABSENT) values[offset + slots.failures] = formulas.normalise(failures);
    if (this.echo !== null) write(values, offset, slots.retryEcho, formulas.normalise(this.echo.next(failures)));
    if (slots.retryTax !== ABSENT) {
      const tax = formulas.retryTax(formulas.normalise(attempts), formulas.normalise(served));
      values[offset + slots.retryTax] = formulas.normalise(tax);
    }
    if (slots.throughputRatio !== ABSENT) {
      values[offset + slots.throughputRatio] = formulas.normalise(formulas.throughputRatio(served, arrivals));
    }
    const servers = this.servers(row);
    if (slots.parallelism !== ABSENT) values[offset + slots.parallelism] = formulas.normalise(servers);
    if (slots.utilization !== ABSENT) {
      const capacity = formulas.effectiveCapacity(read(row, columns.capacity), servers);
      values[offset + slots.utilization] = formulas.normalise(formulas.utilization(served, capacity));
    }
    // Every time of a node goes into its cycle time.
    if (slots.cycleTimeMs !== ABSENT) this.evaluateTimes(row, values, offset, served);
  }

  private evaluateTimes(row: Float64Array, values: Float64Array, offset: number, served: number): void {
    const { columns, slots } = this;
    const queueTime =
      slots.queueTimeMs === ABSENT
        ? Number.NaN
        : formulas.queueTimeMs(read(row, columns.queueDepth), served, this.binMs);
    const serviceTime =
      slots.serviceTimeMs === ABSENT
        ? Number.NaN
        : formulas.serviceTimeMs(read(row, columns.processingTimeMsSum), read(row, columns.servedCount));
    const cycleTime = formulas.cycleTimeMs(queueTime, serviceTime);
    write(values, offset, slots.latencyMinutes, formulas.normalise(queueTime / 60_000));
    write(values, offset, slots.serviceTimeMs, serviceTime);
    write(values, offset, slots.queueTimeMs, queueTime);
    write(values, offset, slots.cycleTimeMs, cycleTime);
    write(values, offset, slots.flowEfficiency, formulas.flowEfficiency(serviceTime, cycleTime));
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

function read(row: Float64Array, column: number): number {
  return column === ABSENT ? Number.NaN : row[column]!;
}

function write(values: Float64Array, offset: number, slot: number, value: number): void {
  if (slot !== ABSENT) values[offset + slot] = value;
}
