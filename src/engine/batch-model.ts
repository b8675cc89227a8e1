import { invariant } from "../lib/assert.ts";
import { type Expression, parseExpression } from "../model/expression.ts";
import type { Constraint, Model, ModelNode } from "../model/model.ts";
import { evaluationOrder, feedbackMembers, inputsOf } from "../model/order.ts";
import type { Plan } from "../model/plan.ts";

/** What the whole-window formulation needs of a model: its nodes in evaluation order, and what telemetry feeds. */
export interface BatchModel {
  readonly model: Model;
  readonly nodes: ReadonlyMap<string, ModelNode>;
  /** FlowTime's evaluation order (engine.md §5.2). */
  readonly order: readonly string[];
  /** Parsed expressions by node id. */
  readonly trees: ReadonlyMap<string, Expression>;
  /** What classes follow: the same, but that values of a direct run read zeros in places (`withZeroReads`). */
  readonly classTrees: ReadonlyMap<string, Expression>;
  /** Members of FlowTime's feedback groups (engine.md §5.3). */
  readonly feedback: ReadonlySet<string>;
  /** Ids of the series that telemetry feeds. */
  readonly bound: ReadonlySet<string>;
  /** Series id by `file:` reference, for the series that exist only because telemetry feeds them. */
  readonly fileSeries: ReadonlyMap<string, string>;
  /** Shared constraints that are enforced. */
  readonly constraints: readonly Constraint[];
}

/** Every evaluated series by id, in evaluation order, one value a bin. */
export type Totals = ReadonlyMap<string, Float64Array>;

export interface BatchOptions {
  /** Evaluation order. Default that of the definitions. */
  readonly order?: readonly string[];
  /** Default none. */
  readonly bound?: ReadonlySet<string>;
  /** Default none. */
  readonly fileSeries?: ReadonlyMap<string, string>;
  /** Shared constraints to enforce. Default none. */
  readonly constraints?: readonly Constraint[];
}

/** @param model valid and free of same-bin cycles; as written, or with generated nodes (`generateNodes`) */
export function prepareBatch(model: Model, options: BatchOptions = {}): BatchModel {
  const nodes = new Map(model.nodes.map((node) => [node.id, node]));
  const trees = new Map<string, Expression>();
  for (const node of model.nodes) if (node.kind === "expr") trees.set(node.id, treeOf(node));
  const inputs = new Map(model.nodes.map((node) => [node.id, inputsOf(node, trees.get(node.id) ?? null)]));
  const order = options.order ?? evaluationOrder([...nodes.keys()], (id) => inputs.get(id)!.sameBin).order;
  return {
    model,
    nodes,
    order,
    trees,
    classTrees: trees,
    feedback: feedbackMembers(
      order,
      (id) => nodes.get(id)?.kind,
      (id) => inputs.get(id)!.lagged,
    ),
    bound: options.bound ?? new Set(),
    fileSeries: options.fileSeries ?? new Map(),
    constraints: options.constraints ?? [],
  };
}

/** The model of a plan, generated nodes included, with the plan's order and bindings. */
export function batchOfPlan(plan: Plan): BatchModel {
  const fileSeries = new Map<string, string>();
  for (const { column, seriesId, feeds } of plan.bound) {
    if (plan.columns[column]!.origin !== "telemetry") continue;
    for (const { nodeId, role } of feeds) {
      const node = plan.model.topology?.nodes.find(({ id }) => id === nodeId);
      const reference = node?.semantics.series[role];
      if (reference !== undefined) fileSeries.set(reference, seriesId);
    }
  }
  const bound = new Set(plan.bound.map(({ seriesId }) => seriesId));
  const constraints = plan.modes.constraints ? (plan.source.topology?.constraints ?? []) : [];
  return prepareBatch(plan.model, { order: plan.order, bound, fileSeries, constraints });
}

/** Depth of a queue before bin 0: the last topology node bound to it decides (engine.md §3.2). */
export function initialDepthOf(nodeId: string, model: Model): number {
  const owners = (model.topology?.nodes ?? []).filter(
    (node) => node.semantics.series.queueDepth?.toLowerCase() === nodeId.toLowerCase(),
  );
  return owners.at(-1)?.initialQueueDepth ?? 0;
}

function treeOf(node: ModelNode & { kind: "expr" }): Expression {
  if (node.tree !== undefined) return node.tree;
  const parsed = parseExpression(node.expr);
  invariant(parsed.ok, `a compiled model's expression parses: ${node.expr}`);
  return parsed.tree;
}
