import type { Hello, Progress, SnapshotBegin, SnapshotEnd, SnapshotPage } from "../protocol/run-event.ts";

/**
 * What the hub asks of a run. Calls come synchronously from the hub, at moments of its choosing; answers must be of
 * one instant, the one after the newest event given to `publish`.
 */
export interface StateSource {
  /** `firstRetainedSeq` is the hub's own knowledge. `epoch` never changes: another timeline is another source. */
  hello(): Omit<Hello, "firstRetainedSeq">;
  /** State at `begin.seq`. */
  snapshot(): SourceSnapshot;
  progress(): Progress;
}

export interface SourceSnapshot {
  readonly begin: SnapshotBegin;
  /** Read page by page, as fast as the subscriber takes them: it must go on giving the state at `begin.seq`. */
  readonly pages: Iterable<SnapshotPage>;
  readonly end: SnapshotEnd;
}
