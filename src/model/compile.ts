import { type BindingSpec, type Bindings, resolveBindings } from "./bind.ts";
import { ClassAlgebra } from "./class-algebra.ts";
import { ClassColumns } from "./class-columns.ts";
import { decomposeClasses } from "./decompose.ts";
import type { Diagnostic } from "./diagnostics.ts";
import { findDivergences } from "./divergences.ts";
import { edgeSeries } from "./edges.ts";
import { ExpressionCompiler, OperatorList } from "./emit.ts";
import { initialDepths } from "./emit-nodes.ts";
import { constrainedSeries, overflowCycle } from "./enforcement.ts";
import type { Expression } from "./expression.ts";
import { generateNodes } from "./generate.ts";
import { layOut } from "./layout.ts";
import type { Model } from "./model.ts";
import { checkNodes, parseTrees } from "./node-findings.ts";
import { declarationOrder, evaluationOrder, feedbackGroups, type Inputs, inputsOf } from "./order.ts";
import { emitPasses, isOnlyFed, type Telemetry } from "./passes.ts";
import type { BoundSeries, Column, EnforcementModes, GapPolicy, Plan } from "./plan.ts";
import { PlanTooLarge, planTooLarge, stateFinding } from "./plan-limits.ts";
import { limitQueues } from "./wip-limits.ts";

export interface CompileOptions {
  /** Series that telemetry feeds, besides those the model states itself. Default none. */
  readonly bindings?: readonly BindingSpec[];
  /**
   * What stands in for telemetry that is missing. Default `nan`. With `model` the definitions of bound series are evaluated too,
   * so telemetry breaks no cycle.
   */
  readonly gapPolicy?: GapPolicy;
  /**
   * Leaves out what FlowTime's direct run leaves out: a generated node within a feedback group, since its writer skips
   * a group whose first member is already evaluated. Such a series does not exist for outputs and warnings; no more do
   * edge series. Default no.
   */
  readonly asDirectRun?: boolean;
  /** Limits to enforce that FlowTime's runs leave alone (engine.md §11.1, D11). Default none. */
  readonly modes?: Partial<EnforcementModes>;
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
  const diagnostics: Diagnostic[] = [];
  const modes: EnforcementModes = {
    wip: options.modes?.wip ?? false,
    constraints: options.modes?.constraints ?? false,
  };
  const declaredCount = model.nodes.length;
  const generation = modes.wip ? limitQueues(generateNodes(model), declaredCount) : generateNodes(model);
  diagnostics.push(...generation.diagnostics);
  const compiled = generation.model;

  const trees = parseTrees(compiled, diagnostics);
  const bindings = resolveBindings(compiled, options.bindings ?? []);
  diagnostics.push(...bindings.diagnostics);
  const inputs = new Map(compiled.nodes.map((node) => [node.id, inputsOf(node, trees.get(node.id) ?? null)]));
  const gapPolicy = options.gapPolicy ?? "nan";
  const order = orderNodes(compiled, inputs, gapPolicy === "model" ? new Set() : bindings.bound, diagnostics);
  const groups = order === null ? null : groupsOf(compiled, order, inputs);
  checkNodes({ model: compiled, declared: declaredCount, trees, inputs, bindings, groups }, diagnostics);
  if (gapPolicy === "model") checkGapPolicy(compiled, bindings, diagnostics);
  if (order === null || groups === null) return { plan: null, diagnostics };
  const cycle = overflowCycle(compiled, (id) => (bindings.bound.has(id) ? [] : inputs.get(id)!.sameBin));
  if (cycle !== null) diagnostics.push(cycle);
  if (diagnostics.some((finding) => finding.severity === "error")) return { plan: null, diagnostics };

  const declared = new Set(model.nodes.map((node) => node.id));
  const orderAsWritten = evaluationOrder(
    model.nodes.map((node) => node.id),
    (id) => (inputs.get(id)?.sameBin ?? []).filter((name) => declared.has(name)),
  ).order;
  const asDirectRun = options.asDirectRun ?? false;
  const orders = { order, orderAsWritten, groups };
  const emission = withinLimits(diagnostics, () =>
    emit(model, compiled, trees, inputs, bindings, orders, { asDirectRun, gapPolicy, modes }, diagnostics),
  );
  if (emission === null) return { plan: null, diagnostics };
  const tooMuchState = stateFinding(emission.columns.length, emission.lookback, model.grid.bins);
  if (tooMuchState !== null) return { plan: null, diagnostics: [...diagnostics, tooMuchState] };
  const exists = (id: string): boolean => emission.columnOf.has(id);
  return {
    plan: {
      ...emission,
      model: compiled,
      source: model,
      order: order.filter(exists),
      orderAsWritten,
      generated: generation.generated.filter(exists),
    },
    diagnostics,
  };
}

/**
 * Evaluation order by the definitions; when only telemetry breaks a cycle, by what is left of them.
 * @param undefinedIds series whose definitions are not evaluated
 */
function orderNodes(
  model: Model,
  inputs: ReadonlyMap<string, Inputs>,
  undefinedIds: ReadonlySet<string>,
  diagnostics: Diagnostic[],
): readonly string[] | null {
  const ids = model.nodes.map((node) => node.id);
  const byDefinition = evaluationOrder(ids, (id) => inputs.get(id)!.sameBin);
  if (byDefinition.unordered.length === 0) return byDefinition.order;
  const live = evaluationOrder(ids, (id) => (undefinedIds.has(id) ? [] : inputs.get(id)!.sameBin));
  if (live.unordered.length === 0) return live.order;
  const stuck = live.unordered.slice(0, 8).join(", ");
  const first = model.nodes.findIndex((node) => node.id === live.unordered[0]);
  diagnostics.push({
    severity: "error",
    tier: "analyse",
    code: "cycle",
    message: "Graph has a cycle (same-bin algebraic cycle, not resolvable by SHIFT)",
    pointer: `/nodes/${first}`,
    span: model.nodes[first]!.span,
    hint: `On or behind the cycle: ${stuck}${live.unordered.length > 8 ? ", …" : ""}. Read one of them through SHIFT(…, 1).`,
  });
  return null;
}

function groupsOf(
  model: Model,
  order: readonly string[],
  inputs: ReadonlyMap<string, Inputs>,
): ReadonlyMap<string, number> {
  const kinds = new Map(model.nodes.map((node) => [node.id, node.kind]));
  return feedbackGroups(
    order,
    (id) => kinds.get(id),
    (id) => inputs.get(id)!.lagged,
  );
}

function withinLimits<Result>(diagnostics: Diagnostic[], work: () => Result | null): Result | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PlanTooLarge)) throw error;
    diagnostics.push(planTooLarge(error));
    return null;
  }
}

type Emission = Omit<Plan, "model" | "source" | "order" | "orderAsWritten" | "generated">;

function emit(
  source: Model,
  model: Model,
  trees: ReadonlyMap<string, Expression>,
  inputs: ReadonlyMap<string, Inputs>,
  bindings: Bindings,
  orders: Pick<Plan, "order" | "orderAsWritten"> & { readonly groups: ReadonlyMap<string, number> },
  {
    asDirectRun,
    gapPolicy,
    modes,
  }: { readonly asDirectRun: boolean; readonly gapPolicy: GapPolicy; readonly modes: EnforcementModes },
  diagnostics: Diagnostic[],
): Emission | null {
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
  const bound = boundSeries(columns, bindings);
  const seriesCount = columns.length;
  const operators = new OperatorList(columns);
  const telemetry = telemetryOperators(bound, columns, operators, gapPolicy);

  const { groups } = orders;
  const feedback = new Set(groups.keys());
  const { fileSeries } = bindings;
  const given = (totals: ReadonlyMap<string, number>) => givenClasses(bound, totals, operators);
  const depths = initialDepths(model);
  // Generated nodes take a topology's constraints away (engine.md §3.4), which is no reason not to enforce them.
  const constraints = modes.constraints ? (source.topology?.constraints ?? []) : [];
  emitPasses({
    model,
    initialDepths: depths,
    trees,
    feedback,
    operators,
    expressions: new ExpressionCompiler(operators, model.grid.bins),
    diagnostics,
    emissionOrder: declarationOrder(
      model.nodes.map((node) => node.id),
      orders.order,
      (id) => (isOnlyFed(telemetry.get(id)) ? [] : inputs.get(id)!.sameBin),
    ),
    inputs,
    telemetry,
    columnOf,
    fileSeries,
    given,
    constraints,
    limited: new Map(),
    isUnavailable: asDirectRun ? unavailableReads(orders.order, groups) : () => false,
    routingModel: asDirectRun ? source : model,
    routingOrder: asDirectRun ? orders.orderAsWritten : orders.order,
  });
  if (diagnostics.some((finding) => finding.severity === "error")) return null;

  const hidden = asDirectRun ? groupedGenerated(source, model, feedback) : new Set<string>();
  const evaluated = orders.order.filter((id) => !hidden.has(id));
  const totals = new Map([...evaluated, ...fileSeries.values()].map((id) => [id, columnOf.get(id)!]));
  const { contributions: classes, routers } = decomposeClasses({
    model,
    initialDepths: depths,
    order: evaluated,
    totals,
    trees,
    fileSeries,
    given: given(columnOf),
    operators,
  });
  const layout = layOut({
    columns,
    seriesCount,
    operators: operators.all,
    classSeries: [...classes].flatMap(([nodeId, { classes: shares }]) =>
      shares.size === 0 ? [] : [{ nodeId, order: shares.order, columns: shares.all }],
    ),
    edgeSeries: asDirectRun ? [] : edgeSeries({ model, totals, classes, fileSeries, operators }),
    routers,
  });
  for (const reference of fileSeries.keys()) columnOf.delete(reference);
  for (const id of hidden) columnOf.delete(id);
  const limited =
    model.nodes.find((node) => node.kind === "overflow" && !telemetry.has(node.queue))?.id ??
    [...constrainedSeries(model, constraints, fileSeries)].find((id) => columnOf.has(id) && !telemetry.has(id)) ??
    null;
  const divergences = findDivergences({ source, model, order: orders.order, inputs, trees, groups, limited });
  return { ...layout, bound, lookback: operators.lookback, columnOf, divergences, modes };
}

/** What telemetry feeds: totals in column order, then classes, for whose cells columns are added. */
function boundSeries(columns: Column[], { bound, classes, summed, feeds }: Bindings): readonly BoundSeries[] {
  const totals = columns.flatMap(({ id }, column): BoundSeries[] =>
    bound.has(id) && !summed.has(id) ? [{ column, seriesId: id, classId: null, feeds: feeds.get(id) ?? [] }] : [],
  );
  const shares = [...classes].flatMap(([seriesId, classIds]) =>
    classIds.map((classId): BoundSeries => {
      const column = columns.push({ id: `telemetry ${seriesId}@${classId}`, origin: "input" }) - 1;
      return { column, seriesId, classId, feeds: feeds.get(seriesId) ?? [] };
    }),
  );
  return [...totals, ...shares];
}

/** Emits what is nothing but telemetry. @returns what gives bound nodes their values */
function telemetryOperators(
  bound: readonly BoundSeries[],
  columns: readonly Column[],
  operators: OperatorList,
  gapPolicy: GapPolicy,
): ReadonlyMap<string, Telemetry> {
  const gap = gapPolicy === "model" ? "nan" : gapPolicy;
  const telemetry = new Map<string, Telemetry>();
  const sums = new Map<string, number>();
  for (const [input, { column, seriesId, classId }] of bound.entries()) {
    if (columns[column]!.origin !== "node" && columns[column]!.origin !== "generated") {
      operators.push({ op: "input", out: column, input, gap });
    }
    if (classId === null) {
      telemetry.set(seriesId, gapPolicy === "model" ? { op: "fed", input } : { op: "input", input, gap });
      continue;
    }
    const before = sums.get(seriesId);
    sums.set(seriesId, before === undefined ? column : operators.derive({ op: "add", a: before, b: column }, seriesId));
  }
  for (const [seriesId, a] of sums) if (!telemetry.has(seriesId)) telemetry.set(seriesId, { op: "copy", a });
  return telemetry;
}

/** A class has no definition of its own, so nothing could stand in for a series that is but the sum of its classes. */
function checkGapPolicy(model: Model, { summed }: Bindings, diagnostics: Diagnostic[]): void {
  model.nodes.forEach(({ id, span }, index) => {
    if (!summed.has(id)) return;
    diagnostics.push({
      severity: "error",
      tier: "compile",
      code: "class_gap",
      message: `Series '${id}' is fed by class only, and the model defines no classes: gap policy 'model' has nothing to put in.`,
      pointer: `/nodes/${index}`,
      span,
      hint: `Feed the total '${id}' too, or choose another gap policy.`,
    });
  });
}

/** Classes that telemetry gives, scaled to their totals as FlowTime scales captured ones (artifacts.md §10.3). */
function givenClasses(
  bound: readonly BoundSeries[],
  columnOf: ReadonlyMap<string, number>,
  operators: OperatorList,
): ReadonlyMap<string, ClassColumns> {
  const shares = bound.flatMap(({ seriesId, classId, column }) =>
    classId === null ? [] : [{ seriesId, classId, column }],
  );
  return new Map(
    Array.from(
      Map.groupBy(shares, ({ seriesId }) => seriesId),
      ([seriesId, classes]) => {
        const order = { kind: "list", classIds: classes.map(({ classId }) => classId) } as const;
        const cells = new ClassColumns(
          order,
          classes.map(({ classId, column }) => [classId, column]),
        );
        const algebra = new ClassAlgebra(operators, seriesId, () => {
          throw new Error("normalising reads no node");
        });
        return [seriesId, algebra.normalise(cells, columnOf.get(seriesId)!)];
      },
    ),
  );
}

/**
 * What a member of a feedback group finds missing in FlowTime and reads as 0 for ever: a node beyond the group's end (D3).
 * A direct run shows FlowTime's own figures; live runs compute the recurrence that the model states.
 */
function unavailableReads(
  order: readonly string[],
  groups: ReadonlyMap<string, number>,
): (reader: string, name: string) => boolean {
  const position = new Map(order.map((id, index) => [id, index]));
  return (reader, name) => (position.get(name) ?? -1) > (groups.get(reader) ?? Number.POSITIVE_INFINITY);
}

/** Generated nodes within feedback groups: FlowTime's direct run skips a group whose first member is already evaluated. */
function groupedGenerated(source: Model, model: Model, feedback: ReadonlySet<string>): ReadonlySet<string> {
  const written = new Set(source.nodes.map(({ id }) => id));
  return new Set(model.nodes.filter(({ id }) => !written.has(id) && feedback.has(id)).map(({ id }) => id));
}
