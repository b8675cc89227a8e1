import { ClassColumns, type Contribution } from "./class-columns.ts";
import { decomposeClasses } from "./decompose.ts";
import type { Scope } from "./emit.ts";
import { emitNode, type NodeContext } from "./emit-nodes.ts";
import { allowances, constrainedSeries, overflowRoutes } from "./enforcement.ts";
import type { Constraint, Model, RouterNode } from "./model.ts";
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
  /** Constraints that are enforced. */
  readonly constraints: readonly Constraint[];
  /** Whether a node's read of another one gives 0. */
  readonly isUnavailable: (reader: string, name: string) => boolean;
  /** The nodes that routers see, in evaluation order: those as written in a direct run, else all. */
  readonly routingModel: Model;
  readonly routingOrder: readonly string[];
}

/** One more evaluation of the nodes that an override can change. */
interface Pass {
  /** Nodes that it overrides, unless telemetry feeds them. */
  readonly targets: ReadonlySet<string>;
  /** Prepares the overrides. */
  readonly overrides: (columns: PassColumns) => ReadonlyMap<string, Override>;
}

/** Series columns by id or `file:` reference, in the pass before and in this one. */
interface PassColumns {
  readonly before: ReadonlyMap<string, number>;
  readonly now: ReadonlyMap<string, number>;
}

/** Emits what a node is into a column. */
type Emit = (out: number) => void;
/** Emits what a node is instead of `own`. */
type Override = (out: number, own: Emit) => void;

/**
 * Emits all evaluation passes (engine.md §1.2): the base pass, and, when a router has a source, one evaluation with the
 * routers' targets overridden by what the base pass gives (D6: a router behind another one sees unrouted values). Where
 * limits are enforced, one more with what constraints leave of served series (§7.4), and one with overflow added to the
 * inflow of its targets (§6.4.4). What is overridden once stays so. Only nodes that an override can reach exist in
 * several columns; the published ones are those of the last pass. Telemetry stands before overrides.
 */
export function emitPasses(input: PassInput): void {
  const { model, operators, expressions, columnOf, telemetry } = input;
  const passes = [routerPass(input), constraintPass(input), overflowPass(input)].filter(
    ({ targets }) => targets.size > 0,
  );
  const reached = passes.map(({ targets }) => reachedBy(targets, input));
  const nodes = new Map(model.nodes.map((node) => [node.id, node]));
  const publishedBy = new Map<string, number>();
  for (const [pass, ids] of reached.entries()) for (const id of ids) publishedBy.set(id, pass);

  let before = new Map(columnOf);
  for (const id of publishedBy.keys()) before.set(id, operators.unroutedColumn(id));
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
    const out = before.get(id)!;
    emitSeries(id, out, (column) => emitNode(nodes.get(id)!, column, scopeOf(id, before), input, out));
  }
  expressions.flushDeferred();

  const standing = new Map<string, readonly Override[]>();
  for (const [pass, { overrides: prepare }] of passes.entries()) {
    const now = new Map(before);
    for (const id of reached[pass]!) {
      now.set(id, publishedBy.get(id) === pass ? columnOf.get(id)! : operators.unroutedColumn(id));
    }
    for (const [id, override] of prepare({ before, now })) {
      standing.set(id, [...(standing.get(id) ?? []), override]);
    }
    for (const id of input.emissionOrder) {
      if (!reached[pass]!.has(id)) continue;
      const out = now.get(id)!;
      const definition: Emit = (column) => emitNode(nodes.get(id)!, column, scopeOf(id, now), input, out);
      const emit = (standing.get(id) ?? []).reduce<Emit>(
        (own, override) => (column) => override(column, own),
        definition,
      );
      emitSeries(id, out, emit);
    }
    expressions.flushDeferred();
    before = now;
  }
}

function routerPass(input: PassInput): Pass {
  const routers = input.model.nodes.filter((node) => node.kind === "router");
  return {
    targets: new Set(routers.flatMap(({ routes }) => routes.map(({ target }) => target))),
    overrides: ({ before }) =>
      new Map<string, Override>(
        Array.from(routerOverrides(routers, before, input), ([id, a]) => [
          id,
          (out) => void input.operators.push({ op: "copy", out, a }),
        ]),
      ),
  };
}

function constraintPass({ model, constraints, fileSeries, operators }: PassInput): Pass {
  return {
    targets: constrainedSeries(model, constraints, fileSeries),
    overrides: ({ before }) =>
      new Map<string, Override>(
        Array.from(allowances(model, constraints, fileSeries, before, operators), ([id, limit]) => [
          id,
          (out, own) => {
            const a = operators.newColumn(id);
            own(a);
            operators.push({ op: "limit", out, a, measured: before.get(id)!, limit });
          },
        ]),
      ),
  };
}

function overflowPass({ model, operators }: PassInput): Pass {
  const routes = overflowRoutes(model);
  return {
    targets: new Set(routes.keys()),
    overrides: ({ before, now }) =>
      new Map<string, Override>(
        Array.from(routes, ([id, sources]) => [
          id,
          (out) => {
            let a = before.get(id)!;
            for (const source of sources) a = operators.derive({ op: "add", a, b: now.get(source)! }, id);
            operators.push({ op: "copy", out, a });
          },
        ]),
      ),
  };
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
