import { ClassColumns, type Contribution } from "./class-columns.ts";
import { decomposeClasses } from "./decompose.ts";
import type { Scope } from "./emit.ts";
import { emitNode, type NodeContext } from "./emit-nodes.ts";
import type { Model, RouterNode } from "./model.ts";
import type { Inputs } from "./order.ts";
import type { CellGap } from "./plan.ts";
import { splitRoutes } from "./split-routes.ts";

/** What gives a bound series its value: a cell, a column made of cells, or a cell where there is one and else its definition. */
export type Telemetry =
  | { readonly op: "input"; readonly input: number; readonly gap: CellGap }
  | { readonly op: "copy"; readonly a: number }
  | { readonly op: "fed"; readonly input: number };

/** Whether a series never takes its value from its definition. */
export function isOnlyFed(telemetry: Telemetry | undefined): boolean {
  return telemetry !== undefined && telemetry.op !== "fed";
}

export interface PassInput extends NodeContext {
  /** Ids in an order that respects same-bin references. */
  readonly emissionOrder: readonly string[];
  readonly inputs: ReadonlyMap<string, Inputs>;
  /** By id of a bound series. */
  readonly telemetry: ReadonlyMap<string, Telemetry>;
  /** Published column by series id or `file:` reference. */
  readonly columnOf: ReadonlyMap<string, number>;
  readonly fileSeries: ReadonlyMap<string, string>;
  /** Classes that telemetry gives, scaled to the totals in these columns. */
  readonly given: (columnOf: ReadonlyMap<string, number>) => ReadonlyMap<string, ClassColumns>;
  /** Whether a node's read of another one gives 0. */
  readonly isUnavailable: (reader: string, name: string) => boolean;
  /** The nodes that routers see, in evaluation order: those as written in a direct run, else all. */
  readonly routingModel: Model;
  readonly routingOrder: readonly string[];
}

/**
 * Emits both evaluation passes (engine.md §1.2): the base pass, and, when a router has a source, one evaluation with the
 * routers' targets overridden by what the base pass gives (D6: a router behind another one sees unrouted values). Only
 * nodes that an override can reach exist twice; the published columns are those of the second pass. Telemetry stands
 * before overrides.
 */
export function emitPasses(input: PassInput): void {
  const { model, operators, expressions, columnOf, telemetry } = input;
  const routers = model.nodes.filter((node) => node.kind === "router");
  const targets = new Set(routers.flatMap(({ routes }) => routes.map(({ target }) => target)));
  const affected = reachedBy(targets, input);
  const nodes = new Map(model.nodes.map((node) => [node.id, node]));

  const baseColumns = new Map(columnOf);
  for (const id of affected) baseColumns.set(id, operators.unroutedColumn(id));
  const scopeOf =
    (reader: string, columns: ReadonlyMap<string, number>): Scope =>
    (name) =>
      input.isUnavailable(reader, name) ? operators.literal(0, reader) : columns.get(name)!;
  /** The series of a node in one pass, from what the model gives: emitted into a column by `define`. */
  const emitSeries = (id: string, out: number, define: (column: number) => void): void => {
    const fed = telemetry.get(id);
    if (fed === undefined) {
      define(out);
    } else if (fed.op === "fed") {
      const model = operators.newColumn(id);
      define(model);
      operators.push({ ...fed, out, model });
    } else {
      operators.push({ ...fed, out });
    }
  };
  for (const id of input.emissionOrder) {
    const out = baseColumns.get(id)!;
    emitSeries(id, out, (column) => emitNode(nodes.get(id)!, column, scopeOf(id, baseColumns), input, out));
  }
  expressions.flushDeferred();
  if (affected.size === 0) return;

  const overrides = routerOverrides(routers, baseColumns, input);
  for (const id of input.emissionOrder) {
    if (!affected.has(id)) continue;
    const override = overrides.get(id);
    const out = columnOf.get(id)!;
    emitSeries(id, out, (column) => {
      if (override === undefined) emitNode(nodes.get(id)!, column, scopeOf(id, columnOf), input, out);
      else operators.push({ op: "copy", out: column, a: override });
    });
  }
  expressions.flushDeferred();
}

/** Nodes whose value an override can change: the targets and whatever reads them, in the same bin or later. */
function reachedBy(targets: ReadonlySet<string>, { model, inputs, telemetry }: PassInput): ReadonlySet<string> {
  const readers = new Map<string, string[]>();
  for (const node of model.nodes) {
    const { sameBin, lagged } = inputs.get(node.id)!;
    for (const name of [...sameBin, ...lagged]) {
      const known = readers.get(name);
      if (known === undefined) readers.set(name, [node.id]);
      else known.push(node.id);
    }
  }
  const known = new Set(model.nodes.map(({ id }) => id));
  const reached = new Set<string>();
  const pending = [...targets].filter((id) => known.has(id));
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (reached.has(id) || isOnlyFed(telemetry.get(id))) continue;
    reached.add(id);
    for (const reader of readers.get(id) ?? []) pending.push(reader);
  }
  return reached;
}

function routerOverrides(
  routers: readonly RouterNode[],
  baseColumns: ReadonlyMap<string, number>,
  input: PassInput,
): ReadonlyMap<string, number> {
  const { operators, trees, fileSeries, given, routingModel, routingOrder } = input;
  const totals = new Map(routingOrder.map((id) => [id, baseColumns.get(id)!]));
  for (const seriesId of fileSeries.values()) totals.set(seriesId, baseColumns.get(seriesId)!);
  const { contributions } = decomposeClasses({
    model: routingModel,
    initialDepths: input.initialDepths,
    order: routingOrder,
    totals,
    trees,
    fileSeries,
    given: given(baseColumns),
    operators,
  });
  const overrides = new Map<string, number>();
  for (const router of routers) {
    const id = fileSeries.get(router.queue) ?? router.queue;
    const total = totals.get(id);
    if (total === undefined) continue;
    const source: Contribution = { total, classes: contributions.get(id)?.classes ?? new ClassColumns() };
    for (const share of splitRoutes(router, source, operators)) {
      const a = overrides.get(share.route.target) ?? operators.literal(0, router.id);
      overrides.set(share.route.target, operators.derive({ op: "add", a, b: share.total }, router.id));
    }
  }
  return overrides;
}
