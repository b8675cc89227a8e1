import type { Frame, FrameErrorCode, TelemetryFrame } from "../protocol/frame.ts";
import type { Cell, InputDirectory, Refusal } from "./input-directory.ts";

/** Bins that may be open at once: room for producers that run ahead of each other, bounded memory. */
export const DEFAULT_MAX_OPEN_BINS = 64;

export type SealedBy = "complete" | "watermark" | "end" | "model";

/** The telemetry of a bin once it is sealed: input `i` has a cell where `present[i]` is 1, else the value is NaN. */
export interface SealedCells {
  readonly bin: number;
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly sealedBy: SealedBy;
}

export type Verdict =
  | { readonly kind: "accepted" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "late" | "rejected"; readonly code: FrameErrorCode; readonly message: string };

interface OpenBin {
  readonly values: Float64Array;
  readonly present: Uint8Array;
  readonly revisions: Int32Array;
  missing: number;
}

interface Marks {
  /** Newest bin known to be complete. */
  readonly watermark: number;
  /** Newest bin named by an accepted frame. */
  readonly newest: number;
  readonly hasEnded: boolean;
}

const ACCEPTED: Verdict = { kind: "accepted" };
const DUPLICATE: Verdict = { kind: "duplicate" };

/**
 * Decides what becomes of every frame of a run, and when a bin is sealed (design §4). A pure fold over frames in log
 * order, so a replay decides the same.
 *
 * Between `begin` and `commit` everything can be undone by `rollback`: a batch that cannot be written to the log leaves
 * no trace. Bins seal strictly in order: when every input has its cell, when a watermark covers them, or at the end.
 */
export class CellLedger {
  private readonly directory: InputDirectory;
  private readonly inputs: readonly string[];
  private readonly horizon: number;
  private readonly maxOpenBins: number;
  private readonly open = new Map<number, OpenBin>();
  private readonly sealed: SealedCells[] = [];
  private sealedCount = 0;
  private marks: Marks = { watermark: -1, newest: -1, hasEnded: false };
  private undo: (() => void)[] = [];

  /**
   * @param inputs series ids of the plan's inputs, in order
   * @param horizon bins of the grid
   */
  constructor(
    directory: InputDirectory,
    inputs: readonly string[],
    horizon: number,
    maxOpenBins = DEFAULT_MAX_OPEN_BINS,
  ) {
    this.directory = directory;
    this.inputs = inputs;
    this.horizon = horizon;
    this.maxOpenBins = maxOpenBins;
  }

  /** Newest sealed bin, -1 before the first. */
  get sealedBin(): number {
    return this.sealedCount - 1;
  }

  /** Bins that hold cells and are not sealed. */
  get openBins(): number {
    return this.open.size;
  }

  /** Newest bin that any accepted frame named, -1 before the first. */
  get newestBin(): number {
    return this.marks.newest;
  }

  /** No frame can change anything any more: the horizon is reached or an end frame came. */
  get ended(): boolean {
    return this.marks.hasEnded;
  }

  /** Cells of a sealed bin. */
  cells(bin: number): SealedCells {
    return this.sealed[bin]!;
  }

  begin(): void {
    this.undo = [];
  }

  commit(): void {
    this.undo = [];
  }

  rollback(): void {
    for (const step of this.undo.reverse()) step();
    this.undo = [];
  }

  admit(frame: Frame): Verdict {
    switch (frame.type) {
      case "telemetry":
        return this.admitTelemetry(frame);
      case "watermark": {
        const bin = this.directory.binOf(frame);
        if (typeof bin !== "number") return rejected(bin);
        const upTo = Math.min(bin, this.horizon - 1);
        if (upTo <= this.marks.watermark || upTo <= this.sealedBin) return DUPLICATE;
        if (this.marks.hasEnded) return ENDED;
        this.mark({ watermark: upTo });
        this.mark({ newest: Math.max(this.marks.newest, upTo) });
        this.sealWhatIsReady();
        return ACCEPTED;
      }
      case "end":
        if (this.marks.hasEnded) return DUPLICATE;
        this.sealThrough(Math.max(this.marks.newest, this.marks.watermark), "end");
        this.mark({ hasEnded: true });
        return ACCEPTED;
    }
  }

  /** Seals every bin of the grid at once: the run of a model that needs no telemetry. */
  sealAllByModel(): void {
    this.sealThrough(this.horizon - 1, "model");
    this.mark({ hasEnded: true });
  }

  private admitTelemetry(frame: TelemetryFrame): Verdict {
    const bin = this.directory.binOf(frame);
    if (typeof bin !== "number") return rejected(bin);
    const cells = this.directory.cellsOf(frame);
    if (!Array.isArray(cells)) return rejected(cells as Refusal);
    if (bin <= this.sealedBin) return this.admitLate(bin, cells);
    if (this.marks.hasEnded) return ENDED;
    if (bin >= this.horizon) {
      return rejected({ code: "beyond_horizon", message: `Bin ${bin} is beyond the grid's ${this.horizon} bins.` });
    }
    if (bin > this.sealedBin + this.maxOpenBins) {
      const waiting = this.sealedBin + 1;
      return rejected({
        code: "beyond_horizon",
        message:
          `Bin ${bin} is more than ${this.maxOpenBins} bins ahead of bin ${waiting}, which still waits for ` +
          `${this.missingOf(waiting)}. Send that telemetry or a watermark first.`,
      });
    }
    return this.admitOpen(bin, cells, frame.revision ?? 0);
  }

  private admitLate(bin: number, cells: readonly Cell[]): Verdict {
    const { values, present } = this.sealed[bin]!;
    if (cells.every(({ input, value }) => present[input] === 1 && Object.is(values[input], value))) return DUPLICATE;
    return {
      kind: "late",
      code: "late",
      message: `Bin ${bin} is sealed (newest sealed: ${this.sealedBin}); the frame has no effect.`,
    };
  }

  private admitOpen(bin: number, cells: readonly Cell[], revision: number): Verdict {
    const openBin = this.open.get(bin) ?? this.newOpenBin();
    const changes: Cell[] = [];
    for (const cell of cells) {
      const { input, value } = cell;
      if (openBin.present[input] === 0) {
        changes.push(cell);
        continue;
      }
      const heldRevision = openBin.revisions[input]!;
      if (revision > heldRevision) {
        changes.push(cell);
      } else if (!Object.is(openBin.values[input], value)) {
        const held = openBin.values[input];
        return rejected({
          code: "conflict",
          message:
            `Series '${this.inputs[input]}' in bin ${bin} is already ${held} (revision ${heldRevision}); ` +
            `${value} with revision ${revision} is refused. A higher revision would replace it.`,
        });
      }
    }
    if (changes.length === 0) return DUPLICATE;
    this.put(bin, openBin, changes, revision);
    this.mark({ newest: Math.max(this.marks.newest, bin) });
    this.sealWhatIsReady();
    return ACCEPTED;
  }

  private newOpenBin(): OpenBin {
    const size = this.inputs.length;
    const values = new Float64Array(size).fill(Number.NaN);
    return { values, present: new Uint8Array(size), revisions: new Int32Array(size), missing: size };
  }

  private put(bin: number, openBin: OpenBin, cells: readonly Cell[], revision: number): void {
    if (!this.open.has(bin)) {
      this.open.set(bin, openBin);
      this.undo.push(() => this.open.delete(bin));
    }
    for (const { input, value } of cells) {
      const before = [
        openBin.values[input]!,
        openBin.present[input]!,
        openBin.revisions[input]!,
        openBin.missing,
      ] as const;
      this.undo.push(() => {
        [openBin.values[input], openBin.present[input], openBin.revisions[input], openBin.missing] = before;
      });
      if (openBin.present[input] === 0) openBin.missing--;
      openBin.values[input] = value;
      openBin.present[input] = 1;
      openBin.revisions[input] = revision;
    }
  }

  private sealWhatIsReady(): void {
    for (;;) {
      const bin = this.sealedCount;
      if (bin >= this.horizon) break;
      const isComplete = this.open.get(bin)?.missing === 0;
      if (!isComplete && bin > this.marks.watermark) return;
      this.seal(bin, isComplete ? "complete" : "watermark");
    }
    this.mark({ hasEnded: true });
  }

  private sealThrough(last: number, sealedBy: SealedBy): void {
    while (this.sealedBin < last) {
      const bin = this.sealedCount;
      this.seal(bin, this.open.get(bin)?.missing === 0 ? "complete" : sealedBy);
    }
  }

  private seal(bin: number, sealedBy: SealedBy): void {
    const openBin = this.open.get(bin);
    const { values, present } = openBin ?? this.newOpenBin();
    this.open.delete(bin);
    this.sealed.push({ bin, values, present, sealedBy });
    this.sealedCount++;
    this.undo.push(() => {
      this.sealedCount--;
      this.sealed.pop();
      if (openBin !== undefined) this.open.set(bin, openBin);
    });
  }

  private missingOf(bin: number): string {
    const present = this.open.get(bin)?.present;
    const missing = this.inputs.filter((_, input) => present?.[input] !== 1);
    return missing.length <= 3
      ? missing.join(", ")
      : `${missing.slice(0, 3).join(", ")} and ${missing.length - 3} more`;
  }

  private mark(change: Partial<Marks>): void {
    const before = this.marks;
    this.undo.push(() => {
      this.marks = before;
    });
    this.marks = { ...before, ...change };
  }
}

const ENDED: Verdict = {
  kind: "rejected",
  code: "run_ended",
  message: "The run has ended; it takes no more telemetry.",
};

function rejected(refusal: Refusal): Verdict {
  return { kind: "rejected", ...refusal };
}
