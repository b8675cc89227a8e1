import { invariant } from "../lib/assert.ts";

/** Bins per block: large enough that growing is rare, small enough that a short run stays small. */
const BLOCK_BINS = 256;

/**
 * Values of the series columns over time, bin-major. Keeps the newest `retainedBins` bins (default all): older blocks
 * are dropped whole, so up to one block more than asked for may stay.
 */
export class History {
  readonly width: number;
  private readonly retainedBins: number;
  private readonly blocks: (Float64Array | null)[] = [];
  private readonly heads = new WeakMap<Float64Array, Float64Array>();
  private spare: Float64Array | null = null;
  private bins = 0;
  private firstBlock = 0;

  constructor(width: number, retainedBins: number = Number.POSITIVE_INFINITY) {
    this.width = width;
    this.retainedBins = retainedBins;
  }

  /** Bins appended so far. */
  get length(): number {
    return this.bins;
  }

  /** Oldest bin that can still be read. */
  get firstBin(): number {
    return this.firstBlock * BLOCK_BINS;
  }

  /** Appends the first `width` values of a row. */
  append(row: Float64Array): void {
    const offset = this.bins % BLOCK_BINS;
    if (offset === 0) this.blocks.push(this.newBlock());
    const block = this.blocks[this.blocks.length - 1]!;
    block.set(this.head(row), offset * this.width);
    this.bins++;
    if (this.bins - this.firstBin > this.retainedBins + BLOCK_BINS) this.dropOldest();
  }

  /** Replaces a retained bin. */
  replace(bin: number, row: Float64Array): void {
    this.blockOf(bin).set(row.subarray(0, this.width), (bin % BLOCK_BINS) * this.width);
  }

  value(bin: number, column: number): number {
    return this.blockOf(bin)[(bin % BLOCK_BINS) * this.width + column]!;
  }

  /** A view of one retained bin; it must not be kept across appends when bins are dropped. */
  row(bin: number): Float64Array {
    const start = (bin % BLOCK_BINS) * this.width;
    return this.blockOf(bin).subarray(start, start + this.width);
  }

  /** Copy of one column over `[from, to)`. */
  column(column: number, from = this.firstBin, to = this.bins): Float64Array {
    const values = new Float64Array(Math.max(0, to - from));
    for (let bin = from; bin < to; bin++) values[bin - from] = this.value(bin, column);
    return values;
  }

  /** The first `width` values of a row. An evaluator's rows come round, so their views are kept: appending makes no object. */
  private head(row: Float64Array): Float64Array {
    if (row.length === this.width) return row;
    let view = this.heads.get(row);
    if (view === undefined) {
      view = row.subarray(0, this.width);
      this.heads.set(row, view);
    }
    return view;
  }

  private blockOf(bin: number): Float64Array {
    const block = bin >= this.firstBin && bin < this.bins ? this.blocks[Math.floor(bin / BLOCK_BINS)] : null;
    invariant(block, `bin ${bin} is retained (${this.firstBin} to ${this.bins - 1} are)`);
    return block;
  }

  private newBlock(): Float64Array {
    const block = this.spare ?? new Float64Array(BLOCK_BINS * this.width);
    this.spare = null;
    return block;
  }

  private dropOldest(): void {
    this.spare = this.blocks[this.firstBlock] ?? null;
    this.blocks[this.firstBlock] = null;
    this.firstBlock++;
  }
}
