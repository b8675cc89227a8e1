import { type Expression, literalInteger } from "../model/expression.ts";
import type { Model } from "../model/model.ts";
import { inputsOf } from "../model/order.ts";
import { prepareBatch } from "./batch-model.ts";

/**
 * What FlowTime's defect D3 (engine.md §11.1) makes of a model: a member of a feedback group reads zeros through SHIFT
 * from any node behind the end of its group. Null when no such read exists.
 */
export function withZeroReads(model: Model): Model | null {
  const { order, nodes, trees } = prepareBatch(model);
  const position = new Map(order.map((id, index) => [id, index]));
  const positionsOf = (names: readonly string[]): number[] => names.map((name) => position.get(name) ?? -1);
  const laggedBy = (id: string): readonly string[] => inputsOf(nodes.get(id)!, trees.get(id) ?? null).lagged;

  const zeroReads = new Map<string, Set<string>>();
  for (let at = 0; at < order.length; at++) {
    const end = Math.max(-1, ...positionsOf(laggedBy(order[at]!)));
    if (end <= at) continue;
    for (const member of order.slice(at, end + 1)) {
      const beyond = laggedBy(member).filter((name) => (position.get(name) ?? -1) > end);
      if (beyond.length > 0) zeroReads.set(member, new Set(beyond));
    }
    at = end;
  }
  if (zeroReads.size === 0) return null;
  return {
    ...model,
    nodes: model.nodes.map((node) => {
      const zeros = zeroReads.get(node.id);
      return node.kind === "expr" && zeros !== undefined
        ? { ...node, tree: replaceLagged(trees.get(node.id)!, zeros, false) }
        : node;
    }),
  };
}

function replaceLagged(tree: Expression, zeros: ReadonlySet<string>, isLagged: boolean): Expression {
  switch (tree.kind) {
    case "reference":
      return isLagged && zeros.has(tree.name) ? { kind: "number", value: 0, position: tree.position } : tree;
    case "binary":
      return {
        ...tree,
        left: replaceLagged(tree.left, zeros, isLagged),
        right: replaceLagged(tree.right, zeros, isLagged),
      };
    case "call": {
      const isShift = tree.name.toUpperCase() === "SHIFT" && (literalInteger(tree.args[1]) ?? 0) >= 1;
      const args = tree.args.map((arg, index) => replaceLagged(arg, zeros, isLagged || (isShift && index === 0)));
      return { ...tree, args };
    }
    default:
      return tree;
  }
}
