/** Bins between two new points: evaluating so many again takes less than saving more often would cost. */
export const REWIND_SPACING_BINS = 16;

/**
 * States to go back to. They lie the closer together the newer they are: the gap before a point is at most half of its
 * distance from the newest one. So going back `d` bins means evaluating at most about `1.5 d` again, and some dozen points
 * serve a run of any length.
 */
export class RewindPoints<State> {
  private points: readonly { readonly bins: number; readonly state: State }[] = [];

  get count(): number {
    return this.points.length;
  }

  /** Whether a state should be saved now that so many bins are evaluated. */
  isDue(bins: number): boolean {
    return bins >= (this.points.at(-1)?.bins ?? -REWIND_SPACING_BINS) + REWIND_SPACING_BINS;
  }

  /** @param bins bins evaluated when the state was saved; more than for any point there is */
  add(bins: number, state: State): void {
    const kept: { readonly bins: number; readonly state: State }[] = [];
    const all = [...this.points, { bins, state }];
    all.forEach((point, index) => {
      const before = kept.at(-1);
      const after = all[index + 1];
      const isNeeded =
        before === undefined || after === undefined || after.bins - before.bins > (bins - after.bins) / 2;
      if (isNeeded) kept.push(point);
    });
    this.points = kept;
  }

  /** The newest point with at most so many bins; undefined when there is none. */
  before(bins: number): { readonly bins: number; readonly state: State } | undefined {
    return this.points.findLast((point) => point.bins <= bins);
  }

  /** Forgets every point with fewer bins. */
  dropBefore(bins: number): void {
    this.points = this.points.filter((point) => point.bins >= bins);
  }

  /** Forgets what is superseded: every point with more than so many bins. */
  dropAfter(bins: number): void {
    this.points = this.points.filter((point) => point.bins <= bins);
  }
}
