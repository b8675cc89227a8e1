import { isFileReference } from "./descriptor.ts";
import type { Diagnostic } from "./diagnostics.ts";
import type { ExpressionCompiler, OperatorList, Scope } from "./emit.ts";
import type { Expression } from "./expression.ts";
import type { BufferNode, DispatchSchedule, Model, ModelNode, PmfNode } from "./model.ts";

/** What emission needs besides the node and the columns it reads. */
export interface NodeContext {
  readonly model: Model;
  readonly initialDepths: ReadonlyMap<string, number>;
  readonly trees: ReadonlyMap<string, Expression>;
  /** Members of FlowTime's feedback groups. */
  readonly feedback: ReadonlySet<string>;
  readonly operators: OperatorList;
  readonly expressions: ExpressionCompiler;
  readonly diagnostics: Diagnostic[];
  /** Of a queue with a WIP limit, by the column of its series: the columns of its depth without and with the limit. */
  readonly limited: Map<number, { readonly without: number; readonly within: number }>;
}

/**
 * Emits the operators of one node into a column.
 * @param series column of the node's series in this pass, where that is another one: telemetry or a limit may stand in it in
 *   place of what is emitted
 */
export function emitNode(node: ModelNode, out: number, scope: Scope, context: NodeContext, series: number = out): void {
  const { model, initialDepths, trees, feedback, operators, expressions, diagnostics } = context;
  switch (node.kind) {
    case "const":
      operators.push({ op: "const", out, values: Float64Array.from(node.values) });
      return;
    case "pmf": {
      const expected = expectedValue(node);
      if (typeof expected === "number") {
        operators.push({ op: "literal", out, value: expected });
        return;
      }
      const index = model.nodes.indexOf(node);
      diagnostics.push({
        severity: "error",
        tier: "compile",
        code: "pmf_probabilities",
        message: expected.problem,
        pointer: `/nodes/${index}/pmf/probabilities`,
        span: node.span,
      });
      return;
    }
    case "expr":
      expressions.compile(node, trees.get(node.id)!, out, scope);
      return;
    case "serviceWithBuffer": {
      if (node.wip === undefined) {
        operators.push(queueOperator(node, { out, previous: series }, feedback.has(node.id), initialDepths, scope));
        return;
      }
      const a = operators.newColumn(node.id);
      operators.push(queueOperator(node, { out: a, previous: series }, feedback.has(node.id), initialDepths, scope));
      const finite = operators.derive({ op: "finiteOrZero", a: scope(node.wip.limit) }, node.id);
      const b = operators.derive({ op: "max", a: operators.literal(0, node.id), b: finite }, node.id);
      operators.push({ op: "min", out, a, b });
      context.limited.set(series, { without: a, within: out });
      return;
    }
    case "overflow": {
      // A queue that telemetry feeds, or a router overrides, turns nothing away that is known.
      const depth = context.limited.get(scope(node.queue));
      if (depth === undefined) operators.push({ op: "literal", out, value: 0 });
      else operators.push({ op: "subtract", out, a: depth.without, b: depth.within });
      return;
    }
    case "router":
      operators.push({ op: "copy", out, a: scope(node.queue) });
  }
}

/** E = Σ value·p in list order, probabilities normalised when they miss 1 by more than 1e-6 (engine.md §6.3). */
function expectedValue(node: PmfNode): number | { problem: string } {
  const total = node.probabilities.reduce((sum, probability) => sum + probability, 0);
  if (node.probabilities.some((probability) => probability < 0) || !(total > 0)) {
    return { problem: `Node ${node.id}: pmf probabilities must be non-negative with a positive sum.` };
  }
  const scale = Math.abs(total - 1) <= 1e-6 ? 1 : total;
  return node.values.reduce((sum, value, index) => sum + value * (node.probabilities[index]! / scale), 0);
}

function queueOperator(
  node: BufferNode,
  columns: { readonly out: number; readonly previous: number },
  isFeedback: boolean,
  initialDepths: ReadonlyMap<string, number>,
  scope: Scope,
) {
  const schedule = node.dispatchSchedule;
  return {
    op: "queue",
    ...columns,
    inflow: scope(node.inflow),
    outflow: scope(node.outflow),
    loss: node.loss === null ? null : scope(node.loss),
    initialDepth: initialDepths.get(node.id.toLowerCase()) ?? 0,
    dispatch:
      schedule === null
        ? null
        : {
            period: schedule.periodBins,
            phase: dispatchPhase(schedule),
            capacity: schedule.capacitySeries === null ? null : scope(schedule.capacitySeries),
            nonFiniteCapacityIsZero: isFeedback,
          },
  } as const;
}

/** Phase of a schedule within its period: 0 … period − 1. */
export function dispatchPhase({ periodBins, phaseOffset }: DispatchSchedule): number {
  return ((phaseOffset % periodBins) + periodBins) % periodBins;
}

/** Depths before bin 0 by lower-cased node id: the last topology node whose queue it is decides (engine.md §3.2). */
export function initialDepths({ topology }: Model): ReadonlyMap<string, number> {
  const depths = new Map<string, number>();
  for (const node of topology?.nodes ?? []) {
    const reference = node.semantics.series.queueDepth;
    if (reference === undefined || isFileReference(reference)) continue;
    depths.set(reference.toLowerCase(), node.initialQueueDepth ?? 0);
  }
  return depths;
}
