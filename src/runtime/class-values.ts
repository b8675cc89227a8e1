import { type ClassBlock, classBlocks } from "../analysis/class-metrics.ts";
import { fold } from "../lib/fold.ts";
import type { EdgeSeriesColumn, Plan } from "../model/plan.ts";
import type { ByClass, EdgeDelta, MetricValue } from "../protocol/run-event.ts";

interface EdgeColumns {
  readonly id: string;
  readonly totals: readonly EdgeSeriesColumn[];
  readonly classes: readonly { readonly classId: string; readonly columns: readonly EdgeSeriesColumn[] }[];
}

/** Values by class of nodes, and values of edges, as updates carry them. */
export class ClassValues {
  /** Class blocks of an update: what they weigh beside its nodes. */
  readonly size: number;
  /** Whether anything is told from rows. */
  readonly readsRow: boolean;
  private readonly nodes: readonly (readonly ClassBlock[])[];
  private readonly edges: readonly EdgeColumns[];

  constructor(plan: Plan) {
    this.nodes = classBlocks(plan);
    this.edges = Array.from(
      Map.groupBy(plan.edgeSeries, ({ edgeId }) => edgeId),
      ([id, series]) => {
        const shares = Map.groupBy(
          series.filter(({ classId }) => classId !== null),
          ({ classId }) => fold(classId!),
        );
        return {
          id,
          totals: series.filter(({ classId }) => classId === null),
          classes: Array.from(shares.values(), (columns) => ({ classId: columns[0]!.classId!, columns })),
        };
      },
    );
    const blocks = [...this.nodes, ...this.edges.map(({ classes }) => classes)];
    this.size = blocks.reduce((sum, { length }) => sum + length, 0);
    this.readsRow = this.size + this.edges.length > 0;
  }

  /** @param node its index among the nodes of the run. @returns null when no class is at the node */
  ofNode(node: number, row: Float64Array): ByClass | null {
    const blocks = this.nodes[node]!;
    if (blocks.length === 0) return null;
    return Object.fromEntries(
      blocks.map(({ classId, metrics }) => [
        classId,
        Object.fromEntries(metrics.map(({ name, read }) => [name, metricValue(read(row))])),
      ]),
    );
  }

  ofEdges(row: Float64Array): EdgeDelta[] {
    const values = (series: readonly EdgeSeriesColumn[]): Record<string, MetricValue> =>
      Object.fromEntries(series.map(({ metric, column }) => [metric, metricValue(row[column]!)]));
    return this.edges.map(({ id, totals, classes }) => {
      const metrics = values(totals);
      if (classes.length === 0) return { id, metrics };
      return { id, metrics, byClass: Object.fromEntries(classes.map((each) => [each.classId, values(each.columns)])) };
    });
  }
}

export function metricValue(value: number): MetricValue {
  return Number.isFinite(value) ? value : null;
}
