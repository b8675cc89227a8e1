/** Cells of one bin. */
export interface HeldCells {
  readonly values: Float64Array;
  /** 1 where the input has a cell. */
  readonly present: Uint8Array;
  readonly revisions: Int32Array;
  /** Inputs without a cell. */
  missing: number;
}

/** What cells were before a batch filled them, to be put back when it is given up. Plain lists: no object a cell. */
export class CellJournal {
  private readonly held: HeldCells[] = [];
  private readonly inputs: number[] = [];
  private readonly values: number[] = [];
  private readonly present: number[] = [];
  private readonly revisions: number[] = [];

  /** To be called before the cell is filled. */
  note(held: HeldCells, input: number): void {
    this.held.push(held);
    this.inputs.push(input);
    this.values.push(held.values[input]!);
    this.present.push(held.present[input]!);
    this.revisions.push(held.revisions[input]!);
  }

  /** Everything noted is as it was, newest first. */
  putBack(): void {
    for (let at = this.held.length - 1; at >= 0; at--) {
      const held = this.held[at]!;
      const input = this.inputs[at]!;
      held.values[input] = this.values[at]!;
      held.revisions[input] = this.revisions[at]!;
      if (this.present[at] === 1) continue;
      held.present[input] = 0;
      held.missing++;
    }
    this.clear();
  }

  clear(): void {
    for (const list of [this.held, this.inputs, this.values, this.present, this.revisions]) list.length = 0;
  }
}
