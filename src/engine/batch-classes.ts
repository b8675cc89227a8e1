import { fold } from "../lib/fold.ts";
import { normalisedKind } from "../model/descriptor.ts";
import type { BufferNode, ModelNode, RouterNode } from "../model/model.ts";
import { classesOf } from "./batch-class-algebra.ts";
import { gateOutflow, queueClasses } from "./batch-class-queue.ts";
import { ClassShares, type Contribution, normalise, withoutClasses } from "./batch-contribution.ts";
import { type BatchModel, initialDepthOf, type Totals } from "./batch-model.ts";
import { splitRoutes } from "./batch-route-split.ts";

/** Shares of classes by node id, in evaluation order; only nodes that have a class. */
export type NodeClasses = ReadonlyMap<string, ClassShares>;

export interface ClassOptions {
  /** Class series that telemetry gives; they stand before everything the model says. Default none. */
  readonly given?: NodeClasses;
}

/**
 * How classes share every series (engine.md §7.2). Empty when `traffic.arrivals` assigns no class and telemetry gives
 * none. Where FlowTime fails (D7, D13) this is the causal solution.
 */
export function decomposeClasses(
  batch: BatchModel,
  totals: Totals,
  { given = new Map() }: ClassOptions = {},
): NodeClasses {
  const assigned = assignedClasses(batch);
  if (assigned.size === 0 && given.size === 0) return new Map();
  const contributions = new Decomposition(batch, totals, assigned, given).run();
  const shared = [...contributions].filter(([, { classes }]) => classes.size > 0);
  return new Map(shared.map(([id, { classes }]) => [id, classes]));
}

/** How a router treats the classes of its source, as its diagnostics see it (engine.md §7.2.5). */
export interface RouterClasses {
  readonly router: RouterNode;
  readonly source: ClassShares;
  /** What its routes bring to their targets, summed by class, after the shares were scaled to the targets' totals. */
  readonly routed: ClassShares;
}

/**
 * Routers with an evaluated source, in declaration order. Class series that telemetry gives do not count here: FlowTime
 * compares what the model itself says.
 */
export function routerClasses(batch: BatchModel, totals: Totals): readonly RouterClasses[] {
  const assigned = assignedClasses(batch);
  return assigned.size === 0 ? [] : new Decomposition(batch, totals, assigned, new Map()).routers();
}

/** Class by folded node id: the last entry for a node decides. */
function assignedClasses({ model }: BatchModel): ReadonlyMap<string, string> {
  const arrivals = model.arrivals.filter(({ nodeId, classId }) => nodeId.trim() !== "" && classId.trim() !== "");
  return new Map(arrivals.map(({ nodeId, classId }) => [fold(nodeId), classId]));
}

type Contributions = Map<string, Contribution>;

class Decomposition {
  private readonly batch: BatchModel;
  private readonly totals: Totals;
  private readonly assigned: ReadonlyMap<string, string>;
  /** Classes that stand before a node's own; grows from stage to stage, never replaced. */
  private readonly overrides: Map<string, ClassShares>;
  private readonly bins: number;

  constructor(batch: BatchModel, totals: Totals, assigned: ReadonlyMap<string, string>, given: NodeClasses) {
    this.batch = batch;
    this.totals = totals;
    this.assigned = assigned;
    this.overrides = new Map(given);
    this.bins = totals.values().next().value?.length ?? 0;
  }

  /** The four stages of §7.2.4. Each starts over: nothing of a pass stays but the overrides made from it. */
  run(): Contributions {
    const { nodes, topology } = this.batch.model;
    let contributions = this.evaluate();
    this.overrideRouters(contributions);
    contributions = this.evaluate();
    for (const node of nodes) {
      if (node.kind === "serviceWithBuffer") this.inherit(contributions, node.inflow, [node.outflow, node.loss]);
    }
    contributions = this.evaluate();
    for (const node of topology?.nodes ?? []) {
      if (normalisedKind(node) !== "servicewithbuffer") continue;
      const { arrivals, served, errors } = node.semantics.series;
      this.inherit(contributions, arrivals, [served, errors]);
    }
    return this.evaluate();
  }

  routers(): readonly RouterClasses[] {
    return this.overrideRouters(this.evaluate());
  }

  /**
   * Shares for one target add up, from whichever route or router, and are then scaled to the target's total. A source
   * without classes still gives the listed classes of a class route, as zeros: their series are written.
   */
  private overrideRouters(contributions: Contributions): readonly RouterClasses[] {
    const sums = new Map<string, ClassShares>();
    const found: { router: RouterNode; source: ClassShares; sent: Map<string, ClassShares> }[] = [];
    for (const router of this.batch.model.nodes) {
      if (router.kind !== "router") continue;
      const source = contributions.get(this.resolve(router.queue));
      if (source === undefined) continue;
      const sent = new Map<string, ClassShares>();
      for (const { route, classes } of splitRoutes(router, source)) {
        if (!this.totals.has(route.target)) continue;
        for (const receivers of [sums, sent]) receivers.set(route.target, added(receivers.get(route.target), classes));
      }
      found.push({ router, source: source.classes, sent });
    }

    const scaled = new Map(Array.from(sums, ([id, classes]) => [id, this.scaledTo(id, classes)]));
    for (const { router, source } of found)
      if (!scaled.has(router.id)) scaled.set(router.id, this.scaledTo(router.id, source));
    for (const [id, classes] of scaled) this.addOverride(id, classes);

    return found.map(({ router, source, sent }) => {
      const parts = Array.from(sent, ([target, own]) => partOf(scaled.get(target)!, own, sums.get(target)!));
      return { router, source, routed: parts.reduce<ClassShares>(added, new ClassShares()) };
    });
  }

  private scaledTo(id: string, classes: ClassShares): ClassShares {
    const copy = classes.copy();
    normalise(copy, this.totals.get(id)!);
    return copy;
  }

  /** What goes out of a queue-like thing has the classes of what comes in, as far as nothing else is known of it. */
  private inherit(
    contributions: Contributions,
    from: string | undefined,
    to: readonly (string | null | undefined)[],
  ): void {
    const source = from === undefined ? undefined : contributions.get(this.resolve(from));
    if (source === undefined || source.classes.size === 0) return;
    for (const reference of to) {
      if (reference === null || reference === undefined) continue;
      const id = this.resolve(reference);
      if (!this.totals.has(id) || (contributions.get(id)?.classes.size ?? 0) > 0) continue;
      this.addOverride(id, this.scaledTo(id, source.classes));
    }
  }

  private addOverride(id: string, classes: ClassShares): void {
    if (classes.size > 0 && !this.overrides.has(id)) this.overrides.set(id, classes);
  }

  /**
   * One pass over all nodes. Without reads of later nodes one walk does it. With them (through SHIFT: D7) walks repeat, a
   * later node being what the walk before made of it, until nothing changes: every walk settles one more bin at least.
   * When the classes of what is read so come back to what they were before, they only grow from then on.
   */
  private evaluate(): Contributions {
    let previous: Contributions = new Map();
    let classes: ReadonlyMap<string, readonly string[]> = new Map();
    const seen = new Set<string>();
    let grows = false;
    for (;;) {
      const { contributions, readAhead } = this.walk(previous, grows ? classes : null);
      const found = new Map(
        [...readAhead].map((id) => {
          const own = [...(contributions.get(id)?.classes ?? [])].map(([classId]) => classId);
          return [id, grows ? withNew(classes.get(id) ?? [], own) : own];
        }),
      );
      const [before, now] = [keyOf(classes), keyOf(found)];
      if (readAhead.size === 0 || (before === now && isSame(previous, contributions))) return contributions;
      if (before !== now) grows ||= seen.has(now);
      seen.add(now);
      classes = found;
      previous = contributions;
    }
  }

  /** @param classes of what is read ahead, where they are not those of the walk before */
  private walk(
    previous: Contributions,
    classes: ReadonlyMap<string, readonly string[]> | null,
  ): { contributions: Contributions; readAhead: ReadonlySet<string> } {
    const contributions: Contributions = new Map();
    const readAhead = new Set<string>();
    const zeros = (): Float64Array => new Float64Array(this.bins);
    const read = (reference: string): Contribution => {
      const id = this.resolve(reference);
      const known = contributions.get(id);
      if (known !== undefined) return known;
      readAhead.add(id);
      const before = previous.get(id) ?? withoutClasses(zeros());
      if (classes === null) return before;
      const shares = (classes.get(id) ?? []).map(
        (classId) => [classId, before.classes.get(classId) ?? zeros()] as const,
      );
      return { total: before.total, classes: new ClassShares(shares) };
    };
    for (const [id, total] of this.totals) {
      if (this.batch.nodes.has(id)) continue;
      contributions.set(id, { total: total.slice(), classes: this.overrides.get(id)?.copy() ?? new ClassShares() });
    }
    for (const id of this.batch.order) {
      const total = this.totals.get(id);
      if (total !== undefined) contributions.set(id, this.contribution(this.batch.nodes.get(id)!, total, read));
    }
    return { contributions, readAhead };
  }

  /**
   * Queues, sources and overridden nodes stand with their published total. An expression stands with the total its own
   * operands give, which differs where one of them is a gated outflow (D8), and its classes are not scaled to anything
   * but that.
   */
  private contribution(node: ModelNode, total: Float64Array, read: (id: string) => Contribution): Contribution {
    const override = this.overrides.get(node.id);
    if (override !== undefined) return { total: total.slice(), classes: override.copy() };
    const assigned = this.assigned.get(fold(node.id));
    if (assigned !== undefined) {
      return { total: total.slice(), classes: new ClassShares([[assigned, total.slice()]]) };
    }
    switch (node.kind) {
      case "expr":
        return classesOf(this.batch.classTrees.get(node.id)!, this.bins, read);
      case "serviceWithBuffer":
        return this.queue(node, total, read);
      default:
        return withoutClasses(total.slice());
    }
  }

  private queue(node: BufferNode, total: Float64Array, read: (id: string) => Contribution): Contribution {
    const outflow = read(node.outflow);
    if (node.dispatchSchedule !== null) {
      const gate = node.dispatchSchedule.capacitySeries;
      gateOutflow(outflow, node.dispatchSchedule, gate === null ? null : read(gate).total);
    }
    const loss = node.loss === null ? withoutClasses(new Float64Array(this.bins)) : read(node.loss);
    const classes = queueClasses(read(node.inflow), outflow, loss, initialDepthOf(node.id, this.batch.model));
    normalise(classes, total);
    return { total: total.slice(), classes };
  }

  private resolve(reference: string): string {
    return this.batch.fileSeries.get(reference) ?? reference;
  }
}

/** A new map: the sum by class. */
function added(a: ClassShares | undefined, b: ClassShares): ClassShares {
  const sum = a === undefined ? new ClassShares() : a.copy();
  for (const [classId, values] of b) {
    const before = sum.get(classId);
    sum.set(classId, before === undefined ? values.slice() : before.map((value, t) => value + values[t]!));
  }
  return sum;
}

/** The part of scaled sums that came from one router. */
function partOf(scaled: ClassShares, own: ClassShares, sums: ClassShares): ClassShares {
  return own.map((values, classId) => {
    const [whole, sum] = [scaled.get(classId)!, sums.get(classId)!];
    return values.map((value, t) => (value === sum[t]! ? whole[t]! : whole[t]! * (value / sum[t]!)));
  });
}

function isSame(a: Contributions, b: Contributions): boolean {
  if (a.size !== b.size) return false;
  return [...b].every(([id, { total, classes }]) => {
    const other = a.get(id);
    if (other === undefined || !isSameSeries(other.total, total) || other.classes.size !== classes.size) return false;
    const others = [...other.classes];
    return [...classes].every(
      ([classId, values], index) => others[index]![0] === classId && isSameSeries(others[index]![1], values),
    );
  });
}

function keyOf(classes: ReadonlyMap<string, readonly string[]>): string {
  const filled = [...classes].filter(([, classIds]) => classIds.length > 0);
  return JSON.stringify(filled.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function withNew(known: readonly string[], more: readonly string[]): readonly string[] {
  const folded = new Set(known.map(fold));
  return [...known, ...more.filter((classId) => !folded.has(fold(classId)))];
}

function isSameSeries(a: Float64Array, b: Float64Array): boolean {
  return a.every((value, t) => Object.is(value, b[t]));
}
