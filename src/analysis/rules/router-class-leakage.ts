import { fold } from "../../lib/fold.ts";
import type { RoutedColumns, ShareColumns } from "../../model/plan.ts";
import { MESSAGES } from "../messages.ts";
import { CellReader } from "../state-cell.ts";
import { bareWarning, type Warning, type WarningHead } from "../warning.ts";
import { Differences } from "./flow-sum.ts";
import { PresentClasses } from "./present-classes.ts";
import type { Rule, RuleState } from "./rule.ts";

interface ClassState {
  /** Null when the source never has the class. */
  readonly source: number | null;
  readonly routed: readonly RoutedColumns["columns"][number][];
  readonly differences: Differences;
}

/**
 * What a router gets of a class against what its routes bring to their targets, there scaled to the targets' totals
 * (engine.md §7.2.5).
 */
export class RouterClassLeakageRule implements Rule {
  private readonly head: WarningHead;
  private readonly routerId: string;
  /** Classes of the source, then those that only a route has. */
  private readonly present: PresentClasses;
  private readonly classes: ReadonlyMap<string, ClassState>;

  constructor(head: WarningHead, routerId: string, source: ShareColumns, targets: readonly RoutedColumns[]) {
    this.head = head;
    this.routerId = routerId;
    this.present = new PresentClasses({ kind: "union", parts: [source, ...targets].map(({ order }) => order) });
    const sources = new Map(source.columns.map(({ classId, column }) => [fold(classId), column]));
    const routed = Map.groupBy(
      targets.flatMap(({ columns }) => columns),
      ({ classId }) => fold(classId),
    );
    this.classes = new Map(
      [...new Set([...sources.keys(), ...routed.keys()])].map((key) => [
        key,
        { source: sources.get(key) ?? null, routed: routed.get(key) ?? [], differences: new Differences() },
      ]),
    );
  }

  feed(bin: number, row: Float64Array): boolean {
    let isChanged = this.present.feed(row);
    for (const { source, routed, differences } of this.classes.values()) {
      let brought = 0;
      for (const { own, sum, scaled } of routed) brought += partOf(row[scaled]!, row[own]!, row[sum]!);
      if (differences.feed(bin, source === null ? 0 : row[source]!, brought)) isChanged = true;
    }
    return isChanged;
  }

  active(): Warning | null {
    const leaks = this.present.ids
      .map((classId) => ({ classId, worst: this.classes.get(fold(classId))!.differences.worst }))
      .filter(({ worst }) => worst > 0);
    if (leaks.length === 0) return null;
    return { ...bareWarning(this.head), message: MESSAGES.router_class_leakage(this.routerId, leaks) };
  }

  save(): RuleState {
    return [...[...this.classes.values()].flatMap(({ differences }) => differences.save()), ...this.present.save()];
  }

  restore(state: RuleState): void {
    const cells = new CellReader(state);
    for (const { differences } of this.classes.values()) differences.restore(cells);
    this.present.restore(cells);
  }
}

/** The part of a scaled sum that came from one router. */
function partOf(scaled: number, own: number, sum: number): number {
  return own === sum ? scaled : scaled * (own / sum);
}
