import type { WindowFlows } from "../../src/analysis/batch-flow-warnings.ts";
import type { RouterClasses } from "../../src/engine/batch-classes.ts";
import { ClassShares } from "../../src/engine/batch-contribution.ts";
import { fold } from "../../src/lib/fold.ts";
import { type ClassOrder, classesInOrder } from "../../src/model/class-order.ts";
import type { Plan } from "../../src/model/plan.ts";

/** Edges, classes and routers as the rows have them, whatever they hold. */
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
  const routers = plan.routers.map(({ routerId, source, targets }): RouterClasses => {
    const router = plan.model.nodes.find(({ id }) => id === routerId);
    if (router?.kind !== "router") throw new Error(`${routerId} is no router`);
    const sharesOf = (order: ClassOrder, of: (key: string) => Float64Array): ClassShares =>
      new ClassShares(present(order).map((classId) => [classId, of(fold(classId))] as const));
    const routed = new ClassShares();
    for (const { order, columns } of targets) {
      const part = sharesOf(order, (key) => {
        const { own, sum, scaled } = columns.find(({ classId }) => fold(classId) === key)!;
        return Float64Array.from(rows, (row) =>
          row[own] === row[sum] ? row[scaled]! : row[scaled]! * (row[own]! / row[sum]!),
        );
      });
      for (const [classId, brought] of part) {
        const before = routed.get(classId);
        routed.set(classId, before === undefined ? brought : before.map((value, t) => value + brought[t]!));
      }
    }
    const columnOf = (key: string): number => source.columns.find(({ classId }) => fold(classId) === key)!.column;
    return { router, source: sharesOf(source.order, (key) => values(columnOf(key))), routed };
  });
  return { edges, classes: new Map(classes), routers };
}
