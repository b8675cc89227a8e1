import type { Adjustment, Grid, NodeInfo, RunMode, RunState } from "./run.ts";

/**
 * What a subscriber receives (design/live-runs.md §7). Values are absolute, so applying an event twice is harmless.
 * Events with an `id` on the wire carry `seq`; the others do not move the cursor.
 */

export type MetricValue = number | null;

/** Metrics by class id. Names as in `metrics`; a class has those that its shares give. */
export type ByClass = Readonly<Record<string, Readonly<Record<string, MetricValue>>>>;

/** All current values of one node in one bin. */
export interface NodeDelta {
  readonly id: string;
  /**
   * By FlowTime's names: roles (`arrivals`, `served`, `errors`, `queueDepth`, `capacity`, …) and derived metrics
   * (`utilization`, `latencyMinutes`, …). `null` = undefined here (no denominator, or not a number).
   * A computation node of a model without topology has the single metric `value`.
   */
  readonly metrics: Readonly<Record<string, MetricValue>>;
  /** Roles whose telemetry was missing when the bin was sealed: absent is not zero. Left out when empty. */
  readonly gaps?: readonly string[];
  /** How classes share the node's roles, and their times in it. Left out when no class does. */
  readonly byClass?: ByClass;
}

export interface EdgeDelta {
  readonly id: string;
  readonly metrics: Readonly<Record<string, MetricValue>>;
  /** Left out when no class is on the edge. */
  readonly byClass?: ByClass;
}

export type Severity = "info" | "warning" | "error";

/** A warning as FlowTime writes it, plus the stable `key` that later updates refer to. */
export interface Warning {
  readonly key: string;
  readonly code: string;
  readonly nodeId: string | null;
  readonly message: string;
  readonly severity: Severity;
  /** Violating bins, ascending: the first five, or all where the rule says so. */
  readonly bins: readonly number[];
  readonly value: number | null;
  readonly edgeIds?: readonly string[];
  /** Window warnings only (engine.md §9.3). */
  readonly startBin?: number;
  readonly endBin?: number;
  readonly signal?: string;
}

export type WarningUpdate =
  | { readonly action: "raised" | "updated"; readonly warning: Warning }
  | { readonly action: "cleared"; readonly key: string };

/** One sealed bin: whole, consistent, hashed. */
export interface RunUpdate {
  readonly runId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly binIndex: number;
  /** 0 for the first evaluation; corrections raise it. */
  readonly rev: number;
  /** ISO-8601 UTC start of the bin, null when the model has no start. */
  readonly startUtc: string | null;
  readonly nodes: readonly NodeDelta[];
  readonly edges: readonly EdgeDelta[];
  readonly warnings: readonly WarningUpdate[];
  /** SHA-256 chained over all sealed bins up to this one: 64 hex digits. */
  readonly hash: string;
  readonly prevHash: string;
  readonly provenance: {
    readonly sealedBy: SealedBy;
    /** Changes of the model that apply from this bin on. Left out when there are none. */
    readonly adjusted?: Readonly<Record<string, number>>;
  };
}

/**
 * Why a bin was sealed: every input had its cell, a watermark came, it had waited long enough, only idle inputs lacked, the
 * telemetry ended, or the model needs none.
 */
export type SealedBy = "complete" | "watermark" | "timeout" | "idle" | "end" | "model";

/**
 * A sealed bin evaluated again after a correction: its newest values, `rev` raised by one. Every bin from the corrected
 * one to the newest sealed one comes, in order, as each has another hash.
 */
export interface RevisionUpdate extends RunUpdate {
  /** What is no longer valid. */
  readonly replaces: { readonly rev: number; readonly hash: string };
}

/** A change of the model was taken. */
export interface AdjustmentEvent extends Adjustment {
  readonly seq: number;
}

export interface Hello {
  readonly schemaVersion: number;
  readonly runId: string;
  readonly mode: RunMode;
  readonly epoch: string;
  readonly seq: number;
  readonly firstRetainedSeq: number;
  readonly sealedBin: number;
  readonly state: RunState;
  readonly grid: Grid;
  readonly nodes: readonly NodeInfo[];
}

/** `bins` are the newest sealed bins before the pinned `seq`, oldest first, spread over the pages. */
export interface SnapshotBegin {
  readonly runId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly sealedBin: number;
  readonly pages: number;
  readonly hash: string;
  /**
   * A revision is on its way: bins from this one on will come again, and are still chained to what it replaces. Left out
   * when there is none.
   */
  readonly revisingFrom?: number;
}
export interface SnapshotPage {
  readonly page: number;
  readonly bins: readonly RunUpdate[];
}
export interface SnapshotEnd {
  readonly epoch: string;
  readonly seq: number;
  readonly sealedBin: number;
  readonly hash: string;
  /** Every warning active at `sealedBin`. */
  readonly warnings: readonly Warning[];
}

export interface Progress {
  readonly seq: number;
  readonly sealedBin: number;
  /** Milliseconds since the newest bin was sealed; null before the first. */
  readonly lagMs: number | null;
  readonly openBins: number;
}

export interface CheckpointEvent {
  readonly seq: number;
  readonly snapshotRunId: string;
  readonly sealedBin: number;
  readonly path: string;
}

export type ResetReason = "epoch" | "evicted" | "ahead" | "slow" | "acl";
export type ByeCode = "completed" | "aborted" | "failed" | "slow" | "expired" | "draining";

export type RunEvent =
  | { readonly event: "hello"; readonly data: Hello }
  | { readonly event: "snapshot-begin"; readonly data: SnapshotBegin }
  | { readonly event: "snapshot-page"; readonly data: SnapshotPage }
  | { readonly event: "snapshot-end"; readonly data: SnapshotEnd }
  | { readonly event: "bin"; readonly data: RunUpdate }
  | { readonly event: "revision"; readonly data: RevisionUpdate }
  | { readonly event: "adjustment"; readonly data: AdjustmentEvent }
  | { readonly event: "progress"; readonly data: Progress }
  | { readonly event: "checkpoint"; readonly data: CheckpointEvent }
  | { readonly event: "reset"; readonly data: { readonly reason: ResetReason } }
  | { readonly event: "bye"; readonly data: { readonly code: ByeCode; readonly message?: string } };

export const RUN_EVENT_NAMES = [
  "hello",
  "snapshot-begin",
  "snapshot-page",
  "snapshot-end",
  "bin",
  "revision",
  "adjustment",
  "progress",
  "checkpoint",
  "reset",
  "bye",
] as const satisfies readonly RunEvent["event"][];

/** Events that a run numbers and that a resumed subscriber receives again. */
export type NumberedEvent = Extract<RunEvent, { event: "bin" | "revision" | "adjustment" | "checkpoint" }>;

/** `GET /v1/runs/{id}/state/live`: the newest sealed bin. */
export interface LiveState {
  readonly schemaVersion: number;
  readonly runId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly state: RunState;
  readonly sealedBin: number;
  readonly startUtc: string | null;
  readonly hash: string;
  /** Every published series by id; `null` = not a finite number. */
  readonly series: Readonly<Record<string, MetricValue>>;
  readonly nodes: readonly NodeDelta[];
  readonly edges: readonly EdgeDelta[];
  readonly warnings: readonly Warning[];
}

/** One bin of `GET /v1/runs/{id}/bins`. */
export interface KnownBin {
  readonly binIndex: number;
  readonly rev: number;
  readonly startUtc: string | null;
  readonly hash: string;
  /** Every series of nodes by id, `id@class` for shares; `null` = not a finite number. */
  readonly series: Readonly<Record<string, MetricValue>>;
}

export interface KnownBins {
  readonly schemaVersion: number;
  readonly runId: string;
  readonly epoch: string;
  /** Position of the stream as of which they were known. */
  readonly seq: number;
  readonly bins: readonly KnownBin[];
}
