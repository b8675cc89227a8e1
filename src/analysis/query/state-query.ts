import { binMilliseconds, binMinutes } from "../../lib/bin-length.ts";
import { parseUtc } from "../../lib/utc-time.ts";
import type { MetricsSummary, NodeSeries, NodeWarning, StateSnapshot, StateWarning, StateWindow } from "./answers.ts";
import { computedNodes } from "./computed-nodes.ts";
import { ConstraintLayer } from "./constraints.ts";
import { type EdgeFilter, edgesOf } from "./edges.ts";
import { flowLatencies } from "./flow-latency.ts";
import { metadataOf } from "./metadata.ts";
import { serviceSummary } from "./metrics-summary.ts";
import { type ModeError, type ModeValidation, validateMode } from "./mode-validation.ts";
import { loadNodes, type NodeData } from "./node-data.ts";
import { binsOf, nodeSeries } from "./node-series.ts";
import { backlogFindings, wholeRunFindings } from "./node-warnings.ts";
import type { BinRange, QueryRun } from "./query-run.ts";
import { nodeSnapshot } from "./snapshot.ts";

/** Kinds of topology nodes that are only computed; an operational window leaves them out. */
const COMPUTED_KINDS: ReadonlySet<string> = new Set(["const", "expr", "expression", "pmf"]);

export interface WindowOptions {
  /** `full` also shows nodes that are only computed. Default `operational`. */
  readonly mode?: "operational" | "full";
  readonly edgeFilter?: EdgeFilter;
}

/**
 * FlowTime's read queries over the bins of a run so far: pure functions of the run, with FlowTime's figures and words
 * (engine.md §7.4, §7.6.3, §8, §9.3). Ranges are the caller's to check; a bin that is not there is a broken promise.
 */
export class StateQuery {
  private readonly run: QueryRun;
  private readonly nodes: readonly NodeData[];
  private readonly constraints: ConstraintLayer;
  private readonly validation: ModeValidation;

  constructor(run: QueryRun) {
    this.run = run;
    this.nodes = loadNodes(run);
    this.constraints = new ConstraintLayer(run, this.nodes);
    this.validation = validateMode(run, this.nodes);
  }

  /** Why a run of its mode cannot be shown; answers are still computed for whoever wants them. */
  get modeError(): ModeError | null {
    return this.validation.error;
  }

  /** Every node of the topology in one bin (api.md §5.2). */
  snapshot(bin: number): StateSnapshot {
    const range = { start: bin, count: 1 };
    const latencies = flowLatencies(this.run, this.nodes, range);
    const nodes = this.nodes.map((data) =>
      nodeSnapshot(data, bin, this.constraints, this.warningsOf(data), latencies.get(data.id)![0]!),
    );
    const warnings = this.runWarnings();
    return {
      metadata: metadataOf(
        this.run,
        nodes.map(({ classTruth }) => classTruth.coverage),
        warnings,
      ),
      bin: {
        index: bin,
        startUtc: this.instant(bin),
        endUtc: this.instant(bin + 1),
        durationMinutes: binMinutes(this.run.model.grid),
      },
      nodes,
      edges: edgesOf(this.run, this.nodes, this.constraints, range),
      edgeWarnings: this.edgeWarnings(null),
      warnings,
    };
  }

  /** Nodes and edges over a window (api.md §5.3). Instants are empty texts when the model does not say when it starts. */
  window(range: BinRange, { mode = "operational", edgeFilter }: WindowOptions = {}): StateWindow {
    const shown = mode === "full" ? this.nodes : this.nodes.filter(isOperational);
    const latencies = flowLatencies(this.run, this.nodes, range);
    const nodes: NodeSeries[] = shown.map((data) =>
      nodeSeries(data, range, this.constraints, this.warningsOf(data), latencies.get(data.id)!),
    );
    const coverages = nodes.map(({ classTruth }) => classTruth.coverage);
    if (mode === "full") nodes.push(...computedNodes(this.run, range));
    const warnings = [...this.runWarnings(), ...shown.flatMap((data) => backlogWarnings(data, range))];
    return {
      metadata: metadataOf(this.run, coverages, warnings),
      window: { startBin: range.start, endBin: range.start + range.count - 1, binCount: range.count },
      timestampsUtc: binsOf(range).map((bin) => this.instant(bin) ?? ""),
      nodes,
      edges: edgesOf(this.run, this.nodes, this.constraints, range, edgeFilter),
      edgeWarnings: this.edgeWarnings(edgeFilter?.edgeIds ?? null),
      warnings,
    };
  }

  /** How services and queues kept up with their arrivals (api.md §5.6). */
  metrics(range: BinRange): MetricsSummary {
    const services = this.nodes.filter(isOperational).filter(({ descriptor }) => {
      return descriptor.hasServiceSemantics || descriptor.hasQueueSemantics;
    });
    return {
      window: { start: this.instant(range.start), timezone: "UTC" },
      grid: { binMinutes: binMinutes(this.run.model.grid), bins: range.count },
      services: services.map((data) => serviceSummary(data, binsOf(range), this.constraints)),
    };
  }

  private warningsOf(data: NodeData): readonly NodeWarning[] {
    const findings = wholeRunFindings(data, this.run.bins).map(({ code, message }) => {
      return { code, message, severity: "warning" };
    });
    return [...findings, ...(this.validation.nodeWarnings.get(data.id) ?? [])];
  }

  private runWarnings(): StateWarning[] {
    const ofRun = this.run.warnings.map(({ code, message, severity, nodeId }) => ({ code, message, severity, nodeId }));
    return [...ofRun, ...this.validation.warnings.map((warning) => ({ ...warning, nodeId: null }))];
  }

  private edgeWarnings(edgeIds: ReadonlySet<string> | null): ReadonlyMap<string, readonly StateWarning[]> {
    const byEdge = new Map<string, StateWarning[]>();
    for (const { code, message, severity, nodeId, edgeIds: named } of this.run.warnings) {
      for (const edgeId of named ?? []) {
        if (edgeIds?.has(edgeId) === false) continue;
        const list = byEdge.get(edgeId) ?? [];
        list.push({ code, message, severity, nodeId });
        byEdge.set(edgeId, list);
      }
    }
    return byEdge;
  }

  /** Start of a bin; null when the model does not say when it starts. */
  private instant(bin: number): string | null {
    const { grid } = this.run.model;
    const start = grid.start === null ? null : parseUtc(grid.start);
    return start === null ? null : instantText(start + bin * binMilliseconds(grid));
  }
}

function isOperational({ node }: NodeData): boolean {
  return !COMPUTED_KINDS.has((node.kind ?? "").trim().toLowerCase());
}

function backlogWarnings(data: NodeData, range: BinRange): StateWarning[] {
  return backlogFindings(data, range).map(({ code, message, startBin, endBin, signal }) => ({
    code,
    message,
    severity: "warning",
    nodeId: data.id,
    ...(startBin === undefined ? {} : { startBin }),
    ...(endBin === undefined ? {} : { endBin }),
    ...(signal === undefined ? {} : { signal }),
  }));
}

/** ISO 8601 with offset, as .NET writes it: no fraction when there is none. */
function instantText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.(\d*?)0*Z$/, (_, fraction: string) => {
    return `${fraction === "" ? "" : `.${fraction}`}+00:00`;
  });
}
