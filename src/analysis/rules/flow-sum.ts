import { type CellReader, type StateCell, toCell } from "../state-cell.ts";
import { MAX_REPORTED_BINS, TOLERANCE } from "../warning.ts";

/** The flow of one edge as it counts at one end of it. */
export interface FlowEnd {
  readonly column: number;
  /** Bins from the edge's start to this end: 0 or more. */
  readonly lag: number;
}

/** What several edges carry together, in the order given; nothing is under way before bin 0. */
export class FlowSum {
  private readonly ends: readonly FlowEnd[];
  /** Per end what is under way: `under way[bin % lag]`. */
  private readonly underWay: readonly (number[] | null)[];

  /** @param horizon bins of the run; what comes later than that never arrives and is not kept */
  constructor(ends: readonly FlowEnd[], horizon: number) {
    this.ends = ends.filter(({ lag }) => lag < horizon);
    this.underWay = this.ends.map(({ lag }) => (lag === 0 ? null : new Array<number>(lag).fill(0)));
  }

  feed(bin: number, row: Float64Array): number {
    let sum = 0;
    for (let index = 0; index < this.ends.length; index++) {
      const { column, lag } = this.ends[index]!;
      const underWay = this.underWay[index]!;
      if (underWay === null) {
        sum += row[column]!;
        continue;
      }
      sum += underWay[bin % lag]!;
      underWay[bin % lag] = row[column]!;
    }
    return sum;
  }

  save(): readonly StateCell[] {
    return this.underWay.flatMap((values) => values ?? []).map(toCell);
  }

  restore(cells: CellReader): void {
    for (const values of this.underWay) {
      for (let index = 0; index < (values?.length ?? 0); index++) values![index] = cells.next();
    }
  }
}

/** Where two figures that should be equal differ: the first five bins, and the most they differ by in any bin. */
export class Differences {
  bins: number[] = [];
  worst = 0;

  /** Whether anything changed. */
  feed(bin: number, left: number, right: number): boolean {
    const difference = Math.abs(left - right);
    if (!(difference > TOLERANCE)) return false;
    const isWorse = difference > this.worst;
    if (isWorse) this.worst = difference;
    const isReported = this.bins.length < MAX_REPORTED_BINS;
    if (isReported) this.bins.push(bin);
    return isWorse || isReported;
  }

  save(): readonly StateCell[] {
    return [toCell(this.worst), this.bins.length, ...this.bins];
  }

  restore(cells: CellReader): void {
    this.worst = cells.next();
    this.bins = Array.from({ length: cells.next() }, () => cells.next());
  }
}
