import type { Bindings } from "./bind.ts";
import type { Diagnostic, SourceSpan } from "./diagnostics.ts";
import type { Draft } from "./draft.ts";
import { type Expression, parseExpression } from "./expression.ts";
import { type ExpressionFault, expressionFaults, syntaxFault } from "./expression-faults.ts";
import { type Findings, MAX_FINDINGS, MAX_SUGGESTIONS, nearest, type Placed } from "./findings.ts";
import type { ExprNode, Model, ModelNode } from "./model.ts";
import type { Inputs } from "./order.ts";
import { placeInScalar } from "./scalar-place.ts";

/** What FlowTime finds wrong with single nodes when it builds and evaluates them (engine.md §2.5, §4). */

/** Expression trees by node id. Those with a syntax error are reported and left out. */
export function parseTrees(model: Model, diagnostics: Diagnostic[]): ReadonlyMap<string, Expression> {
  const trees = new Map<string, Expression>();
  model.nodes.forEach((node, index) => {
    if (node.kind !== "expr") return;
    if (node.tree !== undefined) {
      trees.set(node.id, node.tree);
      return;
    }
    const parsed = parseExpression(node.expr);
    if (parsed.ok) {
      trees.set(node.id, parsed.tree);
      return;
    }
    if (diagnostics.length < MAX_FINDINGS) {
      diagnostics.push(expressionFinding(model, node, index, syntaxFault(node.id, node.expr, parsed)));
    }
  });
  return trees;
}

/** Faults of expressions in a document whose other errors keep it from becoming a model. */
export function reportExpressionFaults(draft: Draft, findings: Findings): void {
  for (const { index, id, kind, expr } of draft.nodes) {
    if (kind !== "expr" || expr === null || expr.text.trim() === "") continue;
    const parsed = parseExpression(expr.text);
    const faults = parsed.ok
      ? expressionFaults(parsed.tree, expr.text, true)
      : [syntaxFault(id ?? "<unknown>", expr.text, parsed)];
    for (const { code, message, position, length, hint } of faults) {
      const at = placeInScalar(findings.text, expr.at, expr.text, position, length);
      findings.report({ tier: "analyse", code, message, pointer: `/nodes/${index}/expr`, at, hint: hint ?? null });
    }
  }
}

export interface NodeCheck {
  /** With generated nodes, behind the declared ones. */
  readonly model: Model;
  /** Nodes as written. */
  readonly declared: number;
  readonly trees: ReadonlyMap<string, Expression>;
  readonly inputs: ReadonlyMap<string, Inputs>;
  readonly bindings: Bindings;
  /** FlowTime's feedback groups by member; null when there is no order, and then array operands are not judged. */
  readonly groups: ReadonlyMap<string, number> | null;
}

/** Reports names that no node has, lists that do not fit the grid, and what expressions must not say. */
export function checkNodes(check: NodeCheck, diagnostics: Diagnostic[]): void {
  const { model, declared, trees, bindings, groups } = check;
  const known = new Set(model.nodes.map((node) => node.id));
  let suggestionsLeft = MAX_SUGGESTIONS;
  model.nodes.forEach((node, index) => {
    if (diagnostics.length >= MAX_FINDINGS) return;
    const tree = trees.get(node.id);
    if (node.kind === "expr" && tree !== undefined && node.tree === undefined) {
      for (const fault of expressionFaults(tree, node.expr, groups?.has(node.id) ?? true)) {
        diagnostics.push(expressionFinding(model, node, index, fault));
      }
    }
    if (bindings.bound.has(node.id)) return;
    for (const { name, pointer, span } of readsOf(node, check)) {
      if (known.has(name) || bindings.fileSeries.has(name)) continue;
      const near = suggestionsLeft-- > 0 ? nearest(name, known) : null;
      diagnostics.push({
        severity: "error",
        tier: "analyse",
        code: "unknown_reference",
        message: `The given key '${name}' was not present in the dictionary.`,
        pointer: index < declared ? `/nodes/${index}${pointer}` : "/topology/nodes",
        span,
        hint: `Node '${node.id}' reads '${name}', which no node is.${near === null ? "" : ` Did you mean '${near}'?`}`,
      });
    }
    checkLength(node, index, model, diagnostics);
  });
}

/** What a node reads, with the place where it says so. */
function readsOf(
  node: ModelNode,
  { inputs }: NodeCheck,
): readonly { readonly name: string; readonly pointer: string; readonly span: SourceSpan }[] {
  const { sameBin, lagged } = inputs.get(node.id)!;
  const names = [...sameBin, ...lagged];
  if (node.kind === "expr") return names.map((name) => ({ name, pointer: "/expr", span: node.exprSpan }));
  const places = node.kind === "serviceWithBuffer" || node.kind === "router" ? (node.inputPlaces ?? {}) : {};
  return names.map((name) => {
    const field = Object.keys(places).find((key) => places[key]!.name === name);
    if (field === undefined) return { name, pointer: "", span: node.span };
    return { name, pointer: `/${field}`, span: places[field]!.span };
  });
}

function checkLength(node: ModelNode, index: number, { grid }: Model, diagnostics: Diagnostic[]): void {
  if (node.kind !== "const" || node.values.length === grid.bins) return;
  diagnostics.push({
    severity: "error",
    tier: "analyse",
    code: "const_length",
    message: `ConstSeriesNode ${node.id}: values length ${node.values.length} != grid length ${grid.bins}`,
    pointer: `/nodes/${index}/values`,
    span: node.span,
  });
}

function expressionFinding(model: Model, node: ExprNode, index: number, fault: ExpressionFault): Diagnostic {
  const { code, message, position, length, hint } = fault;
  return {
    severity: "error",
    tier: "analyse",
    code,
    message,
    pointer: `/nodes/${index}/expr`,
    span: spanInExpression(model, node, position, length),
    hint: hint ?? `In the expression of node '${node.id}'.`,
  };
}

/** A stretch of an expression in the document. */
function spanInExpression(model: Model, node: ExprNode, position: number, length: number): SourceSpan {
  const { line, column, startOffset, endOffset } = node.exprSpan;
  const at = { start: startOffset, end: endOffset };
  const { start, end }: Placed = placeInScalar(model.text, at, node.expr, position, length);
  const before = model.text.slice(startOffset, start);
  const lastBreak = before.lastIndexOf("\n");
  return {
    line: line + before.split("\n").length - 1,
    column: lastBreak < 0 ? column + before.length : before.length - lastBreak,
    startOffset: start,
    endOffset: end,
  };
}
