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
  const classes = new Map<ClassOrder, readonly string[]>();
  for (const part of partsFirst([order]))
    classes.set(
      part,
      ownClasses(part, firstBin, (of) => classes.get(of)!),
    );
  return classes.get(order)!;
}

function ownClasses(
  order: ClassOrder,
  firstBin: (column: number) => number,
  classesOf: (part: ClassOrder) => readonly string[],
): readonly string[] {
  switch (order.kind) {
    case "list":
      return distinct(order.classIds);
    case "union":
      return distinct(order.parts.flatMap(classesOf));
    case "without": {
      const removed = new Set(order.classIds.map(fold));
      return classesOf(order.of).filter((classId) => !removed.has(fold(classId)));
    }
    case "sides": {
      const sides = [
        { first: firstBin(order.firstLeft), classes: order.left },
        { first: firstBin(order.firstRight), classes: order.right },
      ].filter(({ first }) => !Number.isNaN(first));
      sides.sort((a, b) => a.first - b.first);
      return distinct(sides.flatMap(({ classes }) => classesOf(classes)));
    }
  }
}

/** Class ids that may ever come up, as if every side of every MIN and MAX had won. */
export function possibleClasses(order: ClassOrder): readonly string[] {
  return classesInOrder(order, () => 0);
}

/** Distinct first-win columns that an order depends on; none when it is a fact of the model. */
export function firstBinColumns(order: ClassOrder): readonly number[] {
  return firstBinColumnsOf([order]);
}

/** Those of several orders. */
export function firstBinColumnsOf(orders: readonly ClassOrder[]): readonly number[] {
  const columns = new Set<number>();
  for (const part of partsFirst(orders)) {
    if (part.kind === "sides") columns.add(part.firstLeft).add(part.firstRight);
  }
  return [...columns];
}

/**
 * Orders and all they are made of, each once, parts before what they are part of. Orders share their parts (a series that
 * is added to itself, a chain of them), so walking them as trees takes exponential time, and a deep one the stack.
 */
export function partsFirst(orders: readonly ClassOrder[]): readonly ClassOrder[] {
  const done = new Set<ClassOrder>();
  const pending = [...orders];
  while (pending.length > 0) {
    const top = pending[pending.length - 1]!;
    const missing = done.has(top) ? [] : partsOf(top).filter((part) => !done.has(part));
    if (missing.length > 0) {
      for (const part of missing) pending.push(part);
      continue;
    }
    done.add(top);
    pending.pop();
  }
  return [...done];
}

function partsOf(order: ClassOrder): readonly ClassOrder[] {
  switch (order.kind) {
    case "list":
      return [];
    case "union":
      return order.parts;
    case "without":
      return [order.of];
    case "sides":
      return [order.left, order.right];
  }
}

/** Ids without their repetitions; case does not count. */
export function distinct(classIds: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return classIds.filter((classId) => {
    const key = fold(classId);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
