import type { Adjustment, Grid, NodeInfo, RunMode, RunState } from "../protocol/run.ts";
import type {
  AdjustmentEvent,
  ByeCode,
  CheckpointEvent,
  EdgeDelta,
  Hello,
  NodeDelta,
  Progress,
  ResetReason,
  RunEvent,
  RunUpdate,
  SnapshotBegin,
  SnapshotEnd,
  Warning,
} from "../protocol/run-event.ts";
import {
  type BinRecord,
  classMetric,
  EMPTY_LAYOUT,
  type Layout,
  layoutFor,
  packBin,
  type SeriesWindow,
  windowOf,
} from "./history.ts";

/** Bins kept for sparklines and charts: twice what the widest usual screen shows. */
export const DEFAULT_HISTORY_BINS = 240;
/** Checkpoints kept; a reader wants the newest few. */
const MAX_CHECKPOINTS = 50;

/** Changes of the model kept, likewise. */
const MAX_ADJUSTMENTS = 50;

/** A promise of the stream that was broken. The view goes on with what came; a whole snapshot clears it. */
export interface ViewFault {
  readonly kind: "hole" | "epoch" | "hash" | "bin-order" | "snapshot";
  readonly message: string;
  readonly seq: number;
}

interface Staging {
  readonly begin: SnapshotBegin;
  readonly pages: ReadonlyMap<number, readonly RunUpdate[]>;
}

/** The current picture of one run, folded from its events. Never changed in place. */
export interface RunView {
  readonly historyBins: number;
  readonly runId: string | null;
  readonly mode: RunMode | null;
  readonly state: RunState | null;
  readonly grid: Grid | null;
  readonly nodeInfos: readonly NodeInfo[];
  /** Timeline the values below belong to, null before the first. */
  readonly epoch: string | null;
  /** Newest numbered event taken in, null while that is not known. */
  readonly seq: number | null;
  /** Newest sealed bin, -1 before the first. */
  readonly sealedBin: number;
  readonly startUtc: string | null;
  /** Chained hash after `sealedBin`, null while it is not known. */
  readonly hash: string | null;
  /** All nodes in `sealedBin`. */
  readonly nodes: readonly NodeDelta[];
  readonly edges: readonly EdgeDelta[];
  readonly layout: Layout;
  /** The last `historyBins` bins without a hole, oldest first. */
  readonly history: readonly BinRecord[];
  /** Active warnings by key, in the order they were raised. */
  readonly warnings: ReadonlyMap<string, Warning>;
  readonly checkpoints: readonly CheckpointEvent[];
  /** Changes of the model that were seen, newest last. */
  readonly adjustments: readonly Adjustment[];
  readonly progress: Progress | null;
  /** Resets seen, and the reason of the newest. */
  readonly resets: number;
  readonly lastReset: ResetReason | null;
  /** A reset came, the snapshot after it is not whole yet: the values below are of before. */
  readonly isResyncing: boolean;
  readonly bye: { readonly code: ByeCode; readonly message: string | null } | null;
  readonly fault: ViewFault | null;
  readonly staging: Staging | null;
}

/** What must equal the engine's `GET /v1/runs/{id}/state/live` at the same cursor. */
export interface ViewState {
  readonly runId: string | null;
  readonly epoch: string | null;
  readonly seq: number | null;
  readonly state: RunState | null;
  readonly sealedBin: number;
  readonly startUtc: string | null;
  readonly hash: string | null;
  readonly nodes: readonly NodeDelta[];
  readonly edges: readonly EdgeDelta[];
  /** Sorted by key. */
  readonly warnings: readonly Warning[];
}

export function emptyView(options: { readonly historyBins?: number } = {}): RunView {
  return {
    historyBins: options.historyBins ?? DEFAULT_HISTORY_BINS,
    runId: null,
    mode: null,
    state: null,
    grid: null,
    nodeInfos: [],
    epoch: null,
    seq: null,
    sealedBin: -1,
    startUtc: null,
    hash: null,
    nodes: [],
    edges: [],
    layout: EMPTY_LAYOUT,
    history: [],
    warnings: new Map(),
    checkpoints: [],
    adjustments: [],
    progress: null,
    resets: 0,
    lastReset: null,
    isResyncing: false,
    bye: null,
    fault: null,
    staging: null,
  };
}

/** The picture after one more event. Applying an event twice gives the same picture as applying it once. */
export function foldEvent(view: RunView, item: RunEvent): RunView {
  switch (item.event) {
    case "hello":
      return foldHello(view, item.data);
    case "snapshot-begin":
      return { ...view, staging: { begin: item.data, pages: new Map() } };
    case "snapshot-page":
      return foldPage(view, item.data.page, item.data.bins);
    case "snapshot-end":
      return foldSnapshot(view, item.data);
    case "bin":
    case "revision":
      return foldBin(view, item.data);
    case "adjustment":
      return foldAdjustment(view, item.data);
    case "progress":
      return { ...view, progress: item.data };
    case "checkpoint":
      return foldCheckpoint(view, item.data);
    case "reset":
      // Until its snapshot is whole, another one is the same news.
      if (view.isResyncing) return { ...view, lastReset: item.data.reason, staging: null };
      return { ...view, resets: view.resets + 1, lastReset: item.data.reason, isResyncing: true, staging: null };
    case "bye":
      return foldBye(view, item.data.code, item.data.message ?? null);
  }
}

export function viewState(view: RunView): ViewState {
  const { runId, epoch, seq, state, sealedBin, startUtc, hash, nodes, edges } = view;
  const warnings = [...view.warnings.values()].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { runId, epoch, seq, state, sealedBin, startUtc, hash, nodes, edges, warnings };
}

/** The last `bins` bins of one metric of one node, or of one class there, oldest first. */
export function seriesOf(
  view: RunView,
  nodeId: string,
  metric: string,
  bins: number,
  classId: string | null = null,
): SeriesWindow {
  const name = classId === null ? metric : classMetric(metric, classId);
  return windowOf(view.history, view.layout, nodeId, name, bins);
}

function foldHello(view: RunView, hello: Hello): RunView {
  const isFirst = view.epoch === null;
  return {
    ...view,
    runId: hello.runId,
    mode: hello.mode,
    state: hello.state,
    grid: hello.grid,
    nodeInfos: hello.nodes,
    epoch: view.epoch ?? hello.epoch,
    // Of a run that has published nothing the position is known; otherwise only its events or a snapshot tell it.
    seq: isFirst && hello.seq === 0 ? 0 : view.seq,
    bye: null,
  };
}

function foldPage(view: RunView, page: number, bins: readonly RunUpdate[]): RunView {
  if (view.staging === null) return view;
  const pages = new Map(view.staging.pages).set(page, bins);
  return { ...view, staging: { ...view.staging, pages } };
}

function foldSnapshot(view: RunView, end: SnapshotEnd): RunView {
  const { staging } = view;
  if (staging === null) return view;
  const { begin } = staging;
  const updates = [...staging.pages].sort(([a], [b]) => a - b).flatMap(([, bins]) => bins);
  const problem =
    begin.seq !== end.seq || begin.epoch !== end.epoch
      ? `began at ${begin.epoch}.${begin.seq} and ended at ${end.epoch}.${end.seq}`
      : staging.pages.size !== begin.pages
        ? `${staging.pages.size} of ${begin.pages} pages came`
        : null;
  if (problem !== null) {
    return {
      ...view,
      staging: null,
      fault: { kind: "snapshot", message: `the snapshot is not whole: ${problem}`, seq: end.seq },
    };
  }
  const layout = updates.reduce((grown, update) => layoutFor(grown, update.nodes), view.layout);
  const records = updates.map((update) => packBin(layout, update));
  const newest = updates.at(-1);
  const older = view.epoch === end.epoch ? olderThan(view.history, records[0]) : [];
  return {
    ...view,
    epoch: end.epoch,
    seq: end.seq,
    sealedBin: end.sealedBin,
    startUtc: newest?.startUtc ?? null,
    hash: end.hash,
    nodes: newest?.nodes ?? [],
    edges: newest?.edges ?? [],
    layout,
    history: [...older, ...records].slice(-view.historyBins),
    warnings: new Map(end.warnings.map((warning) => [warning.key, warning])),
    fault: snapshotFault(records, end, begin.revisingFrom),
    isResyncing: false,
    staging: null,
  };
}

/** Records that the first of a snapshot follows on directly, by position and by hash. */
function olderThan(history: readonly BinRecord[], first: BinRecord | undefined): readonly BinRecord[] {
  if (first === undefined) return [];
  const at = history.findIndex((record) => record.binIndex === first.binIndex - 1);
  return at >= 0 && history[at]!.hash === first.prevHash ? history.slice(0, at + 1) : [];
}

function snapshotFault(
  records: readonly BinRecord[],
  end: SnapshotEnd,
  revisingFrom: number | undefined,
): ViewFault | null {
  for (let at = 1; at < records.length; at++) {
    const [before, record] = [records[at - 1]!, records[at]!];
    if (record.binIndex !== before.binIndex + 1) {
      return { kind: "bin-order", message: `bin ${record.binIndex} follows bin ${before.binIndex}`, seq: record.seq };
    }
    if (record.binIndex !== revisingFrom && record.prevHash !== before.hash) return hashFault(record, before.hash);
  }
  const newest = records.at(-1);
  if (newest !== undefined && newest.hash !== end.hash) {
    const message = `the snapshot ends with hash ${short(end.hash)}, its newest bin has ${short(newest.hash)}`;
    return { kind: "hash", message, seq: end.seq };
  }
  return null;
}

function foldBin(view: RunView, update: RunUpdate): RunView {
  if (view.epoch !== null && update.epoch !== view.epoch) {
    const message = `bin ${update.binIndex} is of epoch ${update.epoch}, the view of ${view.epoch}`;
    return { ...view, fault: { kind: "epoch", message, seq: update.seq } };
  }
  if (view.seq !== null && update.seq <= view.seq) return view;
  const layout = layoutFor(view.layout, update.nodes);
  const record = packBin(layout, update);
  const isNewest = update.binIndex >= view.sealedBin;
  return {
    ...view,
    epoch: update.epoch,
    seq: update.seq,
    layout,
    history: withRecord(view.history, record).slice(-view.historyBins),
    warnings: foldWarnings(view.warnings, update),
    fault: holeBefore(view, update.seq) ?? binFault(view, record) ?? view.fault,
    state: view.state === "created" ? "running" : view.state,
    ...(isNewest
      ? {
          sealedBin: update.binIndex,
          startUtc: update.startUtc,
          hash: update.hash,
          nodes: update.nodes,
          edges: update.edges,
        }
      : {}),
  };
}

/** A correction takes the place of its bin; a bin that does not follow on starts the history anew. */
function withRecord(history: readonly BinRecord[], record: BinRecord): BinRecord[] {
  const newest = history.at(-1);
  if (newest === undefined || record.binIndex === newest.binIndex + 1) return [...history, record];
  const at = history.findIndex((old) => old.binIndex === record.binIndex);
  if (at >= 0) return history.with(at, record);
  return record.binIndex < newest.binIndex ? [...history] : [record];
}

function binFault(view: RunView, record: BinRecord): ViewFault | null {
  const { binIndex, seq } = record;
  if (view.sealedBin >= 0 && record.rev === 0 && binIndex !== view.sealedBin + 1) {
    return { kind: "bin-order", message: `bin ${binIndex} follows bin ${view.sealedBin}`, seq };
  }
  const before =
    binIndex === view.sealedBin + 1 ? view.hash : view.history.find((old) => old.binIndex === binIndex - 1)?.hash;
  return before === null || before === undefined || before === record.prevHash ? null : hashFault(record, before);
}

function hashFault(record: BinRecord, expected: string): ViewFault {
  const message = `bin ${record.binIndex} says that ${short(record.prevHash)} came before it, but that was ${short(expected)}`;
  return { kind: "hash", message, seq: record.seq };
}

function holeBefore(view: RunView, seq: number): ViewFault | null {
  if (view.seq === null || seq === view.seq + 1) return null;
  return { kind: "hole", message: `event ${seq} came after ${view.seq}`, seq };
}

function foldWarnings(warnings: ReadonlyMap<string, Warning>, update: RunUpdate): ReadonlyMap<string, Warning> {
  if (update.warnings.length === 0) return warnings;
  const next = new Map(warnings);
  for (const change of update.warnings) {
    if (change.action === "cleared") next.delete(change.key);
    else next.set(change.warning.key, change.warning);
  }
  return next;
}

function foldAdjustment(view: RunView, { seq, fromBin, set }: AdjustmentEvent): RunView {
  if (view.seq !== null && seq <= view.seq) return view;
  return {
    ...view,
    seq,
    adjustments: [...view.adjustments, { fromBin, set }].slice(-MAX_ADJUSTMENTS),
    fault: holeBefore(view, seq) ?? view.fault,
  };
}

function foldCheckpoint(view: RunView, checkpoint: CheckpointEvent): RunView {
  if (view.seq !== null && checkpoint.seq <= view.seq) return view;
  return {
    ...view,
    seq: checkpoint.seq,
    checkpoints: [...view.checkpoints, checkpoint].slice(-MAX_CHECKPOINTS),
    fault: holeBefore(view, checkpoint.seq) ?? view.fault,
  };
}

function foldBye(view: RunView, code: ByeCode, message: string | null): RunView {
  const state = code === "completed" || code === "aborted" || code === "failed" ? code : view.state;
  return { ...view, state, bye: { code, message } };
}

function short(hash: string): string {
  return hash.slice(0, 8);
}
