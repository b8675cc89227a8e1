import { fold } from "../lib/fold.ts";

/**
 * Which classes share a series, and in which order FlowTime lists them. Mostly a fact of the model; only the classes of
 * MIN and MAX depend on the bins: those of a side come in when it first wins.
 */
export type ClassOrder =
  | { readonly kind: "list"; readonly classIds: readonly string[] }
  /** All of the parts, each class where it comes first. */
  | { readonly kind: "union"; readonly parts: readonly ClassOrder[] }
  | { readonly kind: "without"; readonly of: ClassOrder; readonly classIds: readonly string[] }
  /** Columns hold the first bin that the side won; NaN before. */
  | {
      readonly kind: "sides";
      readonly left: ClassOrder;
      readonly right: ClassOrder;
      readonly firstLeft: number;
      readonly firstRight: number;
    };

export const NO_CLASSES: ClassOrder = { kind: "list", classIds: [] };

/** Class ids so far. @param firstBin value of a first-win column: the bin, or NaN; Infinity for "some time" */
export function classesInOrder(order: ClassOrder, firstBin: (column: number) => number): readonly string[] {
  switch (order.kind) {
    case "list":
      return distinct(order.classIds);
    case "union":
      return distinct(order.parts.flatMap((part) => classesInOrder(part, firstBin)));
    case "without": {
      const removed = new Set(order.classIds.map(fold));
      return classesInOrder(order.of, firstBin).filter((classId) => !removed.has(fold(classId)));
    }
    case "sides": {
      const sides = [
        { first: firstBin(order.firstLeft), classes: order.left },
        { first: firstBin(order.firstRight), classes: order.right },
      ].filter(({ first }) => !Number.isNaN(first));
      sides.sort((a, b) => a.first - b.first);
      return distinct(sides.flatMap(({ classes }) => classesInOrder(classes, firstBin)));
    }
  }
}

/** Class ids that may ever come up, as if every side of every MIN and MAX had won. */
export function possibleClasses(order: ClassOrder): readonly string[] {
  return classesInOrder(order, () => 0);
}

/** First-win columns that an order depends on; none when it is a fact of the model. */
export function firstBinColumns(order: ClassOrder): readonly number[] {
  switch (order.kind) {
    case "list":
      return [];
    case "union":
      return order.parts.flatMap(firstBinColumns);
    case "without":
      return firstBinColumns(order.of);
    case "sides":
      return [order.firstLeft, order.firstRight, ...firstBinColumns(order.left), ...firstBinColumns(order.right)];
  }
}

function distinct(classIds: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return classIds.filter((classId) => {
    const key = fold(classId);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
