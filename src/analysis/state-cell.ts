/** A number that survives JSON: the three that JSON lacks travel as words. */
export type StateCell = number | "NaN" | "Infinity" | "-Infinity";

export function toCell(value: number): StateCell {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

export function fromCell(cell: StateCell | undefined): number {
  return Number(cell);
}
