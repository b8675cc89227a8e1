import type { NodeDelta, RunUpdate } from "../protocol/run-event.ts";

/**
 * What a cell of a bin says. Four different things that must not look alike: a number, no number because the formula
 * has none here, no number because telemetry did not come, and no such metric at all.
 */
export const MARK = { absent: 0, value: 1, undefined: 2, missing: 3 } as const;
export type Mark = (typeof MARK)[keyof typeof MARK];

/** Roles a derived metric is computed from: when one of them is missing, so is the metric. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  utilization: ["served", "capacity", "parallelism"],
  latencyMinutes: ["queueDepth", "served"],
  queueTimeMs: ["queueDepth", "served"],
  serviceTimeMs: ["processingTimeMsSum", "servedCount"],
  cycleTimeMs: ["queueDepth", "served", "processingTimeMsSum", "servedCount"],
  flowEfficiency: ["queueDepth", "served", "processingTimeMsSum", "servedCount"],
  throughputRatio: ["served", "arrivals"],
  retryTax: ["attempts", "served", "failures", "errors"],
};

/** Column numbers by node and metric, `metric@class` for classes. Grows only, so that older records stay readable with a newer layout. */
export interface Layout {
  readonly size: number;
  readonly columns: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** One sealed bin, packed: `values[column]` is a number only where `marks[column]` is `MARK.value`. */
export interface BinRecord {
  readonly binIndex: number;
  readonly seq: number;
  readonly rev: number;
  readonly startUtc: string | null;
  readonly hash: string;
  readonly prevHash: string;
  readonly values: Float64Array;
  readonly marks: Uint8Array;
}

export const EMPTY_LAYOUT: Layout = { size: 0, columns: new Map() };

/** The same layout when it has a place for everything in `nodes`, else a larger one. */
export function layoutFor(layout: Layout, nodes: readonly NodeDelta[]): Layout {
  let size = layout.size;
  let columns: Map<string, Map<string, number>> | null = null;
  for (const node of nodes) {
    for (const metric of metricsOf(node)) {
      if ((columns ?? layout.columns).get(node.id)?.has(metric)) continue;
      columns ??= new Map([...layout.columns].map(([id, metrics]) => [id, new Map(metrics)]));
      let metrics = columns.get(node.id);
      if (metrics === undefined) {
        metrics = new Map();
        columns.set(node.id, metrics);
      }
      metrics.set(metric, size++);
    }
  }
  return columns === null ? layout : { size, columns };
}

export function packBin(layout: Layout, update: RunUpdate): BinRecord {
  const values = new Float64Array(layout.size);
  const marks = new Uint8Array(layout.size);
  for (const node of update.nodes) {
    const columns = layout.columns.get(node.id);
    if (columns === undefined) continue;
    for (const metric in node.metrics) {
      const column = columns.get(metric);
      if (column === undefined) continue;
      const value = node.metrics[metric] ?? null;
      marks[column] = markOf(node, metric);
      values[column] = value ?? Number.NaN;
    }
    for (const classId in node.byClass) {
      const share = node.byClass[classId]!;
      for (const metric in share) {
        const column = columns.get(classMetric(metric, classId));
        if (column === undefined) continue;
        const value = share[metric] ?? null;
        marks[column] = value === null ? noValueOfClass(node, metric, classId) : MARK.value;
        values[column] = value ?? Number.NaN;
      }
    }
  }
  const { binIndex, seq, rev, startUtc, hash, prevHash } = update;
  return { binIndex, seq, rev, startUtc, hash, prevHash, values, marks };
}

/** What the node's metric says in this bin. */
export function markOf(node: NodeDelta, metric: string): Mark {
  const value = node.metrics[metric];
  if (value === undefined) return MARK.absent;
  return value === null ? noValue(node, metric) : MARK.value;
}

/** Name of a metric of one class in a layout. */
export function classMetric(metric: string, classId: string): string {
  return `${metric}@${classId}`;
}

function* metricsOf({ metrics, byClass }: NodeDelta): Generator<string> {
  for (const metric in metrics) yield metric;
  for (const classId in byClass) for (const metric in byClass[classId]!) yield classMetric(metric, classId);
}

function noValueOfClass(node: NodeDelta, metric: string, classId: string): Mark {
  const isGap = [metric, ...(INPUTS[metric] ?? [])].some((role) => node.gaps?.includes(classMetric(role, classId)));
  return isGap ? MARK.missing : noValue(node, metric);
}

/** Why a metric that is there has no value. */
function noValue({ gaps }: NodeDelta, metric: string): Mark {
  if (gaps === undefined || gaps.length === 0) return MARK.undefined;
  const isGap = gaps.includes(metric) || (INPUTS[metric]?.some((role) => gaps.includes(role)) ?? false);
  return isGap ? MARK.missing : MARK.undefined;
}

/** The last `bins` bins of one metric, oldest first; bins before the history are `MARK.absent`. */
export interface SeriesWindow {
  readonly values: Float64Array;
  readonly marks: Uint8Array;
}

export function windowOf(
  history: readonly BinRecord[],
  layout: Layout,
  nodeId: string,
  metric: string,
  bins: number,
): SeriesWindow {
  const values = new Float64Array(bins).fill(Number.NaN);
  const marks = new Uint8Array(bins);
  const column = layout.columns.get(nodeId)?.get(metric);
  if (column === undefined) return { values, marks };
  for (let back = 0; back < bins && back < history.length; back++) {
    const record = history[history.length - 1 - back]!;
    if (column >= record.values.length) continue;
    values[bins - 1 - back] = record.values[column]!;
    marks[bins - 1 - back] = record.marks[column]!;
  }
  return { values, marks };
}
