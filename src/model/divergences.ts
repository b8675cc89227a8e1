import { fold } from "../lib/fold.ts";
import { collectReferences, type Expression } from "./expression.ts";
import type { Model, ModelNode } from "./model.ts";
import type { Inputs } from "./order.ts";

/**
 * Where FlowTime's own engine fails, or reads zeros, by a defect of its ledger (engine.md §11.1). A live run computes what
 * the model states, so there is no FlowTime figure to compare with. D11 is no failure: FlowTime's runs enforce no limits, and this one does.
 */
export interface Divergence {
  /** Ledger id, such as `D3`. */
  readonly id: "D1" | "D2" | "D3" | "D4" | "D5" | "D7" | "D9" | "D10" | "D11" | "D13";
  /** The first node concerned. */
  readonly nodeId: string;
}

export interface DivergenceInput {
  readonly source: Model;
  /** With generated nodes. */
  readonly model: Model;
  readonly order: readonly string[];
  readonly inputs: ReadonlyMap<string, Inputs>;
  readonly trees: ReadonlyMap<string, Expression>;
  /** End position of the feedback group, by member. */
  readonly groups: ReadonlyMap<string, number>;
  /** The first node on which an enforced limit acts. */
  readonly limited: string | null;
}

/** Magnitudes below this are printed with an exponent, which FlowTime's expressions cannot read back (D9). */
const SMALLEST_PLAIN_COEFFICIENT = 1e-4;

/** At most one entry a ledger id. */
export function findDivergences(input: DivergenceInput): readonly Divergence[] {
  const { source, model, order, inputs, trees, groups } = input;
  const position = new Map(order.map((id, index) => [id, index]));
  const hasClasses = source.arrivals.length > 0;
  const found = new Map<Divergence["id"], string>();
  const note = (id: Divergence["id"], nodeId: string): void => {
    if (!found.has(id)) found.set(id, nodeId);
  };
  for (const node of model.nodes) {
    const { lagged } = inputs.get(node.id)!;
    if (hasRepeatedInput(node)) note("D1", node.id);
    if (groups.has(node.id) && node.kind !== "expr" && node.kind !== "serviceWithBuffer") note("D2", node.id);
    if (lagged.some((name) => (position.get(name) ?? -1) > (groups.get(node.id) ?? Number.POSITIVE_INFINITY)))
      note("D3", node.id);
    if (lagged.includes(node.id)) note("D4", node.id);
    if (node.kind === "router" && node.routes.some(({ target }) => groups.has(target))) note("D5", node.id);
    const tree = trees.get(node.id);
    if (tree === undefined) continue;
    if (
      hasClasses &&
      collectReferences(tree).some(({ name }) => (position.get(name) ?? -1) >= position.get(node.id)!)
    ) {
      note("D7", node.id);
    }
    if (node.kind === "expr" && node.tree !== undefined && hasTinyCoefficient(tree)) note("D9", node.id);
    if (hasClasses && longestLag(tree) > model.grid.bins) note("D13", node.id);
  }
  const shared = sharedArrivals(model);
  if (shared !== null) note("D10", shared);
  if (input.limited !== null) note("D11", input.limited);
  return Array.from(found, ([id, nodeId]) => ({ id, nodeId })).sort((a, b) => ledgerNumber(a.id) - ledgerNumber(b.id));
}

function ledgerNumber(id: Divergence["id"]): number {
  return Number(id.slice(1));
}

function hasRepeatedInput(node: ModelNode): boolean {
  if (node.kind !== "serviceWithBuffer") return false;
  const names = [node.inflow, node.outflow, node.loss, node.dispatchSchedule?.capacitySeries].filter(
    (name) => name !== null && name !== undefined,
  );
  return new Set(names).size < names.length;
}

function hasTinyCoefficient(tree: Expression): boolean {
  if (tree.kind === "array")
    return tree.values.some((value) => value !== 0 && Math.abs(value) < SMALLEST_PLAIN_COEFFICIENT);
  return tree.kind === "call" && tree.args.some(hasTinyCoefficient);
}

function longestLag(tree: Expression): number {
  if (tree.kind === "binary") return Math.max(longestLag(tree.left), longestLag(tree.right));
  if (tree.kind !== "call") return 0;
  const lag = tree.name.toUpperCase() === "SHIFT" && tree.args[1]?.kind === "number" ? tree.args[1].value : 0;
  return Math.max(lag, ...tree.args.map(longestLag));
}

/** A topology node whose arrivals another one has too, in a model with edges. */
function sharedArrivals({ topology }: Model): string | null {
  if (topology === null || topology.edges.length === 0) return null;
  const owners = new Set<string>();
  for (const { id, semantics } of topology.nodes) {
    const arrivals = fold((semantics.series.arrivals ?? "").trim());
    if (arrivals === "") continue;
    if (owners.has(arrivals)) return id;
    owners.add(arrivals);
  }
  return null;
}
