import type { NodeColour } from "../node-status.ts";

/**
 * Bodies of FlowTime's read endpoints (api.md §5.2, §5.3, §5.6) as values: members in the order in which FlowTime writes
 * them, `undefined` where it leaves one out. Members whose names are data are maps, which keep their order.
 */

export interface Semantics {
  readonly aggregation: string | null;
  readonly origin: string | null;
}
export type SemanticsByName = ReadonlyMap<string, Semantics>;
export type Cells = readonly (number | null)[];

export interface NodeWarning {
  readonly code: string;
  readonly message: string;
  readonly severity: string;
}
export interface StateWarning extends NodeWarning {
  readonly nodeId: string | null;
  readonly startBin?: number;
  readonly endBin?: number;
  readonly signal?: string;
}

export interface Metadata {
  readonly runId: string;
  readonly templateId: string;
  readonly templateTitle: string | null;
  readonly templateNarrative: string | null;
  readonly templateVersion: string | null;
  readonly mode: string;
  readonly provenanceHash: string | null;
  readonly telemetrySourcesResolved: boolean;
  readonly schema: { readonly id: string; readonly version: string; readonly hash: string };
  readonly storage: {
    readonly modelPath: string;
    readonly metadataPath: string | null;
    readonly provenancePath: string | null;
  };
  readonly edgeQuality: EdgeQuality;
  readonly rng: null;
  readonly inputHash: string | undefined;
  readonly classCoverage: Coverage;
  readonly classes:
    | readonly {
        readonly id: string;
        readonly displayName: string | undefined;
        readonly description: string | undefined;
      }[]
    | undefined;
}
export type Coverage = "missing" | "partial" | "full";
export type EdgeQuality = "exact" | "approx" | "partialClass" | "missing";

/** What both kinds of answer say of a node, in front. */
export interface NodeHead {
  readonly id: string;
  readonly kind: string;
  readonly category: string;
  readonly analytical: {
    readonly identity: string;
    readonly hasQueueSemantics: boolean;
    readonly hasServiceSemantics: boolean;
    readonly hasCycleTimeDecomposition: boolean;
    readonly stationarityWarningApplicable: boolean;
  };
  readonly classTruth: ClassTruth;
}
export interface ClassTruth {
  readonly coverage: Coverage;
  readonly hasSpecificClasses: boolean;
  readonly hasFallbackClass: boolean;
}
export interface Telemetry {
  readonly sources: readonly string[];
  readonly warnings: readonly NodeWarning[];
}
export interface Schedule {
  readonly kind: "time-based";
  readonly periodBins: number;
  readonly phaseOffset: number;
  readonly capacitySeries: string | null;
}
export interface LatencyStatus {
  readonly code: "paused_gate_closed";
  readonly message: string;
}
export interface SlaHead {
  readonly kind: "completion" | "backlogAge" | "scheduleAdherence";
  readonly status: "ok" | "unavailable" | "noEvents";
  readonly threshold: number | null;
}

/** A node in one bin. */
export interface NodeSnapshot extends NodeHead {
  readonly metrics: NodeSnapshotMetrics;
  readonly seriesMetadata: SemanticsByName | undefined;
  readonly byClass: ReadonlyMap<string, ReadonlyMap<string, number | null>> | undefined;
  readonly constraints:
    | ReadonlyMap<
        string,
        { readonly metrics: ReadonlyMap<string, number | null>; readonly seriesMetadata: SemanticsByName }
      >
    | undefined;
  readonly constraintStatus: ReadonlyMap<string, boolean> | undefined;
  readonly derived: NodeSnapshotDerived;
  readonly telemetry: Telemetry;
  readonly aliases: ReadonlyMap<string, string> | null;
  readonly dispatchSchedule: Schedule | undefined;
  readonly sla: readonly (SlaHead & { readonly value: number | null })[];
}
export interface NodeSnapshotMetrics {
  readonly arrivals: number | null;
  readonly served: number | null;
  readonly errors: number | null;
  readonly attempts: number | null;
  readonly failures: number | null;
  readonly exhaustedFailures: number | null;
  readonly retryEcho: number | null;
  readonly retryBudgetRemaining: number | null;
  readonly queue: number | null;
  readonly capacity: number | null;
  readonly parallelism: number | null;
  readonly externalDemand: number | null;
  readonly maxAttempts: number | null;
  readonly queueLatencyStatus: LatencyStatus | undefined;
}
export interface NodeSnapshotDerived {
  readonly utilization: number | null;
  readonly latencyMinutes: number | null;
  readonly serviceTimeMs: number | null;
  readonly queueTimeMs: number | null;
  readonly cycleTimeMs: number | null;
  readonly flowLatencyMs: number | null;
  readonly flowEfficiency: number | null;
  readonly throughputRatio: number | null;
  readonly retryTax: number | null;
  readonly color: NodeColour;
}

/** A node over a window. The later members are there for nodes of the topology. */
export interface NodeSeries extends NodeHead {
  readonly series: ReadonlyMap<string, Cells>;
  readonly seriesMetadata: SemanticsByName | undefined;
  readonly byClass: ReadonlyMap<string, ReadonlyMap<string, Cells>> | undefined;
  readonly constraints:
    | ReadonlyMap<string, { readonly series: ReadonlyMap<string, Cells>; readonly seriesMetadata: SemanticsByName }>
    | undefined;
  readonly constraintStatus: ReadonlyMap<string, Cells> | undefined;
  readonly telemetry: Telemetry;
  readonly aliases: ReadonlyMap<string, string> | null;
  readonly dispatchSchedule: Schedule | undefined;
  readonly queueLatencyStatus: readonly (LatencyStatus | null)[] | undefined;
  readonly sla: readonly (SlaHead & { readonly values: Cells })[] | undefined;
}

/** An edge over the bins of the answer; one in a snapshot. */
export interface EdgeSeries {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly edgeType: string;
  readonly field: string;
  readonly multiplier: number;
  readonly lag: number | null;
  readonly series: ReadonlyMap<string, Cells>;
  readonly seriesMetadata: SemanticsByName | undefined;
  readonly byClass: ReadonlyMap<string, ReadonlyMap<string, Cells>> | undefined;
}

export interface StateSnapshot {
  readonly metadata: Metadata;
  readonly bin: {
    readonly index: number;
    readonly startUtc: string | null;
    readonly endUtc: string | null;
    readonly durationMinutes: number;
  };
  readonly nodes: readonly NodeSnapshot[];
  readonly edges: readonly EdgeSeries[];
  readonly edgeWarnings: ReadonlyMap<string, readonly StateWarning[]>;
  readonly warnings: readonly StateWarning[];
}

export interface StateWindow {
  readonly metadata: Metadata;
  readonly window: { readonly startBin: number; readonly endBin: number; readonly binCount: number };
  readonly timestampsUtc: readonly string[];
  readonly nodes: readonly NodeSeries[];
  readonly edges: readonly EdgeSeries[];
  readonly edgeWarnings: ReadonlyMap<string, readonly StateWarning[]>;
  readonly warnings: readonly StateWarning[];
}

export interface MetricsSummary {
  readonly window: { readonly start: string | null; readonly timezone: "UTC" };
  readonly grid: { readonly binMinutes: number; readonly bins: number };
  readonly services: readonly {
    readonly id: string;
    readonly slaPct: number;
    readonly binsMet: number;
    readonly binsTotal: number;
    readonly mini: Cells;
  }[];
}

/** The cell of a figure: NaN stands for null. */
export function cell(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
