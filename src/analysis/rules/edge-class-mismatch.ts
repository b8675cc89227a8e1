import { fold } from "../../lib/fold.ts";
import type { ClassOrder } from "../../model/class-order.ts";
import type { ClassSeriesColumns } from "../../model/plan.ts";
import { type EdgeSide, MESSAGES, sortedClasses } from "../messages.ts";
import { CellReader } from "../state-cell.ts";
import { finiteOrNull, MAX_REPORTED_BINS, type Warning, type WarningHead } from "../warning.ts";
import { Differences, type FlowEnd, FlowSum } from "./flow-sum.ts";
import { PresentClasses } from "./present-classes.ts";
import type { Rule, RuleState } from "./rule.ts";

/** The share of one class in the flow of one edge. */
export interface ClassFlow extends FlowEnd {
  readonly classId: string;
  readonly order: ClassOrder;
}

export interface EdgeClasses {
  readonly side: EdgeSide;
  /** Classes of what the edges are to account for. */
  readonly own: ClassSeriesColumns;
  readonly flows: readonly ClassFlow[];
  /** All edges of that side, also those that do not count. */
  readonly edgeIds: readonly string[];
  readonly horizon: number;
}

export interface EdgeClassHeads {
  readonly mismatch: WarningHead;
  /** When some class of the node is on no edge. */
  readonly partial: WarningHead;
}

interface ClassState {
  readonly column: number;
  readonly sum: FlowSum;
  readonly differences: Differences;
  /** Of every edge that may carry the class. */
  readonly carriers: readonly { readonly classId: string; readonly present: PresentClasses }[];
}

/** What a node serves or receives against the flows of its edges, class by class. */
export class EdgeClassMismatchRule implements Rule {
  private readonly heads: EdgeClassHeads;
  private readonly side: EdgeSide;
  private readonly edgeIds: readonly string[];
  private readonly own: PresentClasses;
  private readonly flows: readonly { readonly classId: string; readonly present: PresentClasses }[];
  private readonly classes: ReadonlyMap<string, ClassState>;

  constructor(heads: EdgeClassHeads, { side, own, flows, edgeIds, horizon }: EdgeClasses) {
    this.heads = heads;
    this.side = side;
    this.edgeIds = edgeIds;
    this.own = new PresentClasses(own.order);
    const watched = flows.map((flow) => ({ ...flow, present: new PresentClasses(flow.order) }));
    this.flows = watched;
    this.classes = new Map(
      own.columns.map(({ classId, column }) => {
        const carriers = watched.filter((flow) => fold(flow.classId) === fold(classId));
        const state = { column, sum: new FlowSum(carriers, horizon), differences: new Differences(), carriers };
        return [fold(classId), state] as const;
      }),
    );
  }

  feed(bin: number, row: Float64Array): boolean {
    let isChanged = this.own.feed(row);
    for (const { present } of this.flows) if (present.feed(row)) isChanged = true;
    for (const { column, sum, differences } of this.classes.values()) {
      if (differences.feed(bin, row[column]!, sum.feed(bin, row))) isChanged = true;
    }
    return isChanged;
  }

  active(): Warning | null {
    if (!this.flows.some(isPresent)) return null;
    const present = this.own.ids.map((classId) => ({ classId, ...this.classes.get(fold(classId))! }));
    const differing = present.filter(({ differences }) => differences.bins.length > 0);
    if (differing.length === 0) return null;
    const isCovered = present.every(({ carriers }) => carriers.some(isPresent));
    const ids = sortedClasses(differing.map(({ classId }) => classId));
    return {
      ...(isCovered ? this.heads.mismatch : this.heads.partial),
      message: MESSAGES.edge_class_mismatch(this.side, ids, this.edgeIds),
      bins: differing.flatMap(({ differences }) => differences.bins).slice(0, MAX_REPORTED_BINS),
      value: finiteOrNull(Math.max(...differing.map(({ differences }) => differences.worst))),
      edgeIds: [...this.edgeIds],
    };
  }

  save(): RuleState {
    return [
      ...this.own.save(),
      ...this.flows.flatMap(({ present }) => present.save()),
      ...[...this.classes.values()].flatMap(({ sum, differences }) => [...sum.save(), ...differences.save()]),
    ];
  }

  restore(state: RuleState): void {
    const cells = new CellReader(state);
    this.own.restore(cells);
    for (const { present } of this.flows) present.restore(cells);
    for (const { sum, differences } of this.classes.values()) {
      sum.restore(cells);
      differences.restore(cells);
    }
  }
}

function isPresent({ classId, present }: { readonly classId: string; readonly present: PresentClasses }): boolean {
  return present.has(classId);
}
