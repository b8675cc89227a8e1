import { invariant } from "../../lib/assert.ts";
import { binMilliseconds } from "../../lib/bin-length.ts";
import { SERIES_ROLES, type SeriesRole, type TopologyNode } from "../../model/model.ts";
import type { Plan } from "../../model/plan.ts";
import { applyRetryKernelPolicy } from "../../model/retry-kernel.ts";
import { ABSENT, resolvedColumns, resolvedParallelism } from "../topology-view.ts";
import type { ColumnValues } from "./column-values.ts";
import { binary, call, type Formula, number, operand, sum } from "./formula.ts";

export interface MetricFormula {
  readonly formula: Formula;
  /** The rule by the roles of the node, as engine.md §8 states it. */
  readonly rule: string;
  /** Why there is no value in this bin; null when there is one. */
  readonly because: string | null;
}

/** How the metrics of one topology node come about in one bin (engine.md §8). The same figures as `NodeMetrics`. */
export class MetricFormulas {
  private readonly plan: Plan;
  private readonly node: TopologyNode;
  private readonly values: ColumnValues;
  private readonly offered: readonly string[];
  private readonly bin: number;
  private readonly columns: Readonly<Record<SeriesRole, number>>;
  private readonly binMs: number;

  /** @param offered metrics that the node has */
  constructor(values: ColumnValues, node: TopologyNode, offered: readonly string[], bin: number) {
    this.plan = values.plan;
    this.node = node;
    this.values = values;
    this.offered = offered;
    this.bin = bin;
    this.columns = resolvedColumns(this.plan, node);
    this.binMs = binMilliseconds(this.plan.model.grid);
  }

  /** @param metric a metric that the node has */
  of(metric: string): MetricFormula {
    const found = this.checked(metric);
    if (found.because !== null || Number.isFinite(found.formula.value)) return found;
    return { ...found, because: `the result is ${found.formula.value}, which is no value` };
  }

  private checked(metric: string): MetricFormula {
    switch (metric) {
      case "attempts":
        if (this.columns.attempts !== ABSENT) break;
        return this.rounded("served + failures", binary("+", this.raw("served"), this.failures(this.bin)), null);
      case "failures":
        if (this.columns.failures !== ABSENT) break;
        return this.rounded("errors, as nothing says failures", this.failures(this.bin), null);
      case "retryEcho":
        if (this.columns.retryEcho !== ABSENT) break;
        return this.retryEcho();
      case "parallelism":
        return this.rounded("parallelism", this.servers()!, null);
      case "retryTax":
        return this.retryTax();
      case "utilization":
        return this.utilization();
      case "throughputRatio": {
        const [served, arrivals] = [this.raw("served"), this.raw("arrivals")];
        const ratio = call("CLAMP", binary("/", served, arrivals), number(0), number(1));
        const because =
          notFinite("served", served) ?? notFinite("arrivals", arrivals) ?? when(arrivals.value === 0, "arrivals is 0");
        return this.rounded("served / arrivals, within 0 and 1", ratio, because);
      }
      case "latencyMinutes": {
        const time = this.metric("queueTimeMs");
        return this.rounded("queueTimeMs / 60000", binary("/", time, number(60_000)), missing("queueTimeMs", time));
      }
      case "queueTimeMs": {
        const [depth, served] = [this.raw("queueDepth"), this.raw("served")];
        const time = binary("*", binary("/", depth, served), number(this.binMs));
        const because = notFinite("queueDepth", depth) ?? notFinite("served", served) ?? notPositive("served", served);
        return { formula: time, rule: "queueDepth / served * bin length in ms (Little's law)", because };
      }
      case "serviceTimeMs": {
        const [total, count] = [this.raw("processingTimeMsSum"), this.raw("servedCount")];
        const because =
          notFinite("processingTimeMsSum", total) ??
          notFinite("servedCount", count) ??
          notPositive("servedCount", count);
        return { formula: binary("/", total, count), rule: "processingTimeMsSum / servedCount", because };
      }
      case "cycleTimeMs":
        return this.cycleTime();
      case "flowEfficiency": {
        const [service, cycle] = [this.metric("serviceTimeMs"), this.metric("cycleTimeMs")];
        const because =
          missing("serviceTimeMs", service) ?? missing("cycleTimeMs", cycle) ?? notPositive("cycleTimeMs", cycle);
        return { formula: binary("/", service, cycle), rule: "serviceTimeMs / cycleTimeMs", because };
      }
    }
    const role = SERIES_ROLES.find((candidate) => candidate === metric);
    invariant(role !== undefined && this.columns[role] !== ABSENT, `metric ${metric} has a formula`);
    const series = this.raw(role);
    return this.rounded(`the series of ${role}`, series, notFinite(role, series));
  }

  private rounded(rule: string, formula: Formula, because: string | null): MetricFormula {
    return { formula: call("ROUND6", formula), rule: `${rule}; rounded to 6 decimals`, because };
  }

  private retryEcho(): MetricFormula {
    const { kernel } = applyRetryKernelPolicy(this.node.semantics.retryKernel);
    const samples = kernel
      .map((share, lag) => ({ share, lag }))
      .filter(({ lag }) => lag <= this.bin)
      .map(({ share, lag }) => ({ share, failures: this.failures(this.bin - lag) }));
    const finite = samples.filter(({ failures }) => Number.isFinite(failures.value));
    const terms = finite
      .filter(({ share }) => share !== 0)
      .map(({ share, failures }) => binary("*", failures, number(share)));
    const because = when(finite.length === 0, "none of the failures in reach is a number");
    return this.rounded(
      `failures of this and earlier bins by the retry kernel [${kernel.join(", ")}]`,
      sum(terms),
      because,
    );
  }

  private retryTax(): MetricFormula {
    const [attempts, served] = [this.metric("attempts"), this.metric("served")];
    const tax = call("MAX", number(0), binary("/", binary("-", attempts, served), attempts));
    const because = missing("attempts", attempts) ?? missing("served", served) ?? notPositive("attempts", attempts);
    return this.rounded("(attempts - served) / attempts, at least 0", tax, because);
  }

  private utilization(): MetricFormula {
    const [served, capacity, servers] = [this.raw("served"), this.raw("capacity"), this.servers()];
    const counts = servers !== null && Number.isFinite(servers.value) && servers.value > 0;
    const all = counts ? binary("*", capacity, servers) : capacity;
    const because = notFinite("served", served) ?? notFinite("capacity", capacity) ?? notPositive("capacity", all);
    const rule = servers === null ? "served / capacity" : "served / (capacity * parallelism)";
    return this.rounded(rule, binary("/", served, all), because);
  }

  private cycleTime(): MetricFormula {
    const parts = (["queueTimeMs", "serviceTimeMs"] as const)
      .filter((name) => this.offered.includes(name))
      .map((name) => ({ name, formula: this.metric(name) }));
    const present = parts.filter(({ formula }) => Number.isFinite(formula.value));
    const [first, second] = present.length > 0 ? present : parts;
    const formula = second === undefined ? first!.formula : binary("+", first!.formula, second.formula);
    const because = when(present.length === 0, `${parts.map(({ name }) => name).join(" and ")} has no value`);
    return { formula, rule: "queueTimeMs + serviceTimeMs, as far as there are such", because };
  }

  private failures(bin: number): Formula {
    return this.raw(this.columns.failures === ABSENT ? "errors" : "failures", bin);
  }

  private servers(): Formula | null {
    const parallelism = resolvedParallelism(this.plan, this.node);
    if (parallelism === null) return null;
    return "constant" in parallelism ? number(parallelism.constant) : this.column(parallelism.column, this.bin);
  }

  private raw(role: SeriesRole, bin = this.bin): Formula {
    const column = this.columns[role];
    return column === ABSENT ? number(Number.NaN) : this.column(column, bin);
  }

  private column(column: number, bin: number): Formula {
    const name = this.plan.columns[column]!.id;
    return operand({ name, bin, value: this.values.value(column, bin), source: { column } });
  }

  private metric(metric: string): Formula {
    const { formula, because } = this.of(metric);
    const value = because === null ? formula.value : Number.NaN;
    const source = { nodeId: this.node.id, metric };
    return operand({ name: `${this.node.id}.${metric}`, bin: this.bin, value, source });
  }
}

function when(is: boolean, text: string): string | null {
  return is ? text : null;
}

function notFinite(name: string, { value }: Formula): string | null {
  return when(!Number.isFinite(value), `${name} is ${value}`);
}

function missing(name: string, { value }: Formula): string | null {
  return when(!Number.isFinite(value), `${name} has no value`);
}

function notPositive(name: string, { value }: Formula): string | null {
  return when(!(value > 0), `${name} is ${value}, not above 0`);
}
