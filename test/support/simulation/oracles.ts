import { analyseWindow } from "../../../src/analysis/batch-analysis.ts";
import { analyseLiveWindow } from "../../../src/analysis/batch-window-warnings.ts";
import { emptyView, foldEvent, type RunView } from "../../../src/client/run-view.ts";
import { batchOfPlan } from "../../../src/engine/batch-model.ts";
import { evaluateRouted } from "../../../src/engine/batch-router.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { cellToNumber, type Frame } from "../../../src/protocol/frame.ts";
import type { NumberedEvent, Warning } from "../../../src/protocol/run-event.ts";
import { compileRun } from "../../../src/runtime/compile-run.ts";
import { LiveRun } from "../../../src/runtime/live-run.ts";
import type { RunDefinition } from "../../../src/runtime/run-definition.ts";
import { topicSource } from "../../../src/runtime/topic-source.ts";
import type { SentLine } from "./frame-source.ts";
import type { WrittenBatch } from "./mortal-log-store.ts";

/** History that views keep for comparison. */
export const VIEW_BINS = 1_000;

/** What a subscriber believes, as text: equal beliefs, equal texts. */
export function beliefOf({ seq, epoch, sealedBin, startUtc, hash, nodes, edges, warnings }: RunView): string {
  const sorted = [...warnings.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  return JSON.stringify({ seq, epoch, sealedBin, startUtc, hash, nodes, edges, warnings: sorted });
}

/**
 * The law of replay as an oracle: a run that nothing ever interrupts, folded from the batches as they reached the disk.
 * It knows what a subscriber must believe at every position of the stream.
 */
export class ReplayOracle {
  readonly run: LiveRun;
  readonly #beliefs: string[] = [];
  #view: RunView;

  constructor(definition: RunDefinition) {
    this.run = new LiveRun(definition, compileRun(definition.modelText, definition.bindings));
    const { run } = this;
    const source = topicSource(run, () => ({ state: run.state, lagMs: null, standing: run }));
    const { begin, end } = source.snapshot();
    const start = [
      { event: "hello", data: { ...source.hello(), firstRetainedSeq: 1 } },
      { event: "snapshot-begin", data: begin },
      { event: "snapshot-end", data: end },
    ] as const;
    this.#view = start.reduce<RunView>(foldEvent, emptyView({ historyBins: VIEW_BINS }));
    this.#beliefs.push(beliefOf(this.#view));
  }

  beliefAt(seq: number): string | undefined {
    return this.#beliefs[seq];
  }

  take({ records, mark }: WrittenBatch): void {
    this.settle();
    const { run } = this;
    if (run.hash(mark.sealedBin) !== mark.hash) throw new Error(`the log's mark at bin ${mark.sealedBin} is another`);
    run.begin();
    for (const text of records) {
      const record = JSON.parse(text) as
        | Frame
        | { type: "checkpoint"; snapshotRunId: string; sealedBin: number; path: string };
      if (record.type === "checkpoint") {
        this.settle();
        this.#fold(run.recordCheckpoint(record));
      } else run.admit(record);
    }
    run.commit();
  }

  /** Evaluates all that is sealed. */
  settle(): void {
    for (let event = this.run.evaluateNext(); event !== null; event = this.run.evaluateNext()) this.#fold(event);
  }

  #fold(event: NumberedEvent): void {
    this.#view = foldEvent(this.#view, event);
    if (this.#view.fault !== null) throw new Error(`the run's own events do not fit: ${this.#view.fault.message}`);
    this.#beliefs.push(beliefOf(this.#view));
    if (this.#view.seq !== this.#beliefs.length - 1) throw new Error(`event ${this.#view.seq} out of order`);
  }
}

/** What a run must come to, computed from nothing but the cells that were taken: the batch engine, whole series at a time. */
export class BatchOracle {
  readonly #cells = new Map<string, { readonly value: number; readonly revision: number }>();

  /** Takes what a line states; of a line that was a duplicate nothing is new. */
  take({ cells }: SentLine): void {
    for (const { seriesId, bin, value, revision } of cells) {
      const key = `${seriesId}/${bin}`;
      const held = this.#cells.get(key);
      if (held === undefined || revision > held.revision) {
        this.#cells.set(key, { value: cellToNumber(value), revision });
      }
    }
  }

  /** Bins in which telemetry of a series is missing. */
  gaps(name: string, bins: number): readonly number[] {
    return Array.from({ length: bins }, (_, bin) => bin).filter((bin) => !this.#cells.has(`${name}/${bin}`));
  }

  /** Series by column id, and the warnings; null where classes make later bins decide about earlier ones. */
  runOf(
    plan: Plan,
    bins: number,
  ): { readonly series: ReadonlyMap<string, Float64Array>; warnings: readonly Warning[] | null } {
    const cell = (seriesId: string, bin: number) => this.#cells.get(`${seriesId}/${bin}`)?.value ?? Number.NaN;
    const { totals } = evaluateRouted(batchOfPlan(plan), bins, cell);
    if (plan.classSeries.length + plan.edgeSeries.length > 0) return { series: totals, warnings: null };
    const columns = (column: number): Float64Array => totals.get(plan.columns[column]!.id)!;
    const warnings = [...analyseWindow(plan, columns, bins), ...analyseLiveWindow(plan, columns, bins)];
    return { series: totals, warnings };
  }
}
