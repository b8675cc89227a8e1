import type { NodeMetrics } from "../analysis/metrics.ts";
import type { Plan } from "../model/plan.ts";
import type { EdgeDelta, NodeDelta, RunUpdate } from "../protocol/run-event.ts";
import type { SealedCells } from "./cell-ledger.ts";
import { ClassValues, metricValue } from "./class-values.ts";

/** What nodes and edges of one bin are told from: numbers, a fraction of the update they are told in. */
export interface BinValues {
  /** Metrics of every node, one node after the other. */
  readonly metrics: Float64Array;
  /** Values of the series; empty where no class and no edge is to be told. */
  readonly row: Float64Array;
  /** Inputs whose telemetry was missing. */
  readonly gaps: readonly number[];
}

/** A bin as it was published. */
export interface PublishedBin {
  readonly facts: Omit<RunUpdate, "nodes" | "edges">;
  readonly values: BinValues;
}

const NO_ROW = new Float64Array(0);
const NO_GAPS: readonly number[] = [];

/** Takes the values of a bin, and tells nodes and edges from them, at once or later. */
export class BinTeller {
  /** What an update weighs: its nodes, and the classes at nodes and edges. */
  readonly size: number;
  private readonly nodes: NodeMetrics["nodes"];
  private readonly seriesCount: number;
  private readonly classes: ClassValues;
  private readonly gapRoles: readonly (readonly { readonly node: number; readonly role: string }[])[];

  constructor(plan: Plan, nodes: NodeMetrics["nodes"]) {
    this.nodes = nodes;
    this.seriesCount = plan.seriesCount;
    this.classes = new ClassValues(plan);
    this.gapRoles = gapRoles(plan, nodes);
    this.size = nodes.length + this.classes.size;
  }

  /** The values of the bin that metrics were evaluated for last: a copy. */
  take(cells: SealedCells, metrics: NodeMetrics, row: Float64Array): BinValues {
    return {
      metrics: metrics.copy(),
      row: this.classes.readsRow ? row.slice(0, this.seriesCount) : NO_ROW,
      gaps: gapsOf(cells),
    };
  }

  update({ facts, values }: PublishedBin): RunUpdate {
    return { ...facts, nodes: this.nodesOf(values), edges: this.edgesOf(values) };
  }

  edgesOf({ row }: BinValues): EdgeDelta[] {
    return this.classes.ofEdges(row);
  }

  nodesOf({ metrics: values, row, gaps }: BinValues): NodeDelta[] {
    const rolesOf = this.rolesByNode(gaps);
    let at = 0;
    return this.nodes.map(({ id, metrics: names }, node) => {
      const metrics: Record<string, number | null> = {};
      for (const name of names) metrics[name] = metricValue(values[at++]!);
      const roles = rolesOf?.get(node);
      const byClass = this.classes.ofNode(node, row);
      return {
        id,
        metrics,
        ...(roles === undefined ? {} : { gaps: [...roles] }),
        ...(byClass === null ? {} : { byClass }),
      };
    });
  }

  private rolesByNode(gaps: readonly number[]): ReadonlyMap<number, ReadonlySet<string>> | null {
    if (gaps.length === 0) return null;
    const byNode = new Map<number, Set<string>>();
    for (const input of gaps) {
      for (const { node, role } of this.gapRoles[input]!) {
        const roles = byNode.get(node);
        if (roles === undefined) byNode.set(node, new Set([role]));
        else roles.add(role);
      }
    }
    return byNode;
  }
}

function gapsOf({ present, values }: SealedCells): readonly number[] {
  let gaps: number[] | null = null;
  for (let input = 0; input < values.length; input++) {
    if (present[input] === 1 && !Number.isNaN(values[input])) continue;
    gaps ??= [];
    gaps.push(input);
  }
  return gaps ?? NO_GAPS;
}

/** For every input of the plan, the node metrics that show its gaps. */
function gapRoles(plan: Plan, nodes: NodeMetrics["nodes"]): { node: number; role: string }[][] {
  const nodeOf = new Map(nodes.map(({ id }, index) => [id, index]));
  const hasTopology = (plan.model.topology?.nodes.length ?? 0) > 0;
  const totals = new Set(plan.bound.flatMap(({ seriesId, classId }) => (classId === null ? [seriesId] : [])));
  return plan.bound.map(({ seriesId, classId, feeds }) => {
    const whole = hasTopology
      ? feeds.map(({ nodeId, role }) => ({ nodeId, role: role as string }))
      : [{ nodeId: seriesId, role: "value" }];
    const ofClass = classId === null ? [] : whole.map(({ nodeId, role }) => ({ nodeId, role: `${role}@${classId}` }));
    // The sum of classes lacks what one of them lacks.
    const roles = [...(classId === null || !totals.has(seriesId) ? whole : []), ...ofClass];
    return roles.flatMap(({ nodeId, role }) => {
      const node = nodeOf.get(nodeId);
      return node === undefined ? [] : [{ node, role }];
    });
  });
}
