import { fold } from "../lib/fold.ts";
import { isFileReference, seriesNodeId } from "./descriptor.ts";
import type { Diagnostic } from "./diagnostics.ts";
import type { OperatorList } from "./emit.ts";
import type { BufferNode, Constraint, Model, TopologyNode } from "./model.ts";
import { evaluationOrder } from "./order.ts";

/** The series of a topology reference: a node's id, or a series that only telemetry feeds. */
export function seriesIdOf(reference: string, fileSeries: ReadonlyMap<string, string>): string | null {
  return fileSeries.get(reference) ?? (isFileReference(reference) ? null : seriesNodeId(reference));
}

/** Nodes that share each constraint, in the topology's order. */
export function sharersOf(
  model: Model,
  constraints: readonly Constraint[],
): ReadonlyMap<Constraint, readonly TopologyNode[]> {
  const byId = new Map(constraints.map((constraint) => [fold(constraint.id), constraint]));
  const sharers = new Map<Constraint, TopologyNode[]>(constraints.map((constraint) => [constraint, []]));
  for (const node of model.topology?.nodes ?? []) {
    for (const constraint of new Set(node.constraints.map((name) => byId.get(fold(name))))) {
      if (constraint !== undefined) sharers.get(constraint)!.push(node);
    }
  }
  return sharers;
}

/**
 * What constraints leave to the series that nodes serve (engine.md §7.4): each divides its capacity among its nodes by
 * what arrives there, in bins where more arrives than it has. Of several constraints on one series the least counts.
 *
 * @param columns series in the pass before
 * @returns by served series the column of its allowance, +∞ in bins without one
 */
export function allowances(
  model: Model,
  constraints: readonly Constraint[],
  fileSeries: ReadonlyMap<string, string>,
  columns: ReadonlyMap<string, number>,
  operators: OperatorList,
): ReadonlyMap<string, number> {
  const columnOf = (reference: string | undefined): number | undefined => {
    const id = reference === undefined ? null : seriesIdOf(reference, fileSeries);
    return id === null ? undefined : columns.get(id);
  };
  const least = new Map<string, number>();
  for (const [constraint, nodes] of sharersOf(model, constraints)) {
    const capacity = columnOf(constraint.series.served);
    if (capacity === undefined || nodes.length === 0) continue;
    const zero = operators.literal(0, constraint.id);
    const positive = (column: number | undefined): number => {
      if (column === undefined) return zero;
      const finite = operators.derive({ op: "finiteOrZero", a: column }, constraint.id);
      return operators.derive({ op: "max", a: zero, b: finite }, constraint.id);
    };
    const demands = nodes.map(({ semantics }) => positive(columnOf(semantics.series.arrivals)));
    const total = demands.reduce((a, b) => operators.derive({ op: "add", a, b }, constraint.id));
    nodes.forEach(({ semantics }, index) => {
      const served = semantics.series.served === undefined ? null : seriesIdOf(semantics.series.served, fileSeries);
      if (served === null || !columns.has(served)) return;
      const share = { op: "allocate", demand: demands[index]!, total, capacity: positive(capacity) } as const;
      const allowance = operators.derive(share, constraint.id);
      const other = least.get(served);
      const both =
        other === undefined ? allowance : operators.derive({ op: "min", a: other, b: allowance }, constraint.id);
      least.set(served, both);
    });
  }
  return least;
}

/** Ids of the series that constraints can limit. */
export function constrainedSeries(
  model: Model,
  constraints: readonly Constraint[],
  fileSeries: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  const served = [...sharersOf(model, constraints)].flatMap(([constraint, nodes]) =>
    constraint.series.served === undefined ? [] : nodes.map(({ semantics }) => semantics.series.served),
  );
  return new Set(
    served.flatMap((reference) => (reference === undefined ? [] : (seriesIdOf(reference, fileSeries) ?? []))),
  );
}

/** Where overflow goes (§6.4.4): by inflow series the overflow nodes that add to it, in the order of nodes. */
export function overflowRoutes(model: Model): ReadonlyMap<string, readonly string[]> {
  const queues = new Map(
    model.nodes.flatMap((node): [string, BufferNode][] => (node.kind === "serviceWithBuffer" ? [[node.id, node]] : [])),
  );
  const routes = new Map<string, string[]>();
  for (const node of model.nodes) {
    if (node.kind !== "overflow") continue;
    const target = queues.get(node.queue)?.wip?.overflow ?? null;
    if (target === null) continue;
    const { inflow } = queues.get(target)!;
    const known = routes.get(inflow);
    if (known === undefined) routes.set(inflow, [node.id]);
    else known.push(node.id);
  }
  return routes;
}

/**
 * Overflow that comes back, within a bin, to a queue that it comes from has no causal solution.
 * @param inputs what a node reads in the same bin, telemetry aside
 */
export function overflowCycle(model: Model, inputs: (id: string) => readonly string[]): Diagnostic | null {
  const routes = overflowRoutes(model);
  if (routes.size === 0) return null;
  const reads = (id: string): readonly string[] => routes.get(id) ?? inputs(id);
  const unordered = new Set(
    evaluationOrder(
      model.nodes.map(({ id }) => id),
      reads,
    ).unordered,
  );
  const [first] = unordered;
  if (first === undefined) return null;
  // Whoever cannot be ordered reads somebody who cannot either; going back along such reads ends up on a cycle.
  const trail: string[] = [first];
  let next = reads(first).find((id) => unordered.has(id))!;
  while (!trail.includes(next)) {
    trail.push(next);
    next = reads(next).find((id) => unordered.has(id))!;
  }
  const cycle = trail.slice(trail.indexOf(next)).reverse();
  const index = model.topology!.nodes.findIndex(({ wip }) => wip.overflow !== null);
  return {
    severity: "error",
    tier: "compile",
    code: "overflow_cycle",
    message: `WIP overflow routing contains a cycle: ${[...cycle, cycle[0]].join(" → ")}.`,
    pointer: `/topology/nodes/${index}/wipOverflow`,
    span: model.topology!.nodes[index]?.wip.overflow?.span ?? null,
    hint: "Overflow must not come back in the same bin; send it to another queue, or read one of these through SHIFT(…, 1).",
  };
}
