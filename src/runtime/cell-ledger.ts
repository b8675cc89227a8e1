import { invariant } from "../lib/assert.ts";
import type { AdjustFrame, Frame, FrameErrorCode, TelemetryFrame } from "../protocol/frame.ts";
import type { LatePolicy } from "../protocol/run.ts";
import type { SealedBy } from "../protocol/run-event.ts";
import { CellJournal, type HeldCells } from "./cell-journal.ts";
import type { ControlRecord } from "./control-record.ts";
import type { Cell, InputDirectory, Refusal } from "./input-directory.ts";

/** Bins that may be open at once: room for producers that run ahead of each other, bounded memory. */
export const DEFAULT_MAX_OPEN_BINS = 64;

/** The telemetry of a bin once it is sealed: input `i` has a cell where `present[i]` is 1; elsewhere the gap policy says what stands in. */
export interface SealedCells extends Readonly<HeldCells> {
  readonly bin: number;
  readonly sealedBy: SealedBy;
}

export interface LedgerOptions {
  /** Default `DEFAULT_MAX_OPEN_BINS`. */
  readonly maxOpenBins?: number;
  /** What becomes of other values for a sealed bin. Default `reject`. */
  readonly latePolicy?: LatePolicy;
  /** Newest sealed bins whose cells are held to tell duplicates from corrections. Default: all. */
  readonly historyBins?: number;
}

export type Verdict =
  | { readonly kind: "accepted" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "late" | "rejected"; readonly code: FrameErrorCode; readonly message: string };

interface Marks {
  /** Newest bin known to be complete. */
  readonly watermark: number;
  /** Newest bin named by an accepted frame. */
  readonly newest: number;
  readonly hasEnded: boolean;
  readonly isAborted: boolean;
}

const ACCEPTED: Verdict = { kind: "accepted" };
const DUPLICATE: Verdict = { kind: "duplicate" };

/**
 * Decides what becomes of every frame of a run, and when a bin is sealed (design §4). A pure fold over frames in log
 * order, so a replay decides the same.
 *
 * Between `begin` and `commit` everything can be undone by `rollback`: a batch that cannot be written to the log leaves
 * no trace. Bins seal strictly in order: when every input has its cell, when a watermark covers them,
 * when they have waited long enough, when only idle inputs are missing, or at the end.
 */
export class CellLedger {
  private readonly directory: InputDirectory;
  private readonly inputs: readonly string[];
  private readonly horizon: number;
  private readonly maxOpenBins: number;
  private readonly latePolicy: LatePolicy;
  private readonly historyBins: number;
  private readonly open = new Map<number, HeldCells>();
  private readonly sealed: (SealedCells | null)[] = [];
  private firstHeld = 0;
  private corrected: number | null = null;
  /** Inputs that no bin waits for; 0 and 1. */
  private readonly idle: Uint8Array;
  private idleCount = 0;
  /** Idle inputs that the last frame has woken. */
  private woken: number[] = [];
  /** Inputs heard since somebody asked. Not undone: who was heard was heard. */
  private readonly heard: Uint8Array;
  private sealedCount = 0;
  private marks: Marks = { watermark: -1, newest: -1, hasEnded: false, isAborted: false };
  /** How it all stood at `begin`; of what a group changes seldom there are steps back instead, of cells a journal. */
  private before: { readonly marks: Marks; readonly corrected: number | null };
  private undo: (() => void)[] = [];
  private readonly journal = new CellJournal();

  /**
   * @param inputs series ids of the plan's inputs, in order
   * @param horizon bins of the grid
   */
  constructor(directory: InputDirectory, inputs: readonly string[], horizon: number, options: LedgerOptions = {}) {
    this.directory = directory;
    this.inputs = inputs;
    this.idle = new Uint8Array(inputs.length);
    this.heard = new Uint8Array(inputs.length);
    this.horizon = horizon;
    this.maxOpenBins = options.maxOpenBins ?? DEFAULT_MAX_OPEN_BINS;
    this.latePolicy = options.latePolicy ?? "reject";
    this.historyBins = options.historyBins ?? Number.POSITIVE_INFINITY;
    this.before = { marks: this.marks, corrected: this.corrected };
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

  /** The run ended because it was told to. */
  get aborted(): boolean {
    return this.marks.isAborted;
  }

  /** Bins that hold cells and are not sealed, in no order. */
  get openBinIndexes(): readonly number[] {
    return [...this.open.keys()];
  }

  /** Inputs without a cell in the oldest bin that is not sealed, idle ones left out. */
  get awaitedInputs(): readonly number[] {
    const present = this.open.get(this.sealedCount)?.present;
    return [...this.inputs.keys()].filter((input) => present?.[input] !== 1 && this.idle[input] === 0);
  }

  /** Inputs that nobody waits for, by name. */
  get idleInputs(): readonly string[] {
    return this.inputs.filter((_, input) => this.idle[input] === 1);
  }

  takeHeard(): readonly number[] {
    const heard = [...this.heard.keys()].filter((input) => this.heard[input] === 1);
    this.heard.fill(0);
    return heard;
  }

  /** Idle inputs that the frame just admitted has woken. */
  takeWoken(): readonly number[] {
    if (this.woken.length === 0) return this.woken;
    const { woken } = this;
    this.woken = [];
    return woken;
  }

  /** Oldest bin whose cells a frame can still be compared with. */
  get oldestCorrectable(): number {
    return Math.max(0, this.sealedCount - this.historyBins);
  }

  /** Cells of a sealed bin that is held. */
  cells(bin: number): SealedCells {
    const cells = this.sealed[bin];
    invariant(cells, `the cells of bin ${bin} are held (${this.firstHeld} to ${this.sealedBin} are)`);
    return cells;
  }

  /** Whether a sealed bin lacked the cell of an input; false of a bin that is no longer held. */
  isMissing(bin: number, input: number): boolean {
    return this.sealed[bin]?.present[input] === 0;
  }

  /** Lets the cells of older bins go. @param bin at most `oldestCorrectable` */
  forgetBefore(bin: number): void {
    for (; this.firstHeld < bin; this.firstHeld++) this.sealed[this.firstHeld] = null;
  }

  /** The oldest sealed bin that was corrected since the last call; null when none was. */
  takeCorrected(): number | null {
    const { corrected } = this;
    this.corrected = null;
    return corrected;
  }

  begin(): void {
    this.before = { marks: this.marks, corrected: this.corrected };
    this.undo = [];
    this.journal.clear();
  }

  commit(): void {
    this.begin();
  }

  rollback(): void {
    this.journal.putBack();
    for (const step of this.undo.reverse()) step();
    this.undo = [];
    this.marks = this.before.marks;
    this.corrected = this.before.corrected;
  }

  admit(frame: Exclude<Frame, AdjustFrame>): Verdict {
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

  /** What the engine decided itself. A decision that changes nothing is a duplicate. */
  decide(record: ControlRecord): Verdict {
    if (this.marks.hasEnded) return this.marks.isAborted && record.type === "abort" ? DUPLICATE : ENDED;
    switch (record.type) {
      case "seal":
        if (record.binIndex <= this.sealedBin) return DUPLICATE;
        this.sealThrough(record.binIndex, "timeout");
        this.sealWhatIsReady();
        return ACCEPTED;
      case "idle": {
        const inputs = record.inputs.map((name) => this.inputs.indexOf(name));
        const awake = inputs.filter((input) => input >= 0 && this.idle[input] === 0);
        if (awake.length === 0) return DUPLICATE;
        for (const input of awake) this.setIdle(input, 1);
        this.sealWhatIsReady();
        return ACCEPTED;
      }
      case "abort":
        this.mark({ hasEnded: true, isAborted: true });
        this.dropOpenBins();
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
    if (bin <= this.sealedBin) return this.heardFrom(cells, this.admitLate(bin, cells, frame.revision ?? 0));
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

  /**
   * Whoever sends what goes into the log is heard, also when it comes too late: else an input that is a little behind would be
   * left out for ever.
   */
  private heardFrom(cells: readonly Cell[], verdict: Verdict): Verdict {
    if (verdict.kind === "accepted" || verdict.kind === "late") this.hear(cells);
    return verdict;
  }

  private admitLate(bin: number, cells: readonly Cell[], revision: number): Verdict {
    const isRevised = this.latePolicy === "revise";
    const oldest = this.oldestCorrectable;
    if (bin < oldest) {
      return {
        kind: "late",
        code: isRevised ? "too_late" : "late",
        message: `Bin ${bin} has left the history, whose oldest bin is ${oldest}; the frame has no effect.`,
      };
    }
    const sealed = this.cells(bin);
    const { values, present } = sealed;
    if (cells.every(({ input, value }) => present[input] === 1 && Object.is(values[input], value))) return DUPLICATE;
    if (isRevised && this.marks.hasEnded) return ENDED;
    if (!isRevised) {
      return {
        kind: "late",
        code: "late",
        message: `Bin ${bin} is sealed (newest sealed: ${this.sealedBin}); the frame has no effect.`,
      };
    }
    const changes = this.changesTo(bin, sealed, cells, revision);
    if (!Array.isArray(changes)) return changes as Verdict;
    this.corrected = Math.min(this.corrected ?? bin, bin);
    this.fill(sealed, changes, revision);
    return ACCEPTED;
  }

  private admitOpen(bin: number, cells: readonly Cell[], revision: number): Verdict {
    const openBin = this.open.get(bin) ?? this.newOpenBin();
    const changes = this.changesTo(bin, openBin, cells, revision);
    if (!Array.isArray(changes)) return changes as Verdict;
    if (changes.length === 0) return DUPLICATE;
    this.hear(cells);
    this.put(bin, openBin, changes, revision);
    if (bin > this.marks.newest) this.mark({ newest: bin });
    this.sealWhatIsReady();
    return ACCEPTED;
  }

  /** The cells that a frame fills or replaces, or why it must not. */
  private changesTo(
    bin: number,
    held: Readonly<HeldCells>,
    cells: readonly Cell[],
    revision: number,
  ): readonly Cell[] | Verdict {
    let changes = 0;
    for (const { input, value } of cells) {
      const heldRevision = held.revisions[input]!;
      if (held.present[input] === 0 || revision > heldRevision) {
        changes++;
      } else if (!Object.is(held.values[input], value)) {
        return rejected({
          code: "conflict",
          message:
            `Series '${this.inputs[input]}' in bin ${bin} is already ${held.values[input]} (revision ${heldRevision}); ` +
            `${value} with revision ${revision} is refused. A higher revision would replace it.`,
        });
      }
    }
    if (changes === cells.length) return cells;
    return cells.filter(({ input }) => held.present[input] === 0 || revision > held.revisions[input]!);
  }

  private newOpenBin(): HeldCells {
    const size = this.inputs.length;
    const values = new Float64Array(size).fill(Number.NaN);
    return { values, present: new Uint8Array(size), revisions: new Int32Array(size), missing: size };
  }

  private put(bin: number, openBin: HeldCells, cells: readonly Cell[], revision: number): void {
    if (!this.open.has(bin)) {
      this.open.set(bin, openBin);
      this.undo.push(() => this.open.delete(bin));
    }
    this.fill(openBin, cells, revision);
  }

  private fill(held: HeldCells, cells: readonly Cell[], revision: number): void {
    for (const { input, value } of cells) {
      this.journal.note(held, input);
      if (held.present[input] === 0) held.missing--;
      held.values[input] = value;
      held.present[input] = 1;
      held.revisions[input] = revision;
    }
  }

  private hear(cells: readonly Cell[]): void {
    for (const { input } of cells) {
      this.heard[input] = 1;
      if (this.idle[input] === 0) continue;
      this.setIdle(input, 0);
      this.woken.push(input);
    }
  }

  private setIdle(input: number, value: 0 | 1): void {
    const change = value === 1 ? 1 : -1;
    this.idle[input] = value;
    this.idleCount += change;
    this.undo.push(() => {
      this.idle[input] = 1 - value;
      this.idleCount -= change;
    });
  }

  private dropOpenBins(): void {
    for (const [bin, openBin] of [...this.open]) {
      this.open.delete(bin);
      this.undo.push(() => this.open.set(bin, openBin));
    }
  }

  private sealWhatIsReady(): void {
    for (;;) {
      const bin = this.sealedCount;
      if (bin >= this.horizon) break;
      const openBin = this.open.get(bin);
      const isComplete = openBin?.missing === 0;
      const isCovered = bin <= this.marks.watermark;
      if (!isComplete && !isCovered && !this.lacksIdleOnly(openBin)) return;
      this.seal(bin, isComplete ? "complete" : isCovered ? "watermark" : "idle");
    }
    this.mark({ hasEnded: true });
  }

  /** Whether a bin has cells and waits for idle inputs only. */
  private lacksIdleOnly(openBin: HeldCells | undefined): boolean {
    if (openBin === undefined || this.idleCount === 0) return false;
    return openBin.present.every((isThere, input) => isThere === 1 || this.idle[input] === 1);
  }

  private sealThrough(last: number, sealedBy: SealedBy): void {
    while (this.sealedBin < last) {
      const bin = this.sealedCount;
      this.seal(bin, this.open.get(bin)?.missing === 0 ? "complete" : sealedBy);
    }
  }

  private seal(bin: number, sealedBy: SealedBy): void {
    const openBin = this.open.get(bin);
    this.open.delete(bin);
    this.sealed.push({ bin, sealedBy, ...(openBin ?? this.newOpenBin()) });
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
    this.marks = { ...this.marks, ...change };
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
