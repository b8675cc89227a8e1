import { type ExplainRequest, type Explanation, explainSeries } from "../analysis/explain/explain.ts";
import { type BlockStore, History } from "../engine/history.ts";
import { invariant } from "../lib/assert.ts";
import { FlowError } from "../lib/errors.ts";
import { inputName, type Plan } from "../model/plan.ts";
import type { Frame } from "../protocol/frame.ts";
import type { Adjustment, Grid, LatePolicy, NodeInfo, RunState, SnapshotReference } from "../protocol/run.ts";
import type {
  CheckpointEvent,
  KnownBin,
  LiveState,
  MetricValue,
  NumberedEvent,
  RunUpdate,
  Warning,
} from "../protocol/run-event.ts";
import type { RevisedBins } from "../snapshot/live-definition.ts";
import { Adjustments } from "./adjustments.ts";
import { BinTeller, type PublishedBin } from "./bin-values.ts";
import { CellLedger, type SealedCells, type Verdict } from "./cell-ledger.ts";
import { metricValue } from "./class-values.ts";
import type { ControlRecord } from "./control-record.ts";
import { Evaluation, type EvaluationState } from "./evaluation.ts";
import { HashChain } from "./hash-chain.ts";
import { type GapState, IngestWarnings } from "./ingest-warnings.ts";
import { binStartUtc, InputDirectory } from "./input-directory.ts";
import { PastBins } from "./past-bins.ts";
import { RewindPoints } from "./rewind-points.ts";
import type { RunDefinition } from "./run-definition.ts";
import { imageOf, type RunImage, type SnapshotRequest } from "./run-image.ts";
import type { SealState } from "./seal-timers.ts";
import { warningChanges } from "./warning-changes.ts";

/**
 * Values of nodes, and of classes at nodes and edges, that a joining subscriber gets as history, all bins together: some
 * ten kilobytes of JSON per thousand.
 */
const SNAPSHOT_NODE_VALUES = 20_000;
/** Bins of history a joining subscriber gets at most: what a wide sparkline shows, with room. */
const SNAPSHOT_BINS = 240;

/** What a run goes back to when an earlier bin is corrected. */
interface BinState {
  readonly evaluation: EvaluationState;
  readonly gaps: GapState;
}

export interface LiveRunOptions {
  /** Takes the bins that leave the history. Default none: then they are gone. */
  readonly store?: RowStore;
}

/** A store of rows, with the open file that other threads can read them from; null when there is none. */
export interface RowStore extends BlockStore {
  readonly descriptor: number | null;
}

/**
 * One live run: frames in, events out. A pure fold over its definition and the records of its log; no clock, no IO.
 *
 * `admit` decides about a frame at once (between `begin` and `commit`, undone by `rollback`); bins it seals wait until
 * `evaluateNext` computes them, one call per bin, in order. Every event is a function of the log alone, so a replay
 * numbers and hashes the same.
 */
export class LiveRun {
  readonly definition: RunDefinition;
  private readonly latePolicy: LatePolicy;
  private readonly inputNames: readonly string[];
  private readonly ledger: CellLedger;
  private readonly adjustments: Adjustments;
  private readonly evaluation: Evaluation;
  private readonly history: History;
  private readonly teller: BinTeller;
  private readonly chain: HashChain;
  private readonly ingestWarnings: IngestWarnings;
  private readonly rewindPoints = new RewindPoints<BinState>();
  private readonly past = new PastBins();
  /** Newest evaluated bins, oldest first. */
  private recent: PublishedBin[] = [];
  private readonly recentLimit: number;
  private lastCheckpoint: CheckpointEvent | null = null;
  private lastCheckpointHash: string | null = null;
  /** Snapshots that may still be there, oldest first. */
  private written: readonly SnapshotReference[] = [];
  private seq = 0;
  /** Bins evaluated at least once. */
  private evaluated = 0;
  /** Bins before this one are as they were when the run was last written down. */
  private changedFrom = 0;
  private readonly store: RowStore | null;
  /** What subscribers know while the first bin of a revision is still to come. */
  private warningsBeforeRevision: readonly Warning[] | null = null;

  constructor(definition: RunDefinition, plan: Plan, options: LiveRunOptions = {}) {
    this.definition = definition;
    const { bins } = plan.source.grid;
    const inputs = plan.bound.map(inputName);
    this.inputNames = inputs;
    this.latePolicy = definition.latePolicy ?? "reject";
    const historyBins = definition.historyBins ?? Number.POSITIVE_INFINITY;
    this.ledger = new CellLedger(new InputDirectory(plan), inputs, bins, { latePolicy: this.latePolicy, historyBins });
    this.adjustments = new Adjustments(definition, plan);
    this.evaluation = new Evaluation(plan);
    this.store = options.store ?? null;
    this.history = new History(plan.seriesCount, {
      retainedBins: historyBins,
      ...(options.store === undefined ? {} : { store: options.store }),
    });
    this.teller = new BinTeller(plan, this.evaluation.metrics.nodes);
    this.chain = new HashChain(JSON.stringify([plan.source.text, inputs]));
    this.ingestWarnings = new IngestWarnings(plan);
    this.recentLimit = Math.max(1, Math.min(SNAPSHOT_BINS, Math.floor(SNAPSHOT_NODE_VALUES / this.updateSize)));
    this.saveState();
    if (definition.mode === "simulation") this.ledger.sealAllByModel();
  }

  begin(): void {
    this.ledger.begin();
    this.ingestWarnings.begin();
    this.adjustments.begin();
  }

  commit(): void {
    this.ledger.commit();
    this.ingestWarnings.commit();
    this.adjustments.commit();
    this.takePlan();
    const corrected = this.ledger.takeCorrected();
    // A bin that was corrected before it was evaluated is simply evaluated as it is now.
    if (corrected !== null && corrected < this.evaluated) this.rewind(corrected);
  }

  rollback(): void {
    this.ledger.rollback();
    this.ingestWarnings.rollback();
    this.adjustments.rollback();
  }

  /** Decides about one frame. Accepted and late frames belong into the log; the others change nothing. */
  admit(frame: Frame | ControlRecord): Verdict {
    const { sealedBin } = this.ledger;
    switch (frame.type) {
      case "seal":
      case "abort":
        return this.ledger.decide(frame);
      case "idle": {
        const verdict = this.ledger.decide(frame);
        const inputs = frame.inputs.map((name) => this.inputNames.indexOf(name)).filter((input) => input >= 0);
        if (verdict.kind === "accepted") this.ingestWarnings.addIdle(inputs, sealedBin);
        return verdict;
      }
    }
    if (frame.type === "adjust") return this.adjustments.admit(frame, this.ledger.sealedBin, this.ledger.ended);
    const verdict = this.ledger.admit(frame);
    const woken = this.ledger.takeWoken();
    if (woken.length > 0) this.ingestWarnings.addHeard(woken, sealedBin);
    if (verdict.kind === "late" && this.latePolicy !== "log") {
      this.ingestWarnings.addLate(frame, this.ledger.sealedBin);
    }
    return verdict;
  }

  /** The plan in force: of the model with its adjustments. Its columns are those of the first one. */
  get plan(): Plan {
    return this.adjustments.plan;
  }

  /** Changes of the model so far. */
  get changes(): readonly Adjustment[] {
    return this.adjustments.all;
  }

  /** Newest bin whose telemetry is decided; its evaluation may still be to come. */
  get sealedBin(): number {
    return this.ledger.sealedBin;
  }

  get evaluatedBin(): number {
    return this.evaluated - 1;
  }

  /** Sealed bins are being evaluated again after a correction; until `evaluateNext` has done that, values are mixed. */
  get isRevising(): boolean {
    return this.evaluation.bin < this.evaluated;
  }

  /** Nothing waits for `evaluateNext`. */
  get isSettled(): boolean {
    return this.backlogBins === 0 && !this.isRevising && !this.adjustments.isDue(this.evaluatedBin);
  }

  /** The first bin that is to be evaluated again; no member when there is none. */
  get revising(): { readonly revisingFrom?: number } {
    return this.isRevising ? { revisingFrom: this.evaluation.bin } : {};
  }

  /** Sealed bins that wait for evaluation. */
  get backlogBins(): number {
    return this.ledger.sealedBin - this.evaluatedBin;
  }

  get openBins(): number {
    return this.ledger.openBins;
  }

  /** What timers must know. */
  get sealState(): SealState {
    return this.ledger;
  }

  /** Inputs that nobody waits for. */
  get idleInputs(): readonly string[] {
    return this.ledger.idleInputs;
  }

  get newestBin(): number {
    return this.ledger.newestBin;
  }

  get cursorSeq(): number {
    return this.seq;
  }

  /** Chained hash at a bin (default: the newest evaluated). */
  hash(bin: number = this.evaluatedBin): string {
    return this.chain.at(bin);
  }

  /** Hash of the newest bin if bins had been corrected so often: for a run that got its corrected values at once. */
  hashAsRevised(revisions: readonly RevisedBins[]): string {
    const chain = this.chain.begun();
    for (let bin = 0; bin < this.evaluated; bin++) {
      const row = this.history.readRow(bin);
      invariant(row, `bin ${bin} is kept`);
      chain.append(row, this.plan.seriesCount);
      const revised = revisions.find(({ fromBin, toBin }) => fromBin <= bin && bin <= toBin);
      if (revised !== undefined) chain.replace(bin, revised.rev, row, this.plan.seriesCount);
    }
    return chain.at(this.evaluatedBin);
  }

  get state(): RunState {
    if (this.ledger.ended && this.backlogBins === 0 && !this.isRevising) {
      return this.ledger.aborted ? "aborted" : "completed";
    }
    return this.ledger.newestBin < 0 && this.ledger.sealedBin < 0 ? "created" : "running";
  }

  get checkpoint(): CheckpointEvent | null {
    return this.lastCheckpoint;
  }

  get nodes(): readonly NodeInfo[] {
    return this.evaluation.metrics.nodes;
  }

  /** What an update weighs: its nodes, and the classes at nodes and edges. */
  get updateSize(): number {
    return this.teller.size;
  }

  get grid(): Grid {
    const { bins, binSize, binUnit, start } = this.plan.source.grid;
    return { bins, binSize, binUnit, start };
  }

  /**
   * The next event of what has been decided: a corrected bin evaluated again, a change of the model, or the next sealed
   * bin evaluated. Null when nothing waits.
   */
  evaluateNext(): NumberedEvent | null {
    if (this.isRevising) return this.reviseNext();
    const adjustment = this.adjustments.takeDue(this.evaluatedBin);
    if (adjustment !== null) return { event: "adjustment", data: { seq: ++this.seq, ...adjustment } };
    if (this.backlogBins === 0) return null;
    const bin = this.evaluated;
    const cells = this.ledger.cells(bin);
    const { row, warnings } = this.evaluation.advance(cells);
    this.history.append(row);
    this.evaluated++;
    const ingest = this.ingestWarnings.seal(cells);
    const prevHash = this.chain.at(bin - 1);
    const hash = this.chain.append(row, this.plan.seriesCount);
    const published = this.publish(cells, row, { rev: 0, hash, prevHash, warnings: [...warnings, ...ingest] });
    this.recent.push(published);
    if (this.recent.length > this.recentLimit) this.recent.shift();
    this.past.published(bin, this.seq);
    this.saveState();
    this.forgetCells();
    return { event: "bin", data: this.teller.update(published) };
  }

  private publish(
    cells: SealedCells,
    row: Float64Array,
    parts: Pick<RunUpdate, "rev" | "hash" | "prevHash" | "warnings">,
  ): PublishedBin {
    const adjusted = this.adjustments.at(cells.bin);
    const facts = {
      runId: this.definition.runId,
      epoch: this.definition.epoch,
      seq: ++this.seq,
      binIndex: cells.bin,
      startUtc: binStartUtc(this.plan.source.grid, cells.bin),
      provenance: { sealedBy: cells.sealedBy, ...(adjusted === undefined ? {} : { adjusted }) },
      ...parts,
    };
    return { facts, values: this.teller.take(cells, this.evaluation.metrics, row) };
  }

  /** Goes back to before a bin that was corrected; `reviseNext` then comes forward again, bin by bin. */
  private rewind(bin: number): void {
    const before = this.activeWarnings();
    const point = this.rewindPoints.before(bin);
    invariant(point, `a state at or before bin ${bin} is kept`);
    this.evaluation.restore(point.state.evaluation);
    this.ingestWarnings.restoreGaps(point.state.gaps);
    this.rewindPoints.dropAfter(point.bins);
    this.warningsBeforeRevision = before;
    for (let again = point.bins; again < bin; again++) {
      const cells = this.ledger.cells(again);
      this.evaluation.advance(cells);
      this.ingestWarnings.sealGaps(cells);
      this.saveState();
    }
  }

  private reviseNext(): NumberedEvent {
    const bin = this.evaluation.bin;
    const cells = this.ledger.cells(bin);
    const { row, warnings } = this.evaluation.advance(cells);
    const gaps = this.ingestWarnings.sealGaps(cells);
    const before = this.warningsBeforeRevision;
    this.warningsBeforeRevision = null;
    const replaces = { rev: this.past.revision(bin), hash: this.chain.at(bin) };
    const rev = replaces.rev + 1;
    const superseded = this.history.row(bin).slice();
    this.history.replace(bin, row);
    this.changedFrom = Math.min(this.changedFrom, bin);
    const prevHash = this.chain.at(bin - 1);
    const hash = this.chain.replace(bin, rev, row, this.plan.seriesCount);
    // Whoever follows has the warnings of the newest bin; from the corrected one on they go the new way.
    const changes = before === null ? [...warnings, ...gaps] : warningChanges(before, this.activeWarnings());
    const published = this.publish(cells, row, { rev, hash, prevHash, warnings: changes });
    this.past.revised(bin, this.seq, { ...replaces, row: superseded });
    this.recent = this.recent.map((known) => (known.facts.binIndex === bin ? published : known));
    this.saveState();
    return { event: "revision", data: { ...this.teller.update(published), replaces } };
  }

  /** Where a correction is allowed, states to go back to are saved now and then. */
  private saveState(): void {
    const { bin } = this.evaluation;
    if (this.latePolicy !== "revise" || !this.rewindPoints.isDue(bin)) return;
    this.rewindPoints.add(bin, { evaluation: this.evaluation.save(), gaps: this.ingestWarnings.saveGaps() });
  }

  /** Cells are held as far back as a correction may need them. */
  private forgetCells(): void {
    const oldest = Math.min(this.ledger.oldestCorrectable, this.evaluated);
    const first = this.latePolicy === "revise" ? (this.rewindPoints.before(oldest)?.bins ?? 0) : oldest;
    this.rewindPoints.dropBefore(first);
    this.ledger.forgetBefore(first);
  }

  /** Puts the newest plan in force. */
  private takePlan(): void {
    if (this.plan === this.evaluation.plan) return;
    this.evaluation.take(this.plan);
    if (this.evaluated > 0) return;
    this.rewindPoints.dropAfter(-1);
    this.saveState();
  }

  /**
   * Evaluates every sealed bin for its figures alone: the same image as `evaluateNext` gives, without the events, which
   * are most of the work. For a run that nobody follows, now or later: it has no recent bins.
   */
  evaluateUnpublished(): void {
    while (this.backlogBins > 0) {
      const bin = this.evaluated;
      const cells = this.ledger.cells(bin);
      const row = this.evaluation.advanceUnwatched(cells);
      this.history.append(row);
      this.evaluated++;
      this.ingestWarnings.seal(cells);
      this.chain.append(row, this.plan.seriesCount);
      this.past.published(bin, ++this.seq);
      this.forgetCells();
    }
  }

  /** Takes note of a snapshot that was written. All sealed bins must have been evaluated. */
  recordCheckpoint(snapshot: SnapshotReference & { readonly hash?: string }): NumberedEvent {
    invariant(this.isSettled, "a checkpoint is recorded when every sealed bin is evaluated");
    const { snapshotRunId, sealedBin, path, hash } = snapshot;
    this.lastCheckpoint = { seq: ++this.seq, snapshotRunId, sealedBin, path };
    this.lastCheckpointHash = hash ?? this.hash(sealedBin);
    this.written = [...this.written, { snapshotRunId, sealedBin, path }];
    return { event: "checkpoint", data: this.lastCheckpoint };
  }

  /** Whether the newest snapshot holds every bin as it is now. */
  get isWritten(): boolean {
    return this.lastCheckpoint?.sealedBin === this.evaluatedBin && this.lastCheckpointHash === this.hash();
  }

  /** Snapshots that may still be there, oldest first. */
  get checkpoints(): readonly SnapshotReference[] {
    return this.written;
  }

  /** All but the newest are gone. */
  forgetCheckpoints(keep: number): void {
    this.written = this.written.slice(-keep);
  }

  /** Newest evaluated bins, oldest first, as they stand now. */
  recentBins(): readonly PublishedBin[] {
    return [...this.recent];
  }

  /** What was published of a bin. */
  updateOf(bin: PublishedBin): RunUpdate {
    return this.teller.update(bin);
  }

  /** Every active warning: of the run, of the window, of ingestion. Told with a bin, so there is none before the first. */
  activeWarnings(): readonly Warning[] {
    if (this.evaluated === 0) return [];
    return [...this.evaluation.liveWarnings, ...this.ingestWarnings.active()];
  }

  /** Values at the newest evaluated bin. */
  newestState(): Pick<LiveState, "series" | "nodes" | "edges" | "startUtc"> {
    const bin = this.evaluatedBin;
    if (bin < 0) return { series: {}, nodes: [], edges: [], startUtc: null };
    const { values } = this.recent.at(-1)!;
    return {
      series: this.seriesOf(this.history.row(bin)),
      nodes: this.teller.nodesOf(values),
      edges: this.teller.edgesOf(values),
      startUtc: binStartUtc(this.plan.source.grid, bin),
    };
  }

  /**
   * A bin as it was known at a position of the stream.
   * @param seq default: now
   * @throws FlowError `bin_not_sealed` when it was not known then, `bin_not_retained` when it is no longer kept
   */
  knownBin(bin: number, seq: number = this.seq): KnownBin {
    const known = this.past.asOf(bin, seq);
    if (known === null) {
      const when = seq === this.seq ? "" : ` as of ${seq}`;
      throw new FlowError("bin_not_sealed", `Bin ${bin} is not sealed${when}; the newest is ${this.evaluatedBin}.`);
    }
    const startUtc = binStartUtc(this.plan.source.grid, bin);
    if (known !== "current") {
      const { rev, hash, row } = known;
      return { binIndex: bin, rev, startUtc, hash, series: this.seriesOf(row) };
    }
    const row = this.history.readRow(bin);
    if (row === null) {
      const first = this.history.firstReadableBin;
      throw new FlowError(
        "bin_not_retained",
        `Bin ${bin} has left the history; the oldest bin that is kept is ${first}.`,
      );
    }
    return { binIndex: bin, rev: this.past.revision(bin), startUtc, hash: this.hash(bin), series: this.seriesOf(row) };
  }

  /** Edges go by their own ids, with the bins; here are the series of nodes, `id@class` for shares. */
  private seriesOf(row: Float64Array): Readonly<Record<string, MetricValue>> {
    const { columns, seriesCount } = this.plan;
    return Object.fromEntries(
      columns
        .slice(0, seriesCount)
        .map(({ id, origin }, column) => ({ id, origin, value: metricValue(row[column]!) }))
        .filter(({ origin }) => origin !== "edge" && origin !== "input")
        .map(({ id, value }) => [id, value]),
    );
  }

  /** The run as of its newest evaluated bin, for who writes it down. */
  snapshotRequest(): SnapshotRequest {
    invariant(!this.isRevising, "a run is written down when no bin waits to be evaluated again");
    const { changedFrom } = this;
    this.changedFrom = this.evaluated;
    return {
      definition: this.definition,
      modelText: this.plan.source.text,
      bins: this.evaluated,
      rows: this.history.share(),
      rowFile: this.store?.descriptor ?? null,
      lastRow: this.evaluated === 0 ? new Float64Array(0) : this.evaluation.row.slice(),
      changedFrom,
      warnings: this.evaluation.runWarnings,
      ingestWarnings: this.ingestWarnings.active(),
      adjustments: this.changes,
      revisions: this.past.revisedBins(),
      seq: this.seq,
      hash: this.hash(),
    };
  }

  /** Everything of the run as of its newest evaluated bin, copied. */
  image(): RunImage {
    const { changedFrom } = this;
    const image = imageOf(this.snapshotRequest(), this.plan, this.store);
    this.changedFrom = changedFrom;
    return image;
  }

  /** One series over all evaluated bins. */
  values(seriesId: string): Float64Array {
    return this.history.column(this.plan.columnOf.get(seriesId)!);
  }

  /** How one value comes about. @throws ExplainError */
  explain(request: ExplainRequest): Explanation {
    const { history } = this;
    const values = {
      firstBin: history.firstReadableBin,
      bins: this.evaluated,
      value: (bin: number, column: number) => history.readRow(bin)![column]!,
      isMissing: (bin: number, input: number) => this.ledger.isMissing(bin, input),
    };
    return explainSeries(this.plan, values, request);
  }
}
