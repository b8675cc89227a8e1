import type { WindowFlows } from "../../src/analysis/batch-flow-warnings.ts";
import { ClassShares } from "../../src/engine/batch-contribution.ts";
import { fold } from "../../src/lib/fold.ts";
import { type ClassOrder, classesInOrder } from "../../src/model/class-order.ts";
import type { Plan } from "../../src/model/plan.ts";

/** Edges and classes as the rows have them, whatever they hold; nothing about routers. */
export function flowsOf(plan: Plan, rows: readonly Float64Array[]): WindowFlows {
  const values = (column: number): Float64Array => Float64Array.from(rows, (row) => row[column]!);
  const present = (order: ClassOrder): readonly string[] =>
    classesInOrder(order, (column) => rows.at(-1)?.[column] ?? Number.NaN);
  const classes = plan.classSeries.flatMap(({ nodeId, order, columns }) => {
    const shares = present(order).map((classId) => {
      const { column } = columns.find((entry) => fold(entry.classId) === fold(classId))!;
      return [classId, values(column)] as const;
    });
    return shares.length === 0 ? [] : [[nodeId, new ClassShares(shares)] as const];
  });
  const edges = plan.edgeSeries.flatMap(({ edgeId, metric, classId, column, order }) => {
    const isThere = classId === null || order === null || present(order).some((id) => fold(id) === fold(classId));
    return isThere ? [{ edgeId, metric, classId, values: values(column) }] : [];
  });
  return { edges, classes: new Map(classes), routers: [] };
}
