import { invariant } from "../lib/assert.ts";
import { type Expression, literalInteger, parseExpression } from "../model/expression.ts";
import type { BufferNode, ModelNode } from "../model/model.ts";
import type { Plan } from "../model/plan.ts";
import { clamp, divide, gatedOutflow, modulo, queueDepth, round, step } from "./arithmetic.ts";

/**
 * Evaluates the first `bins` bins of a model from its definitions: a plain walk over expression trees, no plan operators,
 * no rings, nothing carried but the series themselves. Slow on purpose: it is the oracle of the incremental path.
 *
 * @param cell telemetry of a bound series in a bin; NaN where it is missing
 * @returns every series by id
 */
export function evaluateWindow(
  plan: Plan,
  bins: number,
  cell: (seriesId: string, bin: number) => number,
): ReadonlyMap<string, Float64Array> {
  const { model } = plan;
  const series = new Map<string, Float64Array>();
  const nodes = new Map(model.nodes.map((node) => [node.id, node]));
  const trees = new Map<string, Expression>();
  for (const node of model.nodes) {
    series.set(node.id, new Float64Array(bins));
    if (node.kind === "expr") trees.set(node.id, treeOf(node));
  }
  const bound = new Set(plan.bound.map(({ seriesId }) => seriesId));
  for (const seriesId of bound) if (!series.has(seriesId)) series.set(seriesId, new Float64Array(bins));
  const telemetryOnly = [...bound].filter((seriesId) => !nodes.has(seriesId));

  const walk = new Walk(plan, series, bins);
  for (let t = 0; t < bins; t++) {
    for (const seriesId of telemetryOnly) series.get(seriesId)![t] = cell(seriesId, t);
    for (const id of plan.order) {
      const node = nodes.get(id)!;
      series.get(id)![t] = bound.has(id) ? cell(id, t) : walk.node(node, trees.get(id), t);
    }
  }
  return series;
}

function treeOf(node: ModelNode & { kind: "expr" }): Expression {
  if (node.tree !== undefined) return node.tree;
  const parsed = parseExpression(node.expr);
  invariant(parsed.ok, `a compiled model's expression parses: ${node.expr}`);
  return parsed.tree;
}

class Walk {
  private readonly plan: Plan;
  private readonly series: ReadonlyMap<string, Float64Array>;
  private readonly bins: number;

  constructor(plan: Plan, series: ReadonlyMap<string, Float64Array>, bins: number) {
    this.plan = plan;
    this.series = series;
    this.bins = bins;
  }

  node(node: ModelNode, tree: Expression | undefined, t: number): number {
    switch (node.kind) {
      case "const":
        return node.values[t % node.values.length]!;
      case "pmf": {
        const total = node.probabilities.reduce((sum, probability) => sum + probability, 0);
        const scale = Math.abs(total - 1) <= 1e-6 ? 1 : total;
        return node.values.reduce((sum, value, index) => sum + value * (node.probabilities[index]! / scale), 0);
      }
      case "expr":
        return this.value(tree!, t);
      case "router":
        return this.read(node.queue, t);
      case "serviceWithBuffer":
        return this.queue(node, t);
    }
  }

  private read(reference: string, t: number): number {
    const values = this.series.get(reference) ?? this.series.get(this.telemetrySeries(reference));
    return values![t]!;
  }

  /** Series id of a `file:` reference that a generated queue reads. */
  private telemetrySeries(reference: string): string {
    for (const node of this.plan.model.topology?.nodes ?? []) {
      for (const bound of this.plan.bound) {
        const isFed = bound.feeds.some(
          ({ nodeId, role }) => nodeId === node.id && node.semantics.series[role] === reference,
        );
        if (isFed) return bound.seriesId;
      }
    }
    return reference;
  }

  private queue(node: BufferNode, t: number): number {
    const depths = this.series.get(node.id)!;
    let outflow = this.read(node.outflow, t);
    const schedule = node.dispatchSchedule;
    if (schedule !== null) {
      const { periodBins, phaseOffset, capacitySeries } = schedule;
      const phase = ((phaseOffset % periodBins) + periodBins) % periodBins;
      const operator = this.plan.operators.find((candidate) => candidate.out === this.plan.columnOf.get(node.id));
      const nonFiniteIsZero = operator?.op === "queue" && (operator.dispatch?.nonFiniteCapacityIsZero ?? false);
      const capacity = capacitySeries === null ? null : this.read(capacitySeries, t);
      outflow = gatedOutflow(t, outflow, periodBins, phase, capacity, nonFiniteIsZero);
    }
    const previous = t > 0 ? depths[t - 1]! : this.initialDepth(node.id);
    return queueDepth(previous, this.read(node.inflow, t), outflow, node.loss === null ? 0 : this.read(node.loss, t));
  }

  private initialDepth(nodeId: string): number {
    const owners = (this.plan.model.topology?.nodes ?? []).filter(
      (node) => node.semantics.series.queueDepth?.toLowerCase() === nodeId.toLowerCase(),
    );
    return owners.at(-1)?.initialQueueDepth ?? 0;
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
