import { fold } from "../lib/fold.ts";
import { ClassColumns, type Contribution } from "./class-columns.ts";
import type { OperatorList } from "./emit.ts";

/** Columns for what nodes read of later ones, and the classes those are taken to have. None at first. */
export class AheadColumns {
  private readonly operators: OperatorList;
  private readonly columns = new Map<string, number>();
  private classes: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(operators: OperatorList) {
    this.operators = operators;
  }

  /** The same for the same classes. */
  get key(): string {
    const filled = [...this.classes].filter(([, classIds]) => classIds.length > 0);
    return JSON.stringify(filled.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  replace(found: ReadonlyMap<string, readonly string[]>): void {
    this.classes = found;
  }

  /** Adds classes behind those known already. */
  extend(found: ReadonlyMap<string, readonly string[]>): void {
    this.classes = new Map(
      Array.from(found, ([id, classIds]) => {
        const known = this.classes.get(id) ?? [];
        const folded = new Set(known.map(fold));
        return [id, [...known, ...classIds.filter((classId) => !folded.has(fold(classId)))]];
      }),
    );
  }

  contribution(id: string): Contribution {
    const classIds = this.classes.get(id) ?? [];
    return {
      total: this.column(id, null),
      classes: new ClassColumns(
        { kind: "list", classIds },
        classIds.map((classId) => [classId, this.column(id, classId)]),
      ),
    };
  }

  private column(id: string, classId: string | null): number {
    const key = JSON.stringify([id, classId === null ? null : fold(classId)]);
    const column = this.columns.get(key) ?? this.operators.newColumn(id);
    this.columns.set(key, column);
    return column;
  }
}
