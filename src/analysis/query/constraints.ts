import { fold } from "../../lib/fold.ts";
import type { Constraint } from "../../model/model.ts";
import { constrainedShare, demandOf, normalise } from "../formulas.ts";
import { TOLERANCE } from "../warning.ts";
import type { NodeData } from "./node-data.ts";
import { type QueryRun, seriesKey } from "./query-run.ts";

const CONSTRAINT_ROLES = ["arrivals", "served", "errors", "latencyMinutes"] as const;
type ConstraintRole = (typeof CONSTRAINT_ROLES)[number];

/** A shared constraint with its figures. */
export interface SharedConstraint {
  readonly id: string;
  readonly roles: Readonly<Partial<Record<ConstraintRole, Float64Array>>>;
  /** Of all nodes that share it, by bin. */
  readonly totalDemand: Float64Array;
}

/**
 * How shared constraints limit what nodes are shown to have served (engine.md §7.4). A run's series stay as they are;
 * each bin's capacity (`served` of the constraint) is divided among its nodes by their arrivals.
 */
export class ConstraintLayer {
  private readonly byNode: ReadonlyMap<string, readonly SharedConstraint[]>;

  constructor(run: QueryRun, nodes: readonly NodeData[]) {
    const constraints = new Map(
      (run.model.topology?.constraints ?? []).map((constraint) => [fold(constraint.id), share(run, constraint, nodes)]),
    );
    this.byNode = new Map(
      nodes.map(({ id, node }) => [id, node.constraints.flatMap((name) => constraints.get(fold(name)) ?? [])]),
    );
  }

  of(nodeId: string): readonly SharedConstraint[] {
    return this.byNode.get(nodeId) ?? [];
  }

  /** What constraints leave of what a node served: null unless a constraint leaves it less than it did serve. */
  limit({ id, roles: { arrivals, served } }: NodeData, bin: number): number | null {
    let least = Number.POSITIVE_INFINITY;
    for (const constraint of this.of(id)) {
      least = Math.min(least, allocation(constraint, arrivals?.[bin] ?? 0, bin) ?? least);
    }
    return served !== undefined && least + TOLERANCE < served[bin]! ? least : null;
  }

  /** What a node is shown to have served: rounded, unless a constraint limits it. NaN for null. */
  shownServed(data: NodeData, bin: number): number {
    return this.limit(data, bin) ?? normalise(data.roles.served?.[bin] ?? Number.NaN);
  }

  /** Whether a constraint gives a node less than what arrives; null when nothing arrives. */
  isLimiting(constraint: SharedConstraint, { roles: { arrivals } }: NodeData, bin: number): boolean | null {
    const demand = arrivals?.[bin] ?? Number.NaN;
    const allotted = allocation(constraint, demand, bin);
    if (allotted === null || !(demand > 0)) return null;
    return allotted + TOLERANCE < demand;
  }
}

function share(run: QueryRun, { id, series }: Constraint, nodes: readonly NodeData[]): SharedConstraint {
  const roles: Partial<Record<ConstraintRole, Float64Array>> = {};
  for (const role of CONSTRAINT_ROLES) {
    const reference = series[role];
    const values = reference === undefined ? null : run.series(seriesKey(reference));
    if (values !== null) roles[role] = values;
  }
  const totalDemand = new Float64Array(run.bins);
  for (const member of nodes) {
    const { arrivals } = member.roles;
    if (arrivals === undefined || !member.node.constraints.some((name) => fold(name) === fold(id))) continue;
    for (let bin = 0; bin < run.bins; bin++) totalDemand[bin]! += demandOf(arrivals[bin]!);
  }
  return { id, roles, totalDemand };
}

/** What a constraint leaves a node with these arrivals; null when it has no capacity to share. */
function allocation(
  { roles: { served }, totalDemand }: SharedConstraint,
  arrivals: number,
  bin: number,
): number | null {
  return served === undefined ? null : constrainedShare(demandOf(arrivals), totalDemand[bin]!, served[bin]!);
}

/** Names and values of a constraint's figures in one bin, in the order of the answer. NaN for null. */
export function constraintFigures({ roles }: SharedConstraint): ReadonlyMap<string, (bin: number) => number> {
  const figures = new Map<string, (bin: number) => number>();
  for (const role of CONSTRAINT_ROLES) {
    const values = roles[role];
    if (values !== undefined) figures.set(role, (bin) => normalise(values[bin]!));
  }
  const { arrivals, served } = roles;
  if (arrivals !== undefined && served !== undefined) {
    figures.set("shortfall", (bin) => normalise(Math.max(0, arrivals[bin]! - served[bin]!)));
  }
  return figures;
}
