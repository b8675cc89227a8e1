import type { BinUnit } from "../lib/bin-length.ts";
import type { IngestAnswer } from "./frame.ts";

/** A run from outside: what `POST /v1/runs` takes and the run endpoints answer. */

export type RunMode = "live" | "simulation";
export type RunState = "created" | "running" | "completed" | "aborted" | "failed" | "recovering";

export interface Grid {
  /** Horizon in bins. */
  readonly bins: number;
  readonly binSize: number;
  readonly binUnit: BinUnit;
  /** ISO-8601 UTC start of bin 0, null when the model gives none. */
  readonly start: string | null;
}

/** A series that telemetry is to feed, or one class of it: by its own id (`id@CLASS`), or by its role for a topology node. */
export type BindingRequest = string | { readonly nodeId: string; readonly metric: string; readonly classId?: string };

export interface CreateRunRequest {
  readonly mode: RunMode;
  /** Model text (YAML). */
  readonly model: string;
  /** Default none, besides what the model itself binds (`source`, `file:`). */
  readonly bindings?: readonly BindingRequest[];
  readonly runId?: string;
  /** Write a snapshot each time this many bins have been sealed. Default: only at the end. */
  readonly checkpointEvery?: number;
  /** Newest snapshots of the run that stay; older ones are removed when another is written. Default: all. */
  readonly keep?: number;
  /** What becomes of telemetry for a sealed bin. Default `reject`. */
  readonly latePolicy?: LatePolicy;
  /** Bins whose values stay in memory; older ones can neither be read nor corrected. Default: all of the run. */
  readonly historyBins?: number;
  /** What stands in for telemetry that is missing when its bin is sealed. Default `nan`. */
  readonly gapPolicy?: GapPolicy;
  /** A bin is sealed so many milliseconds after its first cell, whatever it lacks. Default: never. */
  readonly sealAfterMs?: number;
  /** The run no longer waits for an input that has been silent for so many milliseconds. Default: it does. */
  readonly idleAfterMs?: number;
  /** Limits to enforce. Default none. */
  readonly modes?: RunModes;
}

/** `hold`: the last value; before the first one NaN. `model`: what the series' own definition gives. */
export type GapPolicy = "nan" | "zero" | "hold" | "model";
export const GAP_POLICIES: readonly GapPolicy[] = ["nan", "zero", "hold", "model"];

/** Limits of the model that a run enforces, though FlowTime's runs do not: such a run has no FlowTime figures to compare with. */
export interface RunModes {
  /** WIP limits of queues, and the routing of what is beyond them. Default false. */
  readonly wip?: boolean;
  /** Shared constraints. Default false. */
  readonly constraints?: boolean;
}

export const RUN_MODES = ["wip", "constraints"] as const satisfies readonly (keyof RunModes)[];

/**
 * `reject`: no effect, told and counted. `log`: no effect, kept in the log and counted, no warning. `revise`: the bin and
 * those after it are evaluated again, as long as the bin is in the history.
 */
export type LatePolicy = "reject" | "revise" | "log";
export const LATE_POLICIES: readonly LatePolicy[] = ["reject", "revise", "log"];

/** A topology node, or a computation node of a model without topology, as the stream names it. */
export interface NodeInfo {
  readonly id: string;
  /** As written in the model; `service` when absent. */
  readonly kind: string;
  /** FlowTime's category: service, queue, dlq, router, dependency, sink, constant, expression. */
  readonly category: string;
  /** Minutes, null when the node has none. */
  readonly slaMin: number | null;
  /** Names of the metrics that its values carry, in their order. */
  readonly metrics?: readonly string[];
}

/** `GET /v1/runs/{id}` of a live run, also the answer of its creation. */
export interface RunDescription {
  readonly schemaVersion: number;
  readonly runId: string;
  readonly mode: RunMode;
  readonly state: RunState;
  readonly epoch: string;
  readonly seq: number;
  readonly grid: Grid;
  /** Newest sealed bin, -1 before the first. */
  readonly sealedBin: number;
  /** Chained hash after `sealedBin`: 64 hex digits. */
  readonly hash: string;
  readonly openBins: number;
  readonly nodes: readonly NodeInfo[];
  /** Bound series by id, in column order. */
  readonly bindings: readonly string[];
  /** ISO-8601 UTC. */
  readonly createdUtc: string;
  readonly checkpointEvery: number | null;
  readonly latePolicy: LatePolicy;
  /** Null: the whole run. */
  readonly historyBins: number | null;
  readonly gapPolicy: GapPolicy;
  /** Null: never. */
  readonly sealAfterMs: number | null;
  readonly idleAfterMs: number | null;
  /** Inputs that the run does not wait for now. */
  readonly idleInputs: readonly string[];
  /** Limits that are enforced; absent when none is. */
  readonly modes?: RunModes;
  /** Changes of the model so far, in the order in which they were taken. */
  readonly adjustments: readonly Adjustment[];
  /** Newest snapshot, null before the first. */
  readonly snapshot: SnapshotReference | null;
  /** Why the run failed; null otherwise. */
  readonly failure: string | null;
}

/** A change of the model that was taken. */
export interface Adjustment {
  /** First bin it applies to. */
  readonly fromBin: number;
  /** By the names that were given. */
  readonly set: Readonly<Record<string, number>>;
}

export interface SnapshotReference {
  readonly snapshotRunId: string;
  readonly sealedBin: number;
  /** Absolute folder on the engine's machine. */
  readonly path: string;
}

/** One line of `GET /v1/runs`. */
export interface RunListItem {
  readonly runId: string;
  readonly kind: "live" | "stored";
  readonly mode: string;
  readonly state: RunState;
  readonly bins: number;
  readonly sealedBin: number;
  readonly createdUtc: string | null;
  readonly warningCount: number;
  readonly path: string | null;
}

/** `GET /v1/state/live`: the engine as a whole. */
export interface EngineState {
  readonly schemaVersion: number;
  readonly pid: number;
  readonly uptimeMs: number;
  readonly runs: readonly {
    readonly runId: string;
    readonly state: RunState;
    readonly sealedBin: number;
    readonly openBins: number;
    /** Bins between the newest bin seen in any frame and the newest sealed one. */
    readonly lagBins: number;
    /** Milliseconds since the run last sealed a bin, null before the first. */
    readonly lagMs: number | null;
    readonly subscribers: number;
    readonly counters: IngestCounters;
  }[];
  /** Batches waiting for admission. */
  readonly queue: { readonly batches: number; readonly bytes: number; readonly limitBytes: number };
}

export type IngestCounters = Pick<IngestAnswer, "accepted" | "duplicates" | "late" | "rejected">;

/** Written to `<data>/engine.json` so that other commands find the engine. */
export interface EngineFile {
  readonly url: string;
  readonly pid: number;
  readonly startedUtc: string;
}
