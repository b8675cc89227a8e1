import { type ClassOrder, firstBinColumnsOf, partsFirst } from "./class-order.ts";
import {
  type ClassSeriesColumns,
  type Column,
  type EdgeSeriesColumn,
  type Operator,
  operandsOf,
  outputsOf,
  type Plan,
  type RouterColumns,
  sameBinOperandsOf,
  withColumns,
} from "./plan.ts";

export interface LayoutInput {
  readonly columns: readonly Column[];
  /** Series of nodes and of telemetry: the first columns. */
  readonly seriesCount: number;
  readonly operators: readonly Operator[];
  readonly classSeries: readonly ClassSeriesColumns[];
  readonly edgeSeries: readonly EdgeSeriesColumn[];
  readonly routers: readonly RouterColumns[];
}

export type Layout = Pick<Plan, "columns" | "seriesCount" | "operators" | "classSeries" | "edgeSeries" | "routers">;

/**
 * Gives columns their final places: series, then published classes and edges (each a column of its own), then the
 * intermediate results that something published needs. Operators that nothing needs are dropped; the rest is put in an
 * order in which every value of a bin is there before it is read, as close to the given one as that allows.
 */
export function layOut(input: LayoutInput): Layout {
  const columns: Column[] = [...input.columns];
  const operators: Operator[] = [...input.operators];
  const publish = (column: number, id: string, origin: Column["origin"]): number => {
    columns.push({ id, origin });
    operators.push({ op: "copy", out: columns.length - 1, a: column });
    return columns.length - 1;
  };
  const classSeries = input.classSeries.map((entry) => ({
    ...entry,
    columns: entry.columns.map(({ classId, column }) => ({
      classId,
      column: publish(column, `${entry.nodeId}@${classId}`, "class"),
    })),
  }));
  const edgeSeries = input.edgeSeries.map((entry) => ({
    ...entry,
    column: publish(entry.column, `edge ${entry.edgeId} ${entry.metric} ${entry.classId ?? ""}`.trim(), "edge"),
  }));

  const writer = new Int32Array(columns.length).fill(-1);
  operators.forEach((operator, index) => {
    for (const out of outputsOf(operator)) writer[out] = index;
  });
  const orders = [
    ...[...classSeries, ...edgeSeries].flatMap(({ order }) => (order === null ? [] : [order])),
    ...input.routers.flatMap(({ source, targets }) => [source.order, ...targets.map(({ order }) => order)]),
  ];
  const isSeries = (column: number): boolean => column < input.seriesCount || column >= input.columns.length;
  const roots = [
    ...columns.map((_, column) => column).filter(isSeries),
    ...firstBinColumnsOf(orders),
    ...input.routers.flatMap(columnsOfRouter),
  ];
  const live = liveOperators(operators, writer, roots);
  const sorted = inOrder(operators, writer, live);

  const kept = new Set<number>(columns.map((_, column) => column).filter(isSeries));
  for (const operator of sorted) for (const out of outputsOf(operator)) kept.add(out);
  const places = new Map<number, number>();
  for (const column of kept) if (isSeries(column)) places.set(column, places.size);
  const seriesCount = places.size;
  for (const column of kept) if (!isSeries(column)) places.set(column, places.size);
  const rename = (column: number): number => places.get(column)!;
  const renamed = renamedOrders(orders, rename);
  const placed: Column[] = new Array(places.size);
  for (const [column, place] of places) placed[place] = columns[column]!;
  return {
    columns: placed,
    seriesCount,
    operators: sorted.map((operator) => withColumns(operator, rename)),
    classSeries: classSeries.map((entry) => ({
      ...entry,
      order: renamed.get(entry.order)!,
      columns: entry.columns.map(({ classId, column }) => ({ classId, column: rename(column) })),
    })),
    edgeSeries: edgeSeries.map((entry) => ({
      ...entry,
      column: rename(entry.column),
      order: entry.order && renamed.get(entry.order)!,
    })),
    routers: input.routers.map((router) => renameRouter(router, rename, renamed)),
  };
}

/** What the diagnostics of a router read. */
function columnsOfRouter({ source, targets }: RouterColumns): readonly number[] {
  return [
    ...source.columns.map(({ column }) => column),
    ...targets.flatMap(({ columns }) => columns.flatMap(({ own, sum, scaled }) => [own, sum, scaled])),
  ];
}

function liveOperators(operators: readonly Operator[], writer: Int32Array, roots: readonly number[]): Uint8Array {
  const live = new Uint8Array(operators.length);
  const pending = [...roots];
  for (let column = pending.pop(); column !== undefined; column = pending.pop()) {
    const index = writer[column]!;
    if (index < 0 || live[index] === 1) continue;
    live[index] = 1;
    for (const operand of operandsOf(operators[index]!)) pending.push(operand);
  }
  return live;
}

/** Depth first in the given order; what is read from earlier bins only needs no place before. */
function inOrder(operators: readonly Operator[], writer: Int32Array, live: Uint8Array): Operator[] {
  const placed = new Uint8Array(operators.length);
  const result: Operator[] = [];
  operators.forEach((_, start) => {
    if (live[start] === 0) return;
    const path = [start];
    while (path.length > 0) {
      const index = path[path.length - 1]!;
      const operator = operators[index]!;
      const needed = placed[index] === 1 ? [] : sameBinOperandsOf(operator);
      const missing = needed.map((column) => writer[column]!).find((other) => other >= 0 && placed[other] === 0);
      if (missing !== undefined) {
        path.push(missing);
        continue;
      }
      path.pop();
      if (placed[index] === 1) continue;
      placed[index] = 1;
      result.push(operator);
    }
  });
  return result;
}

function renameRouter(
  router: RouterColumns,
  rename: (column: number) => number,
  renamed: ReadonlyMap<ClassOrder, ClassOrder>,
): RouterColumns {
  const { source, targets } = router;
  return {
    ...router,
    source: {
      order: renamed.get(source.order)!,
      columns: source.columns.map(({ classId, column }) => ({ classId, column: rename(column) })),
    },
    targets: targets.map(({ order, columns }) => ({
      order: renamed.get(order)!,
      columns: columns.map(({ classId, own, sum, scaled }) => ({
        classId,
        own: rename(own),
        sum: rename(sum),
        scaled: rename(scaled),
      })),
    })),
  };
}

/** The orders, and their parts, with every column renamed; shared parts stay shared. */
function renamedOrders(
  orders: readonly ClassOrder[],
  rename: (column: number) => number,
): ReadonlyMap<ClassOrder, ClassOrder> {
  const renamed = new Map<ClassOrder, ClassOrder>();
  for (const part of partsFirst(orders))
    renamed.set(
      part,
      renameOwn(part, rename, (of) => renamed.get(of)!),
    );
  return renamed;
}

function renameOwn(
  order: ClassOrder,
  rename: (column: number) => number,
  renamed: (part: ClassOrder) => ClassOrder,
): ClassOrder {
  switch (order.kind) {
    case "list":
      return order;
    case "union":
      return { ...order, parts: order.parts.map(renamed) };
    case "without":
      return { ...order, of: renamed(order.of) };
    case "sides":
      return {
        ...order,
        left: renamed(order.left),
        right: renamed(order.right),
        firstLeft: rename(order.firstLeft),
        firstRight: rename(order.firstRight),
      };
  }
}
