import { fold } from "../../lib/fold.ts";
import type { ShareColumns } from "../../model/plan.ts";
import { MESSAGES } from "../messages.ts";
import { CellReader } from "../state-cell.ts";
import { bareWarning, TOLERANCE, type Warning, type WarningHead } from "../warning.ts";
import { PresentClasses } from "./present-classes.ts";
import type { Rule, RuleState } from "./rule.ts";

/** Classes that come to a router of class routes only, and that none of the routes lists (engine.md §7.2.5). */
export class RouterMissingRouteRule implements Rule {
  private readonly head: WarningHead;
  private readonly routerId: string;
  private readonly present: PresentClasses;
  private readonly unlisted: readonly { readonly key: string; readonly column: number }[];
  /** Keys of `unlisted` that have come. */
  private readonly seen = new Set<string>();

  /** @param listed classes that some route lists */
  constructor(head: WarningHead, routerId: string, source: ShareColumns, listed: readonly string[]) {
    this.head = head;
    this.routerId = routerId;
    this.present = new PresentClasses(source.order);
    const routed = new Set(listed.map(fold));
    this.unlisted = source.columns
      .map(({ classId, column }) => ({ key: fold(classId), column }))
      .filter(({ key }) => !routed.has(key));
  }

  feed(_bin: number, row: Float64Array): boolean {
    let isChanged = this.present.feed(row);
    for (const { key, column } of this.unlisted) {
      if (!(Math.abs(row[column]!) > TOLERANCE) || this.seen.has(key)) continue;
      this.seen.add(key);
      isChanged = true;
    }
    return isChanged;
  }

  active(): Warning | null {
    const missing = this.present.ids.filter((classId) => this.seen.has(fold(classId)));
    if (missing.length === 0) return null;
    return { ...bareWarning(this.head), message: MESSAGES.router_missing_class_route(this.routerId, missing) };
  }

  save(): RuleState {
    return [...this.unlisted.map(({ key }) => (this.seen.has(key) ? 1 : 0)), ...this.present.save()];
  }

  restore(state: RuleState): void {
    const cells = new CellReader(state);
    for (const { key } of this.unlisted) if (cells.next() === 1) this.seen.add(key);
    this.present.restore(cells);
  }
}
