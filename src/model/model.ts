import type { BinUnit } from "../lib/bin-length.ts";
import type { SourceSpan } from "./diagnostics.ts";
import type { Expression } from "./expression.ts";

/**
 * The model document (engine.md §2) after parsing: FlowTime's names, references as written, positions kept.
 * Nothing here is resolved or generated; `compile.ts` does that.
 */
export interface Model {
  /** The text as given, CRLF already replaced by LF. */
  readonly text: string;
  readonly grid: TimeGrid;
  readonly nodes: readonly ModelNode[];
  /** Null when the model has no `topology`. */
  readonly topology: Topology | null;
  readonly classes: readonly ModelClass[];
  readonly arrivals: readonly TrafficArrival[];
  readonly outputs: readonly Output[];
  readonly provenance: ModelProvenance | null;
}

export interface TimeGrid {
  readonly bins: number;
  readonly binSize: number;
  readonly binUnit: BinUnit;
  /** As authored; null when absent. Read as UTC. */
  readonly start: string | null;
}

interface NodeBase {
  readonly id: string;
  readonly span: SourceSpan;
  readonly metadata: Readonly<Record<string, string>>;
  /** Telemetry source of this node (`file:…` or any text); its series is then bound. */
  readonly source: string | null;
}
export interface ConstNode extends NodeBase {
  readonly kind: "const";
  readonly values: readonly number[];
}
export interface ExprNode extends NodeBase {
  readonly kind: "expr";
  readonly expr: string;
  /** Where the expression's text begins, for positions inside it. */
  readonly exprSpan: SourceSpan;
  /** The tree of a generated node, whose text need not be parsed; absent on nodes of the document. */
  readonly tree?: Expression;
}
export interface PmfNode extends NodeBase {
  readonly kind: "pmf";
  readonly values: readonly number[];
  readonly probabilities: readonly number[];
}
/** Where a node names what it reads, by field within the node (`inflow`, `inputs/queue`). Absent on generated nodes. */
export type InputPlaces = Readonly<Record<string, { readonly name: string; readonly span: SourceSpan }>>;

export interface BufferNode extends NodeBase {
  readonly kind: "serviceWithBuffer";
  readonly inputPlaces?: InputPlaces;
  readonly inflow: string;
  readonly outflow: string;
  readonly loss: string | null;
  readonly dispatchSchedule: DispatchSchedule | null;
  /** Only where WIP limits are enforced. */
  readonly wip?: WipLimit;
}

/** What a queue may hold, and where the rest goes (engine.md §6.4.3–4). */
export interface WipLimit {
  /** Id of the node that gives the limit. */
  readonly limit: string;
  /** Id of the queue that gets what is beyond it; null: it vanishes. */
  readonly overflow: string | null;
}

/** What a queue with a WIP limit turns away: a generated node, only where limits are enforced. */
export interface OverflowNode extends NodeBase {
  readonly kind: "overflow";
  readonly queue: string;
}

export interface RouterNode extends NodeBase {
  readonly kind: "router";
  readonly inputPlaces?: InputPlaces;
  readonly queue: string;
  readonly routes: readonly Route[];
}
export type ModelNode = ConstNode | ExprNode | PmfNode | BufferNode | RouterNode | OverflowNode;

export interface Route {
  readonly target: string;
  readonly classes: readonly string[];
  /** Null when absent (counts as 1 on a route without classes). */
  readonly weight: number | null;
}

export interface DispatchSchedule {
  readonly periodBins: number;
  /** As written; may be negative or beyond the period. */
  readonly phaseOffset: number;
  readonly capacitySeries: string | null;
}

export interface ModelClass {
  readonly id: string;
  readonly displayName: string | null;
  readonly description: string | null;
}

export interface TrafficArrival {
  readonly nodeId: string;
  /** `*` when blank. */
  readonly classId: string;
  readonly span: SourceSpan;
}

export interface Output {
  readonly series: string;
  readonly as: string | null;
  readonly span: SourceSpan;
}

export interface ModelProvenance {
  readonly templateId: string | null;
  readonly templateVersion: string | null;
  readonly mode: string | null;
}

export interface Topology {
  readonly nodes: readonly TopologyNode[];
  readonly edges: readonly Edge[];
  readonly constraints: readonly Constraint[];
}

/** The roles of a topology node that name a series (engine.md §2.4), in FlowTime's order. */
export const SERIES_ROLES = [
  "arrivals",
  "served",
  "errors",
  "attempts",
  "failures",
  "exhaustedFailures",
  "retryEcho",
  "retryBudgetRemaining",
  "externalDemand",
  "queueDepth",
  "capacity",
  "processingTimeMsSum",
  "servedCount",
] as const;
export type SeriesRole = (typeof SERIES_ROLES)[number];

export interface TopologyNode {
  readonly id: string;
  /** As written; null when absent (then FlowTime reads `service`). */
  readonly kind: string | null;
  readonly nodeRole: string | null;
  readonly group: string | null;
  readonly semantics: Semantics;
  readonly constraints: readonly string[];
  /** `initialCondition.queueDepth`; null when the node has no initial condition. */
  readonly initialQueueDepth: number | null;
  readonly dispatchSchedule: DispatchSchedule | null;
  readonly wip: WipFields;
  readonly span: SourceSpan;
}

/** The WIP fields of a topology node, null where absent. FlowTime's schema takes anything here and its runs read none of it (D11). */
export interface WipFields {
  /** Value null where what is written is no number. */
  readonly limit: { readonly value: number | null; readonly span: SourceSpan } | null;
  /** References as written, trimmed; empty where what is written is no text. */
  readonly limitSeries: { readonly text: string; readonly span: SourceSpan } | null;
  readonly overflow: { readonly text: string; readonly span: SourceSpan } | null;
}

export interface Semantics {
  /** Trimmed reference text by role; roles that are absent or blank have no entry. */
  readonly series: Readonly<Partial<Record<SeriesRole, string>>>;
  readonly seriesSpans: Readonly<Partial<Record<SeriesRole, SourceSpan>>>;
  /** A number, or a reference to a series; null when absent. */
  readonly parallelism: number | string | null;
  readonly retryKernel: readonly number[] | null;
  /** Minutes. */
  readonly slaMin: number | null;
  readonly maxAttempts: number | null;
  readonly backoffStrategy: string | null;
  readonly exhaustedPolicy: string | null;
  readonly aliases: Readonly<Record<string, string>>;
}

export interface Edge {
  /** As written; null when absent or blank (then `FROM->TO`). */
  readonly id: string | null;
  readonly from: string;
  readonly to: string;
  readonly weight: number | null;
  readonly type: string | null;
  readonly measure: string | null;
  readonly multiplier: number | null;
  readonly lag: number | null;
  readonly span: SourceSpan;
}

export interface Constraint {
  readonly id: string;
  readonly series: Readonly<Partial<Record<"arrivals" | "served" | "errors" | "latencyMinutes", string>>>;
}
