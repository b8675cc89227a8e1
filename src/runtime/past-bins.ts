import { FlowError } from "../lib/errors.ts";
import type { RevisedBins } from "../snapshot/live-definition.ts";

/** Values of superseded bins that are kept, for questions about what was known: 32 MiB of them. */
export const MAX_SUPERSEDED_VALUES = 4_194_304;

export interface SupersededBin {
  readonly rev: number;
  readonly hash: string;
  readonly row: Float64Array;
}

interface Superseded extends SupersededBin {
  readonly bin: number;
  /** Sequence numbers of the event that published it, and of the one that replaced it. */
  readonly from: number;
  readonly until: number;
}

/** What bins were before they were corrected, and when that was known. The oldest is forgotten beyond the limit. */
export class PastBins {
  private readonly maxValues: number;
  private readonly seqs: number[] = [];
  private readonly revisions = new Map<number, number>();
  private superseded: readonly Superseded[] = [];
  private values = 0;
  private firstKnownSeq = 0;

  constructor(maxValues: number = MAX_SUPERSEDED_VALUES) {
    this.maxValues = maxValues;
  }

  /** Revision in force; 0 for a bin that was never corrected. */
  revision(bin: number): number {
    return this.revisions.get(bin) ?? 0;
  }

  /** All bins that were corrected, ascending. */
  revisedBins(): readonly RevisedBins[] {
    const runs: { readonly fromBin: number; toBin: number; readonly rev: number }[] = [];
    for (const [bin, rev] of [...this.revisions].sort(([a], [b]) => a - b)) {
      const last = runs.at(-1);
      if (last?.toBin === bin - 1 && last.rev === rev) last.toBin = bin;
      else runs.push({ fromBin: bin, toBin: bin, rev });
    }
    return runs;
  }

  published(bin: number, seq: number): void {
    this.seqs[bin] = seq;
  }

  /** @param seq of the event that replaces it */
  revised(bin: number, seq: number, before: SupersededBin): void {
    this.superseded = [...this.superseded, { ...before, bin, from: this.seqs[bin]!, until: seq }];
    this.seqs[bin] = seq;
    this.revisions.set(bin, before.rev + 1);
    this.values += before.row.length;
    while (this.values > this.maxValues) {
      const [oldest, ...rest] = this.superseded;
      this.superseded = rest;
      this.values -= oldest!.row.length;
      this.firstKnownSeq = oldest!.until;
    }
  }

  /**
   * A bin as it was known at a position of the stream: `current` when it has not been replaced since, null when it was
   * not known yet.
   * @throws FlowError `bin_not_retained` when what was replaced since is no longer kept
   */
  asOf(bin: number, seq: number): "current" | SupersededBin | null {
    if (seq < this.firstKnownSeq) {
      throw new FlowError(
        "bin_not_retained",
        `What was known at ${seq} is no longer kept; positions from ${this.firstKnownSeq} on are.`,
      );
    }
    if ((this.seqs[bin] ?? Number.POSITIVE_INFINITY) <= seq) return "current";
    return this.superseded.find((entry) => entry.bin === bin && entry.from <= seq && seq < entry.until) ?? null;
  }
}
