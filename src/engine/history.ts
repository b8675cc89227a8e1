import { invariant } from "../lib/assert.ts";

/** Bins per block: large enough that growing is rare, small enough that a short run stays small. */
export const BLOCK_BINS = 256;

/** Where blocks go that memory is not to hold: block `n` has the bins from `n × BLOCK_BINS`, bin-major. */
export interface BlockStore {
  write(block: number, rows: Float64Array): void;
  read(block: number): Float64Array;
}

export interface HistoryOptions {
  /** Newest bins that stay in memory; older blocks leave whole, so up to one block more may stay. Default: all. */
  readonly retainedBins?: number;
  /** Default none: what leaves memory is gone. */
  readonly store?: BlockStore;
}

/**
 * The rows of a history at some bin, shared: blocks of bins, null for those that a store holds. What is appended later
 * stands behind them, what is replaced later is replaced in a copy, so they stay as they are. They may go to another thread.
 */
export interface StoredRows {
  readonly width: number;
  readonly bins: number;
  readonly blocks: readonly (Float64Array | null)[];
}

/** Values of the series columns over time, bin-major. Their memory is shared, so that other threads can read it. */
export class History {
  readonly width: number;
  private readonly retainedBins: number;
  private readonly store: BlockStore | null;
  private readonly blocks: (Float64Array | null)[] = [];
  private readonly heads = new WeakMap<Float64Array, Float64Array>();
  private spare: Float64Array | null = null;
  private bins = 0;
  private firstBlock = 0;
  /** Blocks before this one have been handed out; `copied` have been replaced by a copy since. */
  private shared = 0;
  private readonly copied = new Set<number>();

  constructor(width: number, options: HistoryOptions = {}) {
    this.width = width;
    this.retainedBins = options.retainedBins ?? Number.POSITIVE_INFINITY;
    this.store = options.store ?? null;
  }

  /** Bins appended so far. */
  get length(): number {
    return this.bins;
  }

  /** Oldest bin in memory. */
  get firstBin(): number {
    return this.firstBlock * BLOCK_BINS;
  }

  /** Oldest bin that can be read, from memory or from the store. */
  get firstReadableBin(): number {
    return this.store === null ? this.firstBin : 0;
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

  /** Replaces a bin in memory. */
  replace(bin: number, row: Float64Array): void {
    const block = Math.floor(bin / BLOCK_BINS);
    if (block < this.shared && !this.copied.has(block)) {
      const own = newBlock(this.width);
      own.set(this.blockOf(bin));
      this.blocks[block] = own;
      this.copied.add(block);
    }
    this.blockOf(bin).set(row.subarray(0, this.width), (bin % BLOCK_BINS) * this.width);
  }

  value(bin: number, column: number): number {
    return this.blockOf(bin)[(bin % BLOCK_BINS) * this.width + column]!;
  }

  /** A view of one bin in memory; it must not be kept across appends when bins are dropped. */
  row(bin: number): Float64Array {
    const start = (bin % BLOCK_BINS) * this.width;
    return this.blockOf(bin).subarray(start, start + this.width);
  }

  /** One bin, from memory or from the store; like `row` not to be kept. Null when it is gone. */
  readRow(bin: number): Float64Array | null {
    if (bin < this.firstReadableBin || bin >= this.bins) return null;
    const start = (bin % BLOCK_BINS) * this.width;
    return this.readBlock(Math.floor(bin / BLOCK_BINS)).subarray(start, start + this.width);
  }

  /** Copy of one column over all bins that can be read. */
  column(column: number): Float64Array {
    return this.columns([column])[0]!;
  }

  /** Copies of columns over all bins that can be read; each block is read once. */
  columns(columns: readonly number[]): readonly Float64Array[] {
    const read = (block: number): Float64Array => this.readBlock(block);
    return columnsOf(read, this.width, this.firstReadableBin, this.bins, columns);
  }

  /** All rows so far, without copying them. */
  share(): StoredRows {
    this.shared = this.blocks.length;
    this.copied.clear();
    return { width: this.width, bins: this.bins, blocks: [...this.blocks] };
  }

  private readBlock(block: number): Float64Array {
    const rows = this.blocks[block] ?? this.store?.read(block);
    invariant(rows, `block ${block} is in memory or stored`);
    return rows;
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
    invariant(block, `bin ${bin} is in memory (${this.firstBin} to ${this.bins - 1} are)`);
    return block;
  }

  private newBlock(): Float64Array {
    const block = this.spare ?? newBlock(this.width);
    this.spare = null;
    return block;
  }

  private dropOldest(): void {
    const oldest = this.blocks[this.firstBlock]!;
    this.store?.write(this.firstBlock, oldest);
    // A block that was handed out may still be read.
    this.spare = this.firstBlock < this.shared ? null : oldest;
    this.blocks[this.firstBlock] = null;
    this.firstBlock++;
  }
}

function newBlock(width: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(BLOCK_BINS * width * Float64Array.BYTES_PER_ELEMENT));
}

/** Copies of columns over all bins of shared rows. @param store has the blocks that are not among them */
export function columnsOfRows(
  rows: StoredRows,
  columns: readonly number[],
  store: Pick<BlockStore, "read"> | null,
): readonly Float64Array[] {
  const read = (block: number): Float64Array => {
    const known = rows.blocks[block] ?? store?.read(block);
    invariant(known, `block ${block} is shared or stored`);
    return known;
  };
  return columnsOf(read, rows.width, 0, rows.bins, columns);
}

function columnsOf(
  read: (block: number) => Float64Array,
  width: number,
  from: number,
  to: number,
  columns: readonly number[],
): readonly Float64Array[] {
  const copies = columns.map(() => new Float64Array(to - from));
  for (let start = from; start < to; start += BLOCK_BINS) {
    const rows = read(start / BLOCK_BINS);
    const bins = Math.min(BLOCK_BINS, to - start);
    columns.forEach((column, index) => {
      const copy = copies[index]!;
      for (let bin = 0; bin < bins; bin++) copy[start - from + bin] = rows[bin * width + column]!;
    });
  }
  return copies;
}
