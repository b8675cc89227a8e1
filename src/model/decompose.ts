import { fold } from "../lib/fold.ts";
import { AheadColumns } from "./ahead-columns.ts";
import { ClassAlgebra } from "./class-algebra.ts";
import { ClassColumns, type Contribution, unionOf } from "./class-columns.ts";
import { normalisedKind } from "./descriptor.ts";
import type { OperatorList } from "./emit.ts";
import { dispatchPhase } from "./emit-nodes.ts";
import type { Expression } from "./expression.ts";
import type { BufferNode, Model, ModelNode } from "./model.ts";
import type { RouterColumns } from "./plan.ts";
import { splitRoutes } from "./split-routes.ts";

export interface DecompositionInput {
  readonly model: Model;
  /** `initialDepths` of the model, or of one with more nodes. */
  readonly initialDepths: ReadonlyMap<string, number>;
  /** Evaluation order. Nodes without a total are left out. */
  readonly order: readonly string[];
  /** Column of a series by id. */
  readonly totals: ReadonlyMap<string, number>;
  readonly trees: ReadonlyMap<string, Expression>;
  /** Series id by `file:` reference. */
  readonly fileSeries: ReadonlyMap<string, string>;
  /** Classes that telemetry gives; they stand before everything the model says. */
  readonly given: ReadonlyMap<string, ClassColumns>;
  readonly operators: OperatorList;
}

export type Contributions = ReadonlyMap<string, Contribution>;

export interface DecomposedClasses {
  readonly contributions: Contributions;
  readonly routers: readonly RouterColumns[];
}

/**
 * Compiles how classes share every series (engine.md §7.2): an evaluation of all nodes, repeated after each of three
 * rounds of overrides (routers, queues, topology queues). Equal operators are one, so a repetition costs only what
 * changed. Where FlowTime fails (D7, D13) this is the causal solution.
 * The oracle of the same rules over whole series is `engine/batch-classes.ts`.
 */
export function decomposeClasses(input: DecompositionInput): DecomposedClasses {
  const assigned = new Map(input.model.arrivals.map(({ nodeId, classId }) => [fold(nodeId), classId]));
  if (assigned.size === 0 && input.given.size === 0) return { contributions: new Map(), routers: [] };
  return new Decomposition(input, assigned).run();
}

class Decomposition {
  private readonly input: DecompositionInput;
  private readonly assigned: ReadonlyMap<string, string>;
  private readonly nodes: ReadonlyMap<string, ModelNode>;
  /** Classes that stand before a node's own; grows from round to round, never replaced. */
  private readonly overrides: Map<string, ClassColumns>;

  constructor(input: DecompositionInput, assigned: ReadonlyMap<string, string>) {
    this.input = input;
    this.assigned = assigned;
    this.nodes = new Map(input.model.nodes.map((node) => [node.id, node]));
    this.overrides = new Map(input.given);
  }

  run(): DecomposedClasses {
    const { nodes, topology } = this.input.model;
    let contributions = this.evaluate();
    const routers = this.overrideRouters(contributions);
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
    // FlowTime's diagnostics of routers look at the classes that the model itself assigns.
    return { contributions: this.evaluate(), routers: this.assigned.size === 0 ? [] : routers };
  }

  /**
   * Shares for one target add up, from whichever route or router, and are then scaled to the target's total. The router
   * itself has its source's classes.
   */
  private overrideRouters(contributions: Contributions): readonly RouterColumns[] {
    const { operators, totals } = this.input;
    const sums = new Map<string, ClassColumns>();
    const found: { routerId: string; source: ClassColumns; sent: ReadonlyMap<string, ClassColumns> }[] = [];
    for (const node of this.input.model.nodes) {
      if (node.kind !== "router") continue;
      const source = contributions.get(this.resolve(node.queue));
      if (source === undefined) continue;
      const sent = new Map<string, ClassColumns>();
      for (const { route, classes } of splitRoutes(node, source, operators)) {
        if (!totals.has(route.target)) continue;
        for (const receivers of [sums, sent]) {
          const before = receivers.get(route.target);
          receivers.set(route.target, before === undefined ? classes : this.sum(before, classes, node.id));
        }
      }
      found.push({ routerId: node.id, source: source.classes, sent });
    }

    const scaledTo = (id: string, classes: ClassColumns): ClassColumns =>
      this.algebra(id).normalise(classes, totals.get(id)!);
    const scaled = new Map(Array.from(sums, ([id, classes]) => [id, scaledTo(id, classes)]));
    for (const { routerId, source } of found) {
      if (!scaled.has(routerId)) scaled.set(routerId, scaledTo(routerId, source));
    }
    for (const [id, classes] of scaled) this.addOverride(id, classes);

    return found.map(({ routerId, source, sent }) => ({
      routerId,
      source: { order: source.order, columns: source.all },
      targets: Array.from(sent, ([target, own]) => ({
        order: own.order,
        columns: own.all.map(({ classId, column }) => ({
          classId,
          own: column,
          sum: sums.get(target)!.get(classId)!,
          scaled: scaled.get(target)!.get(classId)!,
        })),
      })),
    }));
  }

  private sum(left: ClassColumns, right: ClassColumns, owner: string): ClassColumns {
    const { order, ids } = unionOf([left, right]);
    const columnOf = (classId: string): number => {
      const [a, b] = [left.get(classId), right.get(classId)];
      return a === null || b === null ? (a ?? b)! : this.input.operators.derive({ op: "add", a, b }, owner);
    };
    return new ClassColumns(
      order,
      ids.map((classId) => [classId, columnOf(classId)]),
    );
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
      const total = this.input.totals.get(id);
      if (total === undefined || (contributions.get(id)?.classes.size ?? 0) > 0) continue;
      this.addOverride(id, this.algebra(id).normalise(source.classes, total));
    }
  }

  private addOverride(id: string, classes: ClassColumns): void {
    if (classes.size > 0 && !this.overrides.has(id)) this.overrides.set(id, classes);
  }

  /**
   * One pass over all nodes. What a node reads of a later one (through SHIFT: D7) stands in columns of its own, which are
   * filled when the later node is known; which classes it has is found by repeating the pass until that stays the same.
   * It may never do so, since a divisor with classes takes them from the remainder, and two nodes may read each other's
   * in turn; from the first repetition on, what is read ahead only gains classes (zeros where the later node has none).
   */
  private evaluate(): Contributions {
    const ahead = new AheadColumns(this.input.operators);
    const seen = new Set<string>();
    let grows = false;
    for (;;) {
      const { contributions, awaited } = this.pass(ahead);
      const found = new Map([...awaited.keys()].map((id) => [id, contributions.get(id)?.classes.ids ?? []] as const));
      const before = ahead.key;
      if (grows) ahead.extend(found);
      else ahead.replace(found);
      if (ahead.key === before) {
        this.fill(awaited, contributions);
        return contributions;
      }
      grows ||= seen.has(ahead.key);
      seen.add(ahead.key);
    }
  }

  private pass(ahead: AheadColumns): {
    contributions: Map<string, Contribution>;
    awaited: ReadonlyMap<string, Contribution>;
  } {
    const { order, totals, operators } = this.input;
    const contributions = new Map<string, Contribution>();
    const awaited = new Map<string, Contribution>();
    const read = (reference: string): Contribution => {
      const id = this.resolve(reference);
      let known = contributions.get(id) ?? awaited.get(id);
      if (known === undefined) {
        known = ahead.contribution(id);
        awaited.set(id, known);
      }
      return known;
    };
    for (const [id, total] of totals) {
      if (!this.nodes.has(id)) contributions.set(id, { total, classes: this.overrides.get(id) ?? new ClassColumns() });
    }
    operators.spend(order.length);
    for (const id of order) {
      const total = totals.get(id);
      if (total === undefined) continue;
      contributions.set(id, this.contribution(this.nodes.get(id)!, total, read, contributions));
    }
    return { contributions, awaited };
  }

  private fill(awaited: ReadonlyMap<string, Contribution>, contributions: Contributions): void {
    const { operators } = this.input;
    for (const [id, { total, classes }] of awaited) {
      const known = contributions.get(id);
      operators.push({ op: "copy", out: total, a: known?.total ?? operators.literal(0, id) });
      for (const { classId, column } of classes.all) {
        operators.push({ op: "copy", out: column, a: known?.classes.get(classId) ?? operators.literal(0, id) });
      }
    }
  }

  private contribution(
    node: ModelNode,
    total: number,
    read: (id: string) => Contribution,
    contributions: Map<string, Contribution>,
  ): Contribution {
    const override = this.overrides.get(node.id);
    if (override !== undefined) return { total, classes: override };
    const assigned = this.assigned.get(fold(node.id));
    if (assigned !== undefined) {
      const classes = new ClassColumns({ kind: "list", classIds: [assigned] }, [[assigned, total]]);
      return { total, classes };
    }
    switch (node.kind) {
      case "expr":
        return new ClassAlgebra(this.input.operators, node.id, read).value(this.input.trees.get(node.id)!);
      case "serviceWithBuffer":
        return { total, classes: this.queue(node, total, read, contributions) };
      default:
        return { total, classes: new ClassColumns() };
    }
  }

  private queue(
    node: BufferNode,
    total: number,
    read: (id: string) => Contribution,
    contributions: Map<string, Contribution>,
  ): ClassColumns {
    const { operators, initialDepths } = this.input;
    let outflow = read(node.outflow);
    if (node.dispatchSchedule !== null) {
      outflow = this.gated(node, outflow, read);
      // As in FlowTime the gate shows in the outflow's own classes and in all that is evaluated after it (D8).
      if (contributions.has(this.resolve(node.outflow))) contributions.set(this.resolve(node.outflow), outflow);
    }
    const inflow = read(node.inflow).classes;
    const loss = node.loss === null ? new ClassColumns() : read(node.loss).classes;
    const { order, ids } = unionOf([inflow, outflow.classes, loss]);
    if (ids.length === 0) return new ClassColumns();
    const outs = operators.deriveGroup(
      {
        op: "classQueues",
        inflow: ids.map((classId) => inflow.get(classId)),
        outflow: ids.map((classId) => outflow.classes.get(classId)),
        loss: ids.map((classId) => loss.get(classId)),
        initialDepth: initialDepths.get(node.id.toLowerCase()) ?? 0,
      },
      ids.length,
      node.id,
    );
    const classes = new ClassColumns(
      order,
      ids.map((classId, index) => [classId, outs[index]!]),
    );
    return this.algebra(node.id).normalise(classes, total);
  }

  private gated(node: BufferNode, outflow: Contribution, read: (id: string) => Contribution): Contribution {
    const { operators } = this.input;
    const schedule = node.dispatchSchedule!;
    const gate = { period: schedule.periodBins, phase: dispatchPhase(schedule) };
    const capacity = schedule.capacitySeries === null ? null : read(schedule.capacitySeries).total;
    const before = outflow.total;
    const after = operators.derive({ op: "gateTotal", a: before, capacity, ...gate }, node.id);
    const classes = outflow.classes.map((a) =>
      operators.derive({ op: "gateClass", a, before, after, ...gate }, node.id),
    );
    return { total: after, classes };
  }

  private algebra(owner: string): ClassAlgebra {
    return new ClassAlgebra(this.input.operators, owner, () => {
      throw new Error("normalising reads no node");
    });
  }

  private resolve(reference: string): string {
    return this.input.fileSeries.get(reference) ?? reference;
  }
}
