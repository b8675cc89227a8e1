import { type Expression, literalInteger } from "../model/expression.ts";
import type { BufferNode, ModelNode, WipLimit } from "../model/model.ts";
import type { Plan } from "../model/plan.ts";
import { clamp, divide, finiteOrZero, gatedOutflow, modulo, queueDepth, round, step } from "./arithmetic.ts";
import { type BatchModel, batchOfPlan, initialDepthOf, type Totals } from "./batch-model.ts";

export type Overrides = ReadonlyMap<string, ArrayLike<number | undefined>>;

export interface WindowOptions {
  /**
   * Telemetry of a bound series in a bin, or what stands in for it; undefined: the model's own value does. Default NaN
   * everywhere.
   */
  readonly cell?: (seriesId: string, bin: number) => number | undefined;
  /**
   * Values that stand in for a node's own definition, at least `bins` long. Telemetry goes before them: what was measured
   * is not computed. Where one is undefined the definition counts. Default none.
   */
  readonly overrides?: Overrides;
}

/**
 * Evaluates the first `bins` bins of a plan from its definitions, every node once (the base pass of engine.md §1.2).
 *
 * @param cell telemetry of a bound series in a bin; NaN where it is missing
 * @returns every series by id
 */
export function evaluateWindow(plan: Plan, bins: number, cell: (seriesId: string, bin: number) => number): Totals {
  return evaluateTotals(batchOfPlan(plan), bins, { cell });
}

/**
 * Evaluates the first `bins` bins of a model: a plain walk over expression trees, no plan operators, no rings, nothing
 * carried but the series themselves. Slow on purpose: it is the oracle of the incremental path.
 *
 * @returns every series by id: nodes in evaluation order, then series that only telemetry feeds
 */
export function evaluateTotals(batch: BatchModel, bins: number, options: WindowOptions = {}): Totals {
  const { cell = () => Number.NaN, overrides = new Map() as Overrides } = options;
  const series = new Map<string, Float64Array>();
  const telemetryOnly = [...batch.bound].filter((id) => !batch.nodes.has(id));
  for (const id of [...batch.order, ...telemetryOnly]) series.set(id, new Float64Array(bins));

  const walk = new Walk(batch, series, bins, overrides);
  for (let t = 0; t < bins; t++) {
    for (const id of telemetryOnly) series.get(id)![t] = cell(id, t) ?? Number.NaN;
    for (const id of batch.order) {
      const given = batch.bound.has(id) ? cell(id, t) : undefined;
      series.get(id)![t] = given ?? overrides.get(id)?.[t] ?? walk.node(batch.nodes.get(id)!, t);
    }
  }
  return series;
}

class Walk {
  private readonly batch: BatchModel;
  private readonly series: Totals;
  private readonly bins: number;
  private readonly overrides: Overrides;

  constructor(batch: BatchModel, series: Totals, bins: number, overrides: Overrides) {
    this.batch = batch;
    this.series = series;
    this.bins = bins;
    this.overrides = overrides;
  }

  node(node: ModelNode, t: number): number {
    switch (node.kind) {
      case "const":
        return node.values[t % node.values.length]!;
      case "pmf": {
        const total = node.probabilities.reduce((sum, probability) => sum + probability, 0);
        const scale = Math.abs(total - 1) <= 1e-6 ? 1 : total;
        return node.values.reduce((sum, value, index) => sum + value * (node.probabilities[index]! / scale), 0);
      }
      case "expr":
        return this.value(this.batch.trees.get(node.id)!, t);
      case "router":
        return this.read(node.queue, t);
      case "serviceWithBuffer":
        return node.wip === undefined ? this.queue(node, t) : Math.min(this.queue(node, t), this.limit(node.wip, t));
      case "overflow":
        return this.overflow(this.batch.nodes.get(node.queue) as BufferNode, t);
    }
  }

  private read(reference: string, t: number): number {
    return this.series.get(this.batch.fileSeries.get(reference) ?? reference)![t]!;
  }

  /** Nothing where the depth is measured, or what a router brings. */
  private overflow(queue: BufferNode, t: number): number {
    if (this.batch.bound.has(queue.id) || (this.overrides.has(queue.id) && this.isRouted(queue.id))) return 0;
    const beyond = this.queue(queue, t) - this.limit(queue.wip!, t);
    return beyond > 0 ? beyond : 0;
  }

  private isRouted(id: string): boolean {
    return this.batch.model.nodes.some(
      (node) => node.kind === "router" && node.routes.some(({ target }) => target === id),
    );
  }

  private limit({ limit }: WipLimit, t: number): number {
    return Math.max(0, finiteOrZero(this.read(limit, t)));
  }

  /** Depth at the end of the bin, whatever its limit. */
  private queue(node: BufferNode, t: number): number {
    const depths = this.series.get(node.id)!;
    let outflow = this.read(node.outflow, t);
    const schedule = node.dispatchSchedule;
    if (schedule !== null) {
      const { periodBins, phaseOffset, capacitySeries } = schedule;
      const phase = ((phaseOffset % periodBins) + periodBins) % periodBins;
      const nonFiniteIsZero = this.batch.feedback.has(node.id);
      const capacity = capacitySeries === null ? null : this.read(capacitySeries, t);
      outflow = gatedOutflow(t, outflow, periodBins, phase, capacity, nonFiniteIsZero);
    }
    const previous = t > 0 ? depths[t - 1]! : initialDepthOf(node.id, this.batch.model);
    return queueDepth(previous, this.read(node.inflow, t), outflow, node.loss === null ? 0 : this.read(node.loss, t));
  }

  private value(tree: Expression, t: number): number {
    switch (tree.kind) {
      case "number":
        return tree.value;
      case "array":
        return (t < this.bins && tree.values[t]) || 0;
      case "reference":
        return this.read(tree.name, t);
      case "binary": {
        const left = this.value(tree.left, t);
        const right = this.value(tree.right, t);
        if (tree.operator === "+") return left + right;
        if (tree.operator === "-") return left - right;
        return tree.operator === "*" ? left * right : divide(left, right);
      }
      case "call":
        return this.call(tree.name.toUpperCase(), tree.args, t);
    }
  }

  private call(name: string, args: readonly Expression[], t: number): number {
    const value = (index: number): number => this.value(args[index]!, t);
    switch (name) {
      case "MIN":
        return Math.min(value(0), value(1));
      case "MAX":
        return Math.max(value(0), value(1));
      case "CLAMP":
        return clamp(value(0), value(1), value(2));
      case "MOD":
        return modulo(value(0), value(1));
      case "STEP":
        return step(value(0), value(1));
      case "FLOOR":
        return Math.floor(value(0));
      case "CEIL":
        return Math.ceil(value(0));
      case "ROUND":
        return round(value(0));
      case "SHIFT": {
        const lag = literalInteger(args[1])!;
        return t < lag ? 0 : this.value(args[0]!, t - lag);
      }
      case "CONV": {
        const kernelTree = args[1]!;
        const kernel = kernelTree.kind === "array" ? kernelTree.values : [(kernelTree as { value: number }).value];
        let sum = 0;
        for (let lag = 0; lag < kernel.length && lag <= t; lag++) {
          const sample = this.value(args[0]!, t - lag);
          if (Number.isFinite(sample)) sum += sample * kernel[lag]!;
        }
        return sum;
      }
      case "PULSE": {
        const since = t - (literalInteger(args[1]) ?? 0);
        if (since < 0 || since % literalInteger(args[0])! !== 0) return 0;
        return args.length > 2 ? value(2) : 1;
      }
      default:
        throw new Error(`a compiled model has no function ${name}`);
    }
  }
}
