import { inputName, type Plan } from "../model/plan.ts";
import type { Frame } from "../protocol/frame.ts";
import type { Warning, WarningUpdate } from "../protocol/run-event.ts";
import type { SealedCells } from "./cell-ledger.ts";

/** Bins a warning lists: enough to look the first ones up; FlowTime's own number. */
const LISTED_BINS = 5;

/** Missing telemetry of one input so far. */
interface Gap {
  readonly bins: readonly number[];
  readonly count: number;
  readonly last: number;
}

/** Gaps by input, for going back to. */
export type GapState = readonly Gap[];

const NO_GAP: Gap = { bins: [], count: 0, last: -1 };

interface LateNote {
  /** Newest sealed bin when the frame came: the note is published with the next one. */
  readonly sealedBin: number;
  readonly bin: number | null;
}

/**
 * What went wrong on the way in, as warnings: `data_gap` per series whose telemetry was missing when a bin was sealed,
 * `late_frame` for frames that came after their bin was sealed. They travel with the stream and the telemetry manifest;
 * they are not part of `run.json`, which a batch run over the same values must equal.
 */
export class IngestWarnings {
  private readonly plan: Plan;
  private gaps: readonly Gap[];
  private readonly late: { bins: number[]; count: number } = { bins: [], count: 0 };
  private pending: LateNote[] = [];
  private staged: LateNote[] = [];

  constructor(plan: Plan) {
    this.plan = plan;
    this.gaps = plan.bound.map(() => NO_GAP);
  }

  begin(): void {
    this.staged = [];
  }

  commit(): void {
    this.pending.push(...this.staged);
    this.staged = [];
  }

  rollback(): void {
    this.staged = [];
  }

  addLate(frame: Frame, sealedBin: number): void {
    const bin = frame.type === "telemetry" ? (frame.binIndex ?? null) : null;
    this.staged.push({ sealedBin, bin });
  }

  /** Updates that belong to a bin that has just been evaluated. */
  seal(cells: SealedCells): WarningUpdate[] {
    const updates: WarningUpdate[] = [];
    const due = this.pending.filter((note) => note.sealedBin < cells.bin);
    if (due.length > 0) {
      this.pending = this.pending.slice(due.length);
      const action = this.late.count === 0 ? "raised" : "updated";
      for (const { bin } of due) {
        this.late.count++;
        if (bin !== null && this.late.bins.length < LISTED_BINS && !this.late.bins.includes(bin))
          this.late.bins.push(bin);
      }
      updates.push({ action, warning: this.lateWarning() });
    }
    return [...updates, ...this.sealGaps(cells)];
  }

  /** The part of `seal` that a bin has again when it is evaluated again. */
  sealGaps(cells: SealedCells): WarningUpdate[] {
    const missing = [...cells.present.keys()].filter((input) => cells.present[input] !== 1);
    if (missing.length === 0) return [];
    const before = this.gaps;
    this.gaps = before.map((gap, input) => {
      if (cells.present[input] === 1) return gap;
      const bins = gap.bins.length < LISTED_BINS ? [...gap.bins, cells.bin] : gap.bins;
      return { bins, count: gap.count + 1, last: cells.bin };
    });
    return missing.map((input) => ({
      action: before[input]!.count === 0 ? "raised" : "updated",
      warning: this.gapWarning(input),
    }));
  }

  saveGaps(): GapState {
    return this.gaps;
  }

  restoreGaps(gaps: GapState): void {
    this.gaps = gaps;
  }

  active(): readonly Warning[] {
    const gaps = this.gaps.flatMap((gap, input) => (gap.count === 0 ? [] : [this.gapWarning(input)]));
    return this.late.count === 0 ? gaps : [this.lateWarning(), ...gaps];
  }

  private gapWarning(input: number): Warning {
    const series = this.plan.bound[input]!;
    const { seriesId, classId, feeds } = series;
    const { bins, count, last } = this.gaps[input]!;
    const feed = feeds[0];
    const ofClass = classId === null ? "" : ` of class '${classId}'`;
    const what = `${feed === undefined ? `series '${seriesId}'` : `${feed.nodeId} ${feed.role}`}${ofClass}`;
    return {
      key: `data_gap:${inputName(series)}`,
      code: "data_gap",
      nodeId: feed?.nodeId ?? seriesId,
      message: `No telemetry for ${what} in ${count === 1 ? `bin ${last}` : `${count} bins, newest ${last}`}`,
      severity: "warning",
      bins: [...bins],
      value: count,
    };
  }

  private lateWarning(): Warning {
    const { bins, count } = this.late;
    return {
      key: "late_frame",
      code: "late_frame",
      nodeId: null,
      message: `${count === 1 ? "1 frame" : `${count} frames`} came after the bin was sealed and had no effect`,
      severity: "warning",
      bins: [...bins].sort((a, b) => a - b),
      value: count,
    };
  }
}
