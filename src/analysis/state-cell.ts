/** A number that survives JSON: the four that JSON lacks or loses travel as words. */
export type StateCell = number | "NaN" | "Infinity" | "-Infinity" | "-0";

export function toCell(value: number): StateCell {
  if (Object.is(value, -0)) return "-0";
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

export function fromCell(cell: StateCell | undefined): number {
  return Number(cell);
}

/** Reads saved cells one after another, in the order in which they were saved. */
export class CellReader {
  private readonly cells: readonly StateCell[];
  private position = 0;

  constructor(cells: readonly StateCell[]) {
    this.cells = cells;
  }

  next(): number {
    return fromCell(this.cells[this.position++]);
  }
}
