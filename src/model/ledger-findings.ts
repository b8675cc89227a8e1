import type { Diagnostic } from "./diagnostics.ts";
import type { Divergence } from "./divergences.ts";
import { collectReferences, parseExpression } from "./expression.ts";
import type { Model, ModelNode } from "./model.ts";
import type { Plan } from "./plan.ts";

/** FlowTime's names of the nodes that a feedback group cannot hold. */
const NODE_TYPES: Readonly<Record<ModelNode["kind"], string>> = {
  const: "ConstSeriesNode",
  expr: "ExprNode",
  pmf: "PmfNode",
  serviceWithBuffer: "ServiceWithBufferNode",
  router: "RouterNode",
  overflow: "ServiceWithBufferNode",
};

/**
 * The defects of FlowTime's ledger (engine.md §11.1) on which its evaluation of this model fails, in its words. Live runs
 * evaluate such models; defects that only read zeros, or concern orchestrated runs, are none of these.
 * @param severity `error` where FlowTime's own verdict is asked for
 */
export function ledgerFindings(plan: Plan, severity: Diagnostic["severity"]): readonly Diagnostic[] {
  return plan.divergences.flatMap(({ id, nodeId }) => {
    const sentence = sentenceOf(id, nodeId, plan);
    if (sentence === null) return [];
    const index = plan.source.nodes.findIndex((node) => node.id === nodeId);
    return [
      {
        severity,
        tier: "analyse",
        code: `flowtime_${id.toLowerCase()}`,
        message: severity === "error" ? sentence : `FlowTime's own engine fails on this model: ${sentence}`,
        pointer: index < 0 ? "" : `/nodes/${index}`,
        span: (plan.source.nodes[index] ?? plan.model.nodes.find((node) => node.id === nodeId))?.span ?? null,
        hint: `Defect ${id} of FlowTime; a live run evaluates the model as it stands.`,
      } as const,
    ];
  });
}

function sentenceOf(id: Divergence["id"], nodeId: string, plan: Plan): string | null {
  switch (id) {
    case "D1":
      return "Graph has a cycle (same-bin algebraic cycle, not resolvable by SHIFT)";
    case "D2": {
      const kind = plan.model.nodes.find((node) => node.id === nodeId)!.kind;
      return `Unsupported node type in feedback subgraph: ${NODE_TYPES[kind]} (${nodeId})`;
    }
    case "D4":
      return missingKey(nodeId);
    case "D7":
      return missingKey(laterName(nodeId, plan));
    case "D13":
      return "Destination array was not long enough. Check the destination index, length, and the array's lower bounds. (Parameter 'destinationArray')";
    default:
      return null;
  }
}

function missingKey(name: string): string {
  return `The given key '${name}' was not present in the dictionary.`;
}

/** The first name in a node's expression that is evaluated with or after it. */
function laterName(
  nodeId: string,
  { order, model }: { readonly order: readonly string[]; readonly model: Model },
): string {
  const node = model.nodes.find(({ id }) => id === nodeId)!;
  const parsed = node.kind === "expr" ? parseExpression(node.expr) : null;
  const names = parsed?.ok ? collectReferences(parsed.tree).map(({ name }) => name) : [];
  const own = order.indexOf(nodeId);
  return names.find((name) => order.indexOf(name) >= own) ?? nodeId;
}
