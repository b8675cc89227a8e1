import { type BindingSpec, type Bindings, resolveBindings } from "./bind.ts";
import { isFileReference } from "./descriptor.ts";
import type { Diagnostic } from "./diagnostics.ts";
import { ExpressionCompiler, OperatorList } from "./emit.ts";
import { type Expression, parseExpression } from "./expression.ts";
import { generateNodes } from "./generate.ts";
import type { BufferNode, ExprNode, Model, ModelNode, PmfNode } from "./model.ts";
import { declarationOrder, evaluationOrder, feedbackMembers, type Inputs, inputsOf } from "./order.ts";
import type { BoundSeries, Column, Plan } from "./plan.ts";

export interface CompileOptions {
  /** Series that telemetry feeds, besides those the model states itself. Default none. */
  readonly bindings?: readonly BindingSpec[];
  /**
   * Leaves out what FlowTime's direct run leaves out: a generated node within a feedback group, since its writer skips
   * a group whose first member is already evaluated. Such a series does not exist for outputs and warnings. Default no.
   */
  readonly asDirectRun?: boolean;
}

export interface Compiled {
  /** Null when there is any error. */
  readonly plan: Plan | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compiles a parsed model to a plan (engine.md §3–§6). Pure; all findings are returned at once. Where FlowTime fails by a
 * defect (D1–D4) the plan computes the causal solution.
 */
export function compileModel(model: Model, options: CompileOptions = {}): Compiled {
  const diagnostics: Diagnostic[] = [...unsupported(model)];
  const generation = generateNodes(model);
  diagnostics.push(...generation.diagnostics);
  const compiled = generation.model;

  const trees = parseTrees(compiled, diagnostics);
  const bindings = resolveBindings(compiled, options.bindings ?? []);
  diagnostics.push(...bindings.diagnostics);
  checkReferences(compiled, trees, bindings, diagnostics);

  const inputs = new Map(compiled.nodes.map((node) => [node.id, inputsOf(node, trees.get(node.id) ?? null)]));
  const order = orderNodes(compiled, inputs, bindings, diagnostics);
  if (order === null || diagnostics.some((finding) => finding.severity === "error")) return { plan: null, diagnostics };

  const emission = emit(compiled, trees, inputs, bindings, order, diagnostics);
  if (emission === null) return { plan: null, diagnostics };
  const declared = new Set(model.nodes.map((node) => node.id));
  const orderAsWritten = evaluationOrder(
    model.nodes.map((node) => node.id),
    (id) => (inputs.get(id)?.sameBin ?? []).filter((name) => declared.has(name)),
  ).order;
  const plan = { ...emission, model: compiled, source: model, order, orderAsWritten, generated: generation.generated };
  return { plan: options.asDirectRun === true ? withoutGroupedGenerated(plan, inputs) : plan, diagnostics };
}

function withoutGroupedGenerated(plan: Plan, inputs: ReadonlyMap<string, Inputs>): Plan {
  const kinds = new Map(plan.model.nodes.map((node) => [node.id, node.kind]));
  const grouped = feedbackMembers(
    plan.order,
    (id) => kinds.get(id),
    (id) => inputs.get(id)!.lagged,
  );
  const hidden = new Set(plan.generated.filter((id) => grouped.has(id)));
  if (hidden.size === 0) return plan;
  return {
    ...plan,
    order: plan.order.filter((id) => !hidden.has(id)),
    generated: plan.generated.filter((id) => !hidden.has(id)),
    columnOf: new Map([...plan.columnOf].filter(([id]) => !hidden.has(id))),
  };
}

/** Constructs that are valid but would need parts that are not built: refused aloud, never computed wrongly. */
function unsupported(model: Model): Diagnostic[] {
  const findings: Diagnostic[] = [];
  const refuse = (code: string, what: string, pointer: string, span: Diagnostic["span"]): void => {
    findings.push({
      severity: "error",
      tier: "unsupported",
      code,
      message: `${what} not supported yet by the live engine.`,
      pointer,
      span,
    });
  };
  model.nodes.forEach((node, index) => {
    if (node.kind === "router")
      refuse("router_not_supported", `Router '${node.id}': routers are`, `/nodes/${index}`, node.span);
  });
  if (model.arrivals.length > 0) {
    refuse("classes_not_supported", "traffic.arrivals: classes are", "/traffic/arrivals", model.arrivals[0]!.span);
  } else if (model.classes.length > 0) {
    refuse("classes_not_supported", "classes: classes are", "/classes", null);
  }
  if ((model.topology?.constraints.length ?? 0) > 0) {
    refuse("constraints_not_supported", "topology.constraints: constraints are", "/topology/constraints", null);
  }
  return findings;
}

function parseTrees(model: Model, diagnostics: Diagnostic[]): ReadonlyMap<string, Expression> {
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
    diagnostics.push({
      severity: "error",
      tier: "compile",
      code: "expression_syntax",
      message: `Node ${node.id}: error parsing expression '${node.expr}': Parse error at position ${parsed.position}: ${parsed.message}`,
      pointer: `/nodes/${index}/expr`,
      span: spanAt(node, parsed.position),
    });
  });
  return trees;
}

/** Where a position of an expression stands in the document; the whole value when it is not written in one line. */
function spanAt(node: ExprNode, position: number): Diagnostic["span"] {
  const { line, column, startOffset, endOffset } = node.exprSpan;
  const isOneLine = endOffset - startOffset >= node.expr.length && endOffset - startOffset <= node.expr.length + 2;
  if (!isOneLine) return node.exprSpan;
  const quote = endOffset - startOffset === node.expr.length ? 0 : 1;
  const start = startOffset + quote + Math.min(position, Math.max(0, node.expr.length - 1));
  return { line, column: column + (start - startOffset), startOffset: start, endOffset: start + 1 };
}

function checkReferences(
  model: Model,
  trees: ReadonlyMap<string, Expression>,
  bindings: Bindings,
  diagnostics: Diagnostic[],
): void {
  const known = new Set(model.nodes.map((node) => node.id));
  model.nodes.forEach((node, index) => {
    if (bindings.bound.has(node.id)) return;
    const { sameBin, lagged } = inputsOf(node, trees.get(node.id) ?? null);
    for (const name of [...sameBin, ...lagged]) {
      if (known.has(name) || bindings.fileSeries.has(name)) continue;
      diagnostics.push({
        severity: "error",
        tier: "compile",
        code: "unknown_reference",
        message: `Node '${node.id}' references '${name}': The given key '${name}' was not present in the dictionary.`,
        pointer: `/nodes/${index}`,
        span: node.kind === "expr" ? node.exprSpan : node.span,
      });
    }
    if (node.kind === "const" && node.values.length !== model.grid.bins) {
      diagnostics.push({
        severity: "error",
        tier: "compile",
        code: "const_length",
        message: `ConstSeriesNode ${node.id}: values length ${node.values.length} != grid length ${model.grid.bins}`,
        pointer: `/nodes/${index}/values`,
        span: node.span,
      });
    }
  });
}

/** Evaluation order by the definitions; when only telemetry breaks a cycle, by what is left of them. */
function orderNodes(
  model: Model,
  inputs: ReadonlyMap<string, Inputs>,
  bindings: Bindings,
  diagnostics: Diagnostic[],
): readonly string[] | null {
  const ids = model.nodes.map((node) => node.id);
  const byDefinition = evaluationOrder(ids, (id) => inputs.get(id)!.sameBin);
  if (byDefinition.unordered.length === 0) return byDefinition.order;
  const live = evaluationOrder(ids, (id) => (bindings.bound.has(id) ? [] : inputs.get(id)!.sameBin));
  if (live.unordered.length === 0) return live.order;
  const stuck = live.unordered.slice(0, 8).join(", ");
  const first = model.nodes.findIndex((node) => node.id === live.unordered[0]);
  diagnostics.push({
    severity: "error",
    tier: "compile",
    code: "cycle",
    message: "Graph has a cycle (same-bin algebraic cycle, not resolvable by SHIFT)",
    pointer: `/nodes/${first}`,
    span: model.nodes[first]!.span,
    hint: `On or behind the cycle: ${stuck}${live.unordered.length > 8 ? ", …" : ""}. Read one of them through SHIFT(…, 1).`,
  });
  return null;
}

type Emission = Pick<Plan, "columns" | "seriesCount" | "operators" | "bound" | "lookback" | "columnOf">;

function emit(
  model: Model,
  trees: ReadonlyMap<string, Expression>,
  inputs: ReadonlyMap<string, Inputs>,
  bindings: Bindings,
  order: readonly string[],
  diagnostics: Diagnostic[],
): Emission | null {
  const nodes = new Map(model.nodes.map((node) => [node.id, node]));
  const columns: Column[] = model.nodes.map((node) => ({
    id: node.id,
    origin: node.metadata["series.origin"] === "derived" ? "generated" : "node",
  }));
  const columnOf = new Map(columns.map((column, index) => [column.id, index]));
  for (const [reference, seriesId] of bindings.fileSeries) {
    columnOf.set(seriesId, columns.length);
    columnOf.set(reference, columns.length);
    columns.push({ id: seriesId, origin: "telemetry" });
  }
  const seriesCount = columns.length;
  const operators = new OperatorList(columns, columnOf);

  const bound: BoundSeries[] = columns.flatMap(({ id }, column) =>
    bindings.bound.has(id) ? [{ column, seriesId: id, feeds: bindings.feeds.get(id) ?? [] }] : [],
  );
  const inputOf = new Map(bound.map((series, index) => [series.seriesId, index]));
  for (const series of bound) {
    if (columns[series.column]!.origin === "telemetry") {
      operators.push({ op: "input", out: series.column, input: inputOf.get(series.seriesId)! });
    }
  }

  const members = feedbackMembers(
    order,
    (id) => nodes.get(id)?.kind,
    (id) => inputs.get(id)!.lagged,
  );
  const expressions = new ExpressionCompiler(operators, model.grid.bins, diagnostics);
  const liveInputs = (id: string): readonly string[] => (inputOf.has(id) ? [] : inputs.get(id)!.sameBin);
  const ids = model.nodes.map((node) => node.id);
  for (const id of declarationOrder(ids, order, liveInputs)) {
    const node = nodes.get(id)!;
    const out = columnOf.get(id)!;
    const input = inputOf.get(id);
    if (input !== undefined) operators.push({ op: "input", out, input });
    else emitNode(node, out, members.has(id), model, trees, operators, expressions, diagnostics);
  }
  expressions.flushDeferred();
  if (diagnostics.some((finding) => finding.severity === "error")) return null;
  for (const reference of bindings.fileSeries.keys()) columnOf.delete(reference);
  return { columns, seriesCount, operators: operators.all, bound, lookback: operators.lookback, columnOf };
}

function emitNode(
  node: ModelNode,
  out: number,
  isFeedback: boolean,
  model: Model,
  trees: ReadonlyMap<string, Expression>,
  operators: OperatorList,
  expressions: ExpressionCompiler,
  diagnostics: Diagnostic[],
): void {
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
      expressions.compile(node, trees.get(node.id)!, out, isFeedback);
      return;
    case "serviceWithBuffer":
      operators.push(queueOperator(node, out, isFeedback, model, operators));
      return;
    case "router":
      operators.push({ op: "copy", out, a: operators.column(node.queue) });
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

function queueOperator(node: BufferNode, out: number, isFeedback: boolean, model: Model, operators: OperatorList) {
  const schedule = node.dispatchSchedule;
  const phase = schedule === null ? 0 : schedule.phaseOffset % schedule.periodBins;
  return {
    op: "queue",
    out,
    inflow: operators.column(node.inflow),
    outflow: operators.column(node.outflow),
    loss: node.loss === null ? null : operators.column(node.loss),
    initialDepth: initialDepthOf(node.id, model),
    dispatch:
      schedule === null
        ? null
        : {
            period: schedule.periodBins,
            phase: phase < 0 ? phase + schedule.periodBins : phase,
            capacity: schedule.capacitySeries === null ? null : operators.column(schedule.capacitySeries),
            nonFiniteCapacityIsZero: isFeedback,
          },
  } as const;
}

/** Depth before bin 0: the last topology node whose queue is this one decides (engine.md §3.2). */
function initialDepthOf(nodeId: string, model: Model): number {
  let depth = 0;
  for (const node of model.topology?.nodes ?? []) {
    const reference = node.semantics.series.queueDepth;
    if (reference === undefined || isFileReference(reference)) continue;
    if (reference.toLowerCase() === nodeId.toLowerCase()) depth = node.initialQueueDepth ?? 0;
  }
  return depth;
}
