import { binMilliseconds } from "../lib/bin-length.ts";
import { fold } from "../lib/fold.ts";
import { describeNode, type NodeDescriptor } from "../model/descriptor.ts";
import type { Plan } from "../model/plan.ts";
import { CLASS_ROLES } from "./class-roles.ts";
import * as formulas from "./formulas.ts";
import { columnReader, type RowReader, resolvedColumns } from "./topology-view.ts";

/** What one class has at one node. */
export interface ClassBlock {
  readonly classId: string;
  /** `read` gives NaN where FlowTime has null: no value, no denominator, not a number. */
  readonly metrics: readonly { readonly name: string; readonly read: RowReader }[];
}

/**
 * Classes of every node, in the order of `NodeMetrics.nodes`: of a topology node the shares of its roles and the times
 * derived from them, of a computation node (in a model without topology) the shares of its `value`. Values are not rounded
 * (engine.md §8.6). A class behind a MIN or MAX is there from the start, with zeros until its side wins.
 */
export function classBlocks(plan: Plan): readonly (readonly ClassBlock[])[] {
  const shares = new Map(plan.classSeries.map(({ nodeId, columns }) => [nodeId, columns]));
  const topology = plan.model.topology?.nodes ?? [];
  if (topology.length === 0) {
    return plan.model.nodes.map(({ id }) =>
      (shares.get(id) ?? []).map(({ classId, column }) => ({
        classId,
        metrics: [{ name: "value", read: value(column) }],
      })),
    );
  }
  const binMs = binMilliseconds(plan.model.grid);
  return topology.map((node) => {
    const totals = resolvedColumns(plan, node);
    const descriptor = describeNode(node, () => false);
    const classes = new Map<string, { readonly classId: string; readonly columns: Map<string, number> }>();
    for (const role of CLASS_ROLES) {
      const seriesId = plan.columns[totals[role]]?.id;
      for (const { classId, column } of seriesId === undefined ? [] : (shares.get(seriesId) ?? [])) {
        const entry = classes.get(fold(classId)) ?? { classId, columns: new Map<string, number>() };
        classes.set(fold(classId), entry);
        entry.columns.set(role, column);
      }
    }
    return Array.from(classes.values(), ({ classId, columns }) => ({
      classId,
      metrics: [
        ...Array.from(columns, ([name, column]) => ({ name, read: value(column) })),
        ...derived(columns, descriptor, binMs),
      ],
    }));
  });
}

/** Times of a class, where the node has such times at all. */
function derived(
  columns: ReadonlyMap<string, number>,
  { hasQueueSemantics, hasServiceSemantics }: NodeDescriptor,
  binMs: number,
): ClassBlock["metrics"] {
  const [depth, served] = [columns.get("queueDepth"), columns.get("served")];
  const [timeSum, count] = [columns.get("processingTimeMsSum"), columns.get("servedCount")];
  const queueTime: RowReader | null =
    !hasQueueSemantics || depth === undefined || served === undefined
      ? null
      : (row) => formulas.queueTimeMs(row[depth]!, row[served]!, binMs);
  const serviceTime: RowReader | null =
    !hasServiceSemantics || timeSum === undefined || count === undefined
      ? null
      : (row) => formulas.serviceTimeMs(row[timeSum]!, row[count]!);
  const cycleTime: RowReader = (row) =>
    formulas.cycleTimeMs(queueTime?.(row) ?? Number.NaN, serviceTime?.(row) ?? Number.NaN);
  return [
    ...(queueTime === null ? [] : [{ name: "queueTimeMs", read: queueTime }]),
    ...(serviceTime === null ? [] : [{ name: "serviceTimeMs", read: serviceTime }]),
    ...(queueTime === null && serviceTime === null ? [] : [{ name: "cycleTimeMs", read: cycleTime }]),
    ...(serviceTime === null
      ? []
      : [
          {
            name: "flowEfficiency",
            read: (row: Float64Array) => formulas.flowEfficiency(serviceTime(row), cycleTime(row)),
          },
        ]),
  ];
}

function value(column: number): RowReader {
  const read = columnReader(column);
  return (row) => formulas.finite(read(row));
}
