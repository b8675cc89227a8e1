import { fold } from "../../lib/fold.ts";
import { type ClassOrder, classesInOrder, firstBinColumns } from "../../model/class-order.ts";
import { type CellReader, type StateCell, toCell } from "../state-cell.ts";

/**
 * Classes of one series that are there so far, in FlowTime's order. Only those behind a MIN or MAX ever change: they come
 * in with the first bin that their side wins.
 */
export class PresentClasses {
  private readonly order: ClassOrder;
  private readonly columns: readonly number[];
  /** First bin won, by first-win column. */
  private readonly firsts: Map<number, number>;
  private current: readonly string[] = [];
  private folded: ReadonlySet<string> = new Set();

  constructor(order: ClassOrder) {
    this.order = order;
    this.columns = [...new Set(firstBinColumns(order))];
    this.firsts = new Map(this.columns.map((column) => [column, Number.NaN]));
    this.update();
  }

  get ids(): readonly string[] {
    return this.current;
  }

  has(classId: string): boolean {
    return this.folded.has(fold(classId));
  }

  /** Whether the classes may have changed. */
  feed(row: Float64Array): boolean {
    let isChanged = false;
    for (const column of this.columns) {
      if (Object.is(this.firsts.get(column), row[column]!)) continue;
      this.firsts.set(column, row[column]!);
      isChanged = true;
    }
    if (isChanged) this.update();
    return isChanged;
  }

  save(): readonly StateCell[] {
    return this.columns.map((column) => toCell(this.firsts.get(column)!));
  }

  restore(cells: CellReader): void {
    for (const column of this.columns) this.firsts.set(column, cells.next());
    this.update();
  }

  private update(): void {
    this.current = classesInOrder(this.order, (column) => this.firsts.get(column)!);
    this.folded = new Set(this.current.map(fold));
  }
}
