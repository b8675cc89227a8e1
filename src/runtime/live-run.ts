import { Analyser } from "../analysis/analyser.ts";
import { type ExplainRequest, type Explanation, explainSeries } from "../analysis/explain/explain.ts";
import { NodeMetrics } from "../analysis/metrics.ts";
import type { Warning as CoreWarning } from "../analysis/warning.ts";
import type { EdgeMetric } from "../engine/batch-edges.ts";
import { Evaluator } from "../engine/evaluator.ts";
import { History } from "../engine/history.ts";
import { invariant } from "../lib/assert.ts";
import { fold } from "../lib/fold.ts";
import { type ClassOrder, classesInOrder, NO_CLASSES } from "../model/class-order.ts";
import { type EdgeSeriesColumn, inputName, type Plan } from "../model/plan.ts";
import type { Frame } from "../protocol/frame.ts";
import type { Grid, NodeInfo, RunState } from "../protocol/run.ts";
import type {
  CheckpointEvent,
  LiveState,
  MetricValue,
  NodeDelta,
  NumberedEvent,
  RunUpdate,
  Warning,
  WarningUpdate,
} from "../protocol/run-event.ts";
import { CellLedger, type SealedCells, type Verdict } from "./cell-ledger.ts";
import { ClassValues, metricValue } from "./class-values.ts";
import { HashChain } from "./hash-chain.ts";
import { IngestWarnings } from "./ingest-warnings.ts";
import { binStartUtc, InputDirectory } from "./input-directory.ts";
import type { RunDefinition } from "./run-definition.ts";

/**
 * Values of nodes, and of classes at nodes and edges, that a joining subscriber gets as history, all bins together: some
 * ten kilobytes of JSON per thousand.
 */
const SNAPSHOT_NODE_VALUES = 20_000;
/** Bins of history a joining subscriber gets at most: what a wide sparkline shows, with room. */
const SNAPSHOT_BINS = 240;

/** What was computed of a model's first bins. */
export interface RunValues {
  readonly plan: Plan;
  readonly bins: number;
  /** Values of every computation node by id, in evaluation order. */
  readonly series: readonly { readonly id: string; readonly values: Float64Array }[];
  /** Values of series that exist only because telemetry feeds a `file:` reference, by that reference. */
  readonly fileSeries: readonly { readonly reference: string; readonly values: Float64Array }[];
  /** Shares of classes by node id, classes in FlowTime's order. */
  readonly classSeries: ReadonlyMap<string, readonly { readonly classId: string; readonly values: Float64Array }[]>;
  /** Series of edges in FlowTime's order; `classId` null for the total. */
  readonly edgeSeries: readonly {
    readonly edgeId: string;
    readonly metric: EdgeMetric;
    readonly classId: string | null;
    readonly values: Float64Array;
  }[];
  /** Run warnings at the last bin, in FlowTime's order. */
  readonly warnings: readonly CoreWarning[];
}

/** Everything a snapshot on disk needs, copied out of the run so that it may go on. */
export interface RunImage extends RunValues {
  readonly definition: RunDefinition;
  readonly ingestWarnings: readonly Warning[];
  /** What telemetry fed, in column order; NaN where nothing came. */
  readonly inputs: readonly { readonly seriesId: string; readonly values: Float64Array }[];
  readonly seq: number;
  readonly hash: string;
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
  readonly plan: Plan;
  private readonly ledger: CellLedger;
  private readonly evaluator: Evaluator;
  private readonly history: History;
  private readonly analyser: Analyser;
  private readonly metrics: NodeMetrics;
  private readonly classes: ClassValues;
  private readonly chain: HashChain;
  private readonly ingestWarnings: IngestWarnings;
  private readonly gapRoles: readonly (readonly { readonly node: number; readonly role: string }[])[];
  private readonly recent: RunUpdate[] = [];
  private readonly recentLimit: number;
  private lastCheckpoint: CheckpointEvent | null = null;
  private seq = 0;

  constructor(definition: RunDefinition, plan: Plan) {
    this.definition = definition;
    this.plan = plan;
    const { bins } = plan.source.grid;
    const inputs = plan.bound.map(inputName);
    this.ledger = new CellLedger(new InputDirectory(plan), inputs, bins);
    this.evaluator = new Evaluator(plan, { horizonBins: bins });
    this.history = new History(plan.seriesCount);
    this.analyser = new Analyser(plan);
    this.metrics = new NodeMetrics(plan);
    this.classes = new ClassValues(plan);
    this.chain = new HashChain(JSON.stringify([plan.source.text, inputs]));
    this.ingestWarnings = new IngestWarnings(plan);
    this.gapRoles = gapRoles(plan, this.metrics);
    this.recentLimit = Math.max(1, Math.min(SNAPSHOT_BINS, Math.floor(SNAPSHOT_NODE_VALUES / this.updateSize)));
    if (definition.mode === "simulation") this.ledger.sealAllByModel();
  }

  begin(): void {
    this.ledger.begin();
    this.ingestWarnings.begin();
  }

  commit(): void {
    this.ledger.commit();
    this.ingestWarnings.commit();
  }

  rollback(): void {
    this.ledger.rollback();
    this.ingestWarnings.rollback();
  }

  /** Decides about one frame. Accepted and late frames belong into the log; the others change nothing. */
  admit(frame: Frame): Verdict {
    const verdict = this.ledger.admit(frame);
    if (verdict.kind === "late") this.ingestWarnings.addLate(frame, this.ledger.sealedBin);
    return verdict;
  }

  /** Newest bin whose telemetry is decided; its evaluation may still be to come. */
  get sealedBin(): number {
    return this.ledger.sealedBin;
  }

  get evaluatedBin(): number {
    return this.evaluator.bin - 1;
  }

  /** Sealed bins that wait for evaluation. */
  get backlogBins(): number {
    return this.ledger.sealedBin - this.evaluatedBin;
  }

  get openBins(): number {
    return this.ledger.openBins;
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

  get state(): RunState {
    if (this.ledger.ended && this.backlogBins === 0) return "completed";
    return this.ledger.newestBin < 0 && this.ledger.sealedBin < 0 ? "created" : "running";
  }

  get checkpoint(): CheckpointEvent | null {
    return this.lastCheckpoint;
  }

  get nodes(): readonly NodeInfo[] {
    return this.metrics.nodes;
  }

  /** What an update weighs: its nodes, and the classes at nodes and edges. */
  get updateSize(): number {
    return this.metrics.nodes.length + this.classes.size;
  }

  get grid(): Grid {
    const { bins, binSize, binUnit, start } = this.plan.source.grid;
    return { bins, binSize, binUnit, start };
  }

  /** Evaluates the next sealed bin and returns its event; null when none waits. */
  evaluateNext(): NumberedEvent | null {
    if (this.backlogBins === 0) return null;
    const bin = this.evaluator.bin;
    const cells = this.ledger.cells(bin);
    const row = this.evaluator.advance(cells.values);
    this.history.append(row);
    this.metrics.evaluate(bin, row);
    const warnings = [...this.analyser.feed(bin, row).map(toUpdate), ...this.ingestWarnings.seal(cells)];
    const prevHash = this.chain.at(bin - 1);
    const update: RunUpdate = {
      runId: this.definition.runId,
      epoch: this.definition.epoch,
      seq: ++this.seq,
      binIndex: bin,
      rev: 0,
      startUtc: binStartUtc(this.plan.source.grid, bin),
      nodes: this.nodeDeltas(cells, row),
      edges: this.classes.ofEdges(row),
      warnings,
      hash: this.chain.append(row, this.plan.seriesCount),
      prevHash,
      provenance: { sealedBy: cells.sealedBy },
    };
    this.recent.push(update);
    if (this.recent.length > this.recentLimit) this.recent.shift();
    return { event: "bin", data: update };
  }

  /** Takes note of a snapshot that was written. All sealed bins must have been evaluated. */
  recordCheckpoint(snapshot: Pick<CheckpointEvent, "snapshotRunId" | "sealedBin" | "path">): NumberedEvent {
    invariant(this.backlogBins === 0, "a checkpoint is recorded when no sealed bin waits for evaluation");
    const { snapshotRunId, sealedBin, path } = snapshot;
    this.lastCheckpoint = { seq: ++this.seq, snapshotRunId, sealedBin, path };
    return { event: "checkpoint", data: this.lastCheckpoint };
  }

  /** Newest evaluated bins, oldest first, as they were published. */
  recentUpdates(): readonly RunUpdate[] {
    return this.recent;
  }

  /** Every active warning: of the run, of the window, of ingestion. */
  activeWarnings(): readonly Warning[] {
    return [...this.analyser.activeLive(), ...this.ingestWarnings.active()];
  }

  /** Values at the newest evaluated bin. */
  newestState(): Pick<LiveState, "series" | "nodes" | "edges" | "startUtc"> {
    const bin = this.evaluatedBin;
    if (bin < 0) return { series: {}, nodes: [], edges: [], startUtc: null };
    const row = this.history.row(bin);
    // Edges go by their own ids; these are the series of nodes, `id@class` for shares.
    const series = Object.fromEntries(
      this.plan.columns
        .slice(0, this.plan.seriesCount)
        .map(({ id, origin }, column) => ({ id, origin, value: metricValue(row[column]!) }))
        .filter(({ origin }) => origin !== "edge" && origin !== "input")
        .map(({ id, value }) => [id, value]),
    );
    const { nodes, edges } = this.recent.at(-1)!;
    return { series, nodes, edges, startUtc: binStartUtc(this.plan.source.grid, bin) };
  }

  /** A copy of the run as of the newest evaluated bin. */
  image(): RunImage {
    const { plan } = this;
    const values = (column: number): Float64Array => this.history.column(column);
    return {
      definition: this.definition,
      plan,
      bins: this.evaluator.bin,
      series: plan.order.map((id) => ({ id, values: values(plan.columnOf.get(id)!) })),
      classSeries: this.classSeries(),
      edgeSeries: this.edgeSeries(),
      fileSeries: this.fileSeries(),
      warnings: this.analyser.active(),
      ingestWarnings: this.ingestWarnings.active(),
      inputs: plan.bound.map((series) => ({ seriesId: inputName(series), values: values(series.column) })),
      seq: this.seq,
      hash: this.hash(),
    };
  }

  /** One series over all evaluated bins. */
  values(seriesId: string): Float64Array {
    return this.history.column(this.plan.columnOf.get(seriesId)!);
  }

  /** How one value comes about. @throws ExplainError */
  explain(request: ExplainRequest): Explanation {
    const { history } = this;
    const values = {
      firstBin: history.firstBin,
      bins: this.evaluator.bin,
      value: (bin: number, column: number) => history.value(bin, column),
    };
    return explainSeries(this.plan, values, request);
  }

  private classSeries(): RunImage["classSeries"] {
    return new Map(
      this.plan.classSeries.map(({ nodeId, order, columns }) => {
        const columnOf = new Map(columns.map(({ classId, column }) => [fold(classId), column]));
        const classes = this.presentClasses(order).map((classId) => ({
          classId,
          values: this.history.column(columnOf.get(fold(classId))!),
        }));
        return [nodeId, classes] as const;
      }),
    );
  }

  private edgeSeries(): RunImage["edgeSeries"] {
    // A total and the classes behind it, which come in the order in which they have come up.
    const groups: EdgeSeriesColumn[][] = [];
    for (const entry of this.plan.edgeSeries) {
      if (entry.classId === null) groups.push([entry]);
      else groups.at(-1)!.push(entry);
    }
    return groups.flatMap(([total, ...classes]) => {
      const order = classes[0]?.order ?? NO_CLASSES;
      const present = this.presentClasses(order).flatMap((classId) =>
        classes.filter((entry) => fold(entry.classId ?? "") === fold(classId)),
      );
      return [total!, ...present].flatMap(({ edgeId, metric, classId, column, needsPositive }) => {
        const values = this.history.column(column);
        return needsPositive && !values.some((value) => value > 0) ? [] : [{ edgeId, metric, classId, values }];
      });
    });
  }

  /** Classes that have come up so far. */
  private presentClasses(order: ClassOrder): readonly string[] {
    const { row } = this.evaluator;
    return classesInOrder(order, (column) => row[column]!);
  }

  private fileSeries(): RunImage["fileSeries"] {
    const { bound, columns, model } = this.plan;
    return bound.flatMap(({ column, feeds }) => {
      const feed = feeds[0];
      if (columns[column]!.origin !== "telemetry" || feed === undefined) return [];
      const node = model.topology?.nodes.find(({ id }) => id === feed.nodeId);
      const reference = node?.semantics.series[feed.role];
      return reference === undefined ? [] : [{ reference, values: this.history.column(column) }];
    });
  }

  private nodeDeltas(cells: SealedCells, row: Float64Array): NodeDelta[] {
    const deltas = this.metrics.nodes.map(({ id, metrics: names }, node) => {
      const metrics: Record<string, MetricValue> = {};
      names.forEach((name, metric) => {
        metrics[name] = metricValue(this.metrics.value(node, metric));
      });
      return { id, metrics, gaps: undefined as string[] | undefined };
    });
    this.gapRoles.forEach((roles, input) => {
      if (cells.present[input] === 1 && !Number.isNaN(cells.values[input])) return;
      for (const { node, role } of roles) {
        const delta = deltas[node]!;
        if (!delta.gaps?.includes(role)) delta.gaps = [...(delta.gaps ?? []), role];
      }
    });
    return deltas.map(({ id, metrics, gaps }, node) => {
      const byClass = this.classes.ofNode(node, row);
      return { id, metrics, ...(gaps === undefined ? {} : { gaps }), ...(byClass === null ? {} : { byClass }) };
    });
  }
}

/** For every input of the plan, the node metrics that show its gaps. */
function gapRoles(plan: Plan, metrics: NodeMetrics): { node: number; role: string }[][] {
  const nodeOf = new Map(metrics.nodes.map(({ id }, index) => [id, index]));
  const hasTopology = (plan.model.topology?.nodes.length ?? 0) > 0;
  const totals = new Set(plan.bound.flatMap(({ seriesId, classId }) => (classId === null ? [seriesId] : [])));
  return plan.bound.map(({ seriesId, classId, feeds }) => {
    const whole = hasTopology
      ? feeds.map(({ nodeId, role }) => ({ nodeId, role: role as string }))
      : [{ nodeId: seriesId, role: "value" }];
    const ofClass = classId === null ? [] : whole.map(({ nodeId, role }) => ({ nodeId, role: `${role}@${classId}` }));
    // The sum of classes lacks what one of them lacks.
    const roles = [...(classId === null || !totals.has(seriesId) ? whole : []), ...ofClass];
    return roles.flatMap(({ nodeId, role }) => {
      const node = nodeOf.get(nodeId);
      return node === undefined ? [] : [{ node, role }];
    });
  });
}

function toUpdate(transition: ReturnType<Analyser["feed"]>[number]): WarningUpdate {
  return transition.action === "cleared"
    ? { action: "cleared", key: transition.key }
    : { action: transition.action, warning: transition.warning };
}
