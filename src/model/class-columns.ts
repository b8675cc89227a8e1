import { fold } from "../lib/fold.ts";
import { type ClassOrder, distinct, NO_CLASSES } from "./class-order.ts";

/** Columns by class id, ids compared without case, in the order in which FlowTime would list them. */
export class ClassColumns {
  readonly order: ClassOrder;
  private readonly entries = new Map<string, { readonly classId: string; readonly column: number }>();

  constructor(order: ClassOrder = NO_CLASSES, columns: readonly (readonly [classId: string, column: number])[] = []) {
    this.order = order;
    for (const [classId, column] of columns) {
      if (!this.entries.has(fold(classId))) this.entries.set(fold(classId), { classId, column });
    }
  }

  get size(): number {
    return this.entries.size;
  }

  get(classId: string): number | null {
    return this.entries.get(fold(classId))?.column ?? null;
  }

  get all(): readonly { readonly classId: string; readonly column: number }[] {
    return [...this.entries.values()];
  }

  get ids(): readonly string[] {
    return this.all.map(({ classId }) => classId);
  }

  get columns(): readonly number[] {
    return this.all.map(({ column }) => column);
  }

  map(change: (column: number, classId: string) => number): ClassColumns {
    return new ClassColumns(
      this.order,
      this.all.map(({ classId, column }) => [classId, change(column, classId)]),
    );
  }

  without(classIds: readonly string[]): ClassColumns {
    const removed = new Set(classIds.map(fold));
    return new ClassColumns(
      { kind: "without", of: this.order, classIds },
      this.all.filter(({ classId }) => !removed.has(fold(classId))).map(({ classId, column }) => [classId, column]),
    );
  }
}

/** Classes of several parts, each where it comes first. */
export function unionOf(parts: readonly ClassColumns[]): {
  readonly order: ClassOrder;
  readonly ids: readonly string[];
} {
  const filled = parts.filter(({ size }) => size > 0);
  const seen = new Map<string, string>();
  for (const part of filled) {
    for (const classId of part.ids) if (!seen.has(fold(classId))) seen.set(fold(classId), classId);
  }
  const ids = [...seen.values()];
  const orders = [...new Set(filled.map((part) => part.order))];
  if (orders.length === 1) return { order: orders[0]!, ids };
  // Orders that are facts of the model need no memory of what they were made of.
  const lists = orders.flatMap((order) => (order.kind === "list" ? [order.classIds] : []));
  if (lists.length < orders.length) return { order: { kind: "union", parts: orders }, ids };
  return { order: { kind: "list", classIds: distinct(lists.flat()) }, ids };
}

/** A total's column and those of its classes. The classes need not add up to the total. */
export interface Contribution {
  readonly total: number;
  readonly classes: ClassColumns;
}
