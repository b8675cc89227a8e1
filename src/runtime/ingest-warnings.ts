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

/** Published with the first bin that is newer than `sealedBin`, the newest sealed one when it was taken. */
type Note = { readonly sealedBin: number } & (
  | { readonly kind: "late"; readonly bin: number | null }
  | { readonly kind: "idle" | "heard"; readonly inputs: readonly number[] }
);

/**
 * What went wrong on the way in, as warnings: `data_gap` per series whose telemetry was missing when a bin was sealed,
 * `late_frame` for frames that came after their bin was sealed, `idle_input` for inputs that the run does not wait for. They travel with the stream and the telemetry manifest;
 * they are not part of `run.json`, which a batch run over the same values must equal.
 */
export class IngestWarnings {
  private readonly plan: Plan;
  private gaps: readonly Gap[];
  private readonly late: { bins: number[]; count: number } = { bins: [], count: 0 };
  /** First bin that did not wait for it, by input. */
  private readonly idle = new Map<number, number>();
  private pending: Note[] = [];
  private staged: Note[] = [];

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
    this.staged.push({ kind: "late", sealedBin, bin });
  }

  /** @param sealedBin newest sealed bin before that was decided */
  addIdle(inputs: readonly number[], sealedBin: number): void {
    this.staged.push({ kind: "idle", sealedBin, inputs });
  }

  /** Idle inputs that were heard again. */
  addHeard(inputs: readonly number[], sealedBin: number): void {
    this.staged.push({ kind: "heard", sealedBin, inputs });
  }

  /** Updates that belong to a bin that has just been evaluated. */
  seal(cells: SealedCells): WarningUpdate[] {
    const updates: WarningUpdate[] = [];
    const due = this.pending.filter((note) => note.sealedBin < cells.bin);
    this.pending = this.pending.slice(due.length);
    const late = due.filter((note) => note.kind === "late");
    if (late.length > 0) {
      const action = this.late.count === 0 ? "raised" : "updated";
      for (const { bin } of late) {
        this.late.count++;
        if (bin !== null && this.late.bins.length < LISTED_BINS && !this.late.bins.includes(bin))
          this.late.bins.push(bin);
      }
      updates.push({ action, warning: this.lateWarning() });
    }
    return [...updates, ...this.sealIdle(cells.bin, due), ...this.sealGaps(cells)];
  }

  private sealIdle(bin: number, due: readonly Note[]): WarningUpdate[] {
    if (due.length === 0) return [];
    const before = new Set(this.idle.keys());
    for (const note of due) {
      if (note.kind === "idle") for (const input of note.inputs) this.idle.set(input, bin);
      else if (note.kind === "heard") for (const input of note.inputs) this.idle.delete(input);
    }
    const raised = [...this.idle.keys()].filter((input) => !before.has(input));
    const cleared = [...before].filter((input) => !this.idle.has(input));
    return [
      ...raised.map((input) => ({ action: "raised" as const, warning: this.idleWarning(input) })),
      ...cleared.map((input) => ({ action: "cleared" as const, key: this.idleWarning(input).key })),
    ];
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
    const idle = [...this.idle.keys()].map((input) => this.idleWarning(input));
    return [...(this.late.count === 0 ? [] : [this.lateWarning()]), ...idle, ...gaps];
  }

  private gapWarning(input: number): Warning {
    const { bins, count, last } = this.gaps[input]!;
    const { name, nodeId, what } = this.describe(input);
    return {
      key: `data_gap:${name}`,
      code: "data_gap",
      nodeId,
      message: `No telemetry for ${what} in ${count === 1 ? `bin ${last}` : `${count} bins, newest ${last}`}`,
      severity: "warning",
      bins: [...bins],
      value: count,
    };
  }

  private idleWarning(input: number): Warning {
    const bin = this.idle.get(input) ?? -1;
    const { name, nodeId, what } = this.describe(input);
    return {
      key: `idle_input:${name}`,
      code: "idle_input",
      nodeId,
      message: `${what} is silent: since bin ${bin} no bin waits for it, until it is heard again`,
      severity: "warning",
      bins: [bin],
      value: null,
    };
  }

  private describe(input: number): { readonly name: string; readonly nodeId: string; readonly what: string } {
    const series = this.plan.bound[input]!;
    const { seriesId, classId, feeds } = series;
    const feed = feeds[0];
    const ofClass = classId === null ? "" : ` of class '${classId}'`;
    return {
      name: inputName(series),
      nodeId: feed?.nodeId ?? seriesId,
      what: `${feed === undefined ? `series '${seriesId}'` : `${feed.nodeId} ${feed.role}`}${ofClass}`,
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
