import { collectReferences, type Expression } from "./expression.ts";
import type { ModelNode } from "./model.ts";

/** What a node reads: in the same bin, and from earlier bins only (engine.md §5.1). Names as written, distinct. */
export interface Inputs {
  readonly sameBin: readonly string[];
  readonly lagged: readonly string[];
}

/** @param tree the parsed expression of an `expr` node, null for other kinds */
export function inputsOf(node: ModelNode, tree: Expression | null): Inputs {
  switch (node.kind) {
    case "expr": {
      const references = tree === null ? [] : collectReferences(tree);
      const sameBin = new Set(references.filter((reference) => !reference.isLagged).map((reference) => reference.name));
      const lagged = new Set(references.filter((reference) => reference.isLagged).map((reference) => reference.name));
      return { sameBin: [...sameBin], lagged: [...lagged].filter((name) => !sameBin.has(name)) };
    }
    case "serviceWithBuffer": {
      const names = [node.inflow, node.outflow, node.loss, node.dispatchSchedule?.capacitySeries, node.wip?.limit];
      return { sameBin: [...new Set(names.filter((name) => name !== null && name !== undefined))], lagged: [] };
    }
    case "router":
    case "overflow":
      return { sameBin: [node.queue], lagged: [] };
    default:
      return { sameBin: [], lagged: [] };
  }
}

export interface Ordering {
  /** Ids that could be ordered: all of them unless there is a cycle. */
  readonly order: readonly string[];
  /** Ids on or behind a same-bin cycle, in declaration order. */
  readonly unordered: readonly string[];
}

/**
 * FlowTime's evaluation order (engine.md §5.2): Kahn's algorithm on same-bin references, first in first out, ties in
 * declaration order. An input listed twice counts once (FlowTime's defect D1 is not reproduced).
 */
export function evaluationOrder(ids: readonly string[], inputs: (id: string) => readonly string[]): Ordering {
  const position = new Map(ids.map((id, index) => [id, index]));
  const waiting = new Int32Array(ids.length);
  const readers: number[][] = ids.map(() => []);
  ids.forEach((id, reader) => {
    for (const input of inputs(id)) {
      const source = position.get(input);
      if (source === undefined) continue;
      waiting[reader]!++;
      readers[source]!.push(reader);
    }
  });
  const queue: number[] = [];
  for (let index = 0; index < ids.length; index++) if (waiting[index] === 0) queue.push(index);
  for (let head = 0; head < queue.length; head++) {
    for (const reader of readers[queue[head]!]!) if (--waiting[reader]! === 0) queue.push(reader);
  }
  const ordered = new Set(queue);
  return {
    order: queue.map((index) => ids[index]!),
    unordered: ids.filter((_, index) => !ordered.has(index)),
  };
}

/**
 * The same nodes in another valid order: as declared, every node right behind the inputs that it needs. What is declared
 * together stays together, which keeps memory accesses close and repeated structures recognisable.
 * @param order a valid order; its ids are all known to `inputs`
 */
export function declarationOrder(
  ids: readonly string[],
  order: readonly string[],
  inputs: (id: string) => readonly string[],
): readonly string[] {
  const known = new Set(order);
  const placed = new Set<string>();
  const result: string[] = [];
  for (const id of ids) {
    const path = [id];
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const missing = placed.has(top) ? undefined : inputs(top).find((input) => known.has(input) && !placed.has(input));
      if (missing !== undefined) {
        path.push(missing);
        continue;
      }
      path.pop();
      if (placed.has(top)) continue;
      placed.add(top);
      result.push(top);
    }
  }
  return result;
}

/**
 * FlowTime's feedback groups (engine.md §5.3): from an expression with a lagged reference to a later node, the span of
 * the order up to the furthest such node. Numbers do not depend on them, but some corners of FlowTime's semantics do.
 * @returns for every member the position at which its group ends
 */
export function feedbackGroups(
  order: readonly string[],
  kindOf: (id: string) => ModelNode["kind"] | undefined,
  lagged: (id: string) => readonly string[],
): ReadonlyMap<string, number> {
  const position = new Map(order.map((id, index) => [id, index]));
  const ends = new Map<string, number>();
  order.forEach((id, index) => {
    if (ends.has(id) || kindOf(id) !== "expr") return;
    const furthest = lagged(id).reduce((last, name) => Math.max(last, position.get(name) ?? -1), -1);
    for (let at = index; at <= furthest; at++) ends.set(order[at]!, furthest);
  });
  return ends;
}

/** Members of FlowTime's feedback groups. */
export function feedbackMembers(
  order: readonly string[],
  kindOf: (id: string) => ModelNode["kind"] | undefined,
  lagged: (id: string) => readonly string[],
): ReadonlySet<string> {
  return new Set(feedbackGroups(order, kindOf, lagged).keys());
}
