import { fold } from "../../lib/fold.ts";
import type { Edge } from "../../model/model.ts";
import { normalise } from "../formulas.ts";
import { edgeLabel, edgeType, endpointNode } from "../topology-view.ts";
import { TOLERANCE } from "../warning.ts";
import { type Cells, cell, type EdgeSeries, type Semantics } from "./answers.ts";
import type { ConstraintLayer } from "./constraints.ts";
import { echoOf, type NodeData } from "./node-data.ts";
import type { BinRange, QueryRun } from "./query-run.ts";
import { type RetryEdge, retryEdges } from "./retry-edges.ts";

/** What of the edges is asked for; null for everything. Names that match nothing leave nothing. */
export interface EdgeFilter {
  readonly edgeIds: ReadonlySet<string> | null;
  readonly metrics: ReadonlySet<string> | null;
  readonly classIds: ReadonlySet<string> | null;
}

/** An edge while its series are put together. Values are over the range asked for, NaN for null. */
interface Draft {
  readonly id: string;
  readonly edge: Edge;
  lag: number | null;
  readonly series: Map<string, { values: Float64Array; origin: "explicit" | "derived" }>;
  readonly byClass: Map<string, Map<string, Float64Array>>;
}

/**
 * Edges of the topology as queries show them (engine.md §7.6.3): the stored series, merged with what attempts and failures
 * of their sources say. Only when a run has both kinds, constraints scale flows and retries are shared out.
 */
export function edgesOf(
  run: QueryRun,
  nodes: readonly NodeData[],
  constraints: ConstraintLayer,
  range: BinRange,
  filter: EdgeFilter | null = null,
): readonly EdgeSeries[] {
  const topologyEdges = run.model.topology?.edges ?? [];
  const byId = new Map(nodes.map((node) => [fold(node.id), node]));
  const drafts = storedEdges(run, topologyEdges, range);
  const retries = retryEdges(topologyEdges, byId, range);
  const hasBoth = drafts.size > 0 && retries.length > 0;
  for (const retry of retries) mergeRetryEdge(drafts, retry);
  if (hasBoth) {
    scaleConstrained([...drafts.values()], byId, constraints, range);
    shareEchoes([...drafts.values()], byId, range);
    addEffortRetries([...drafts.values()]);
  }
  return [...drafts.values()].flatMap((draft) => finished(draft, filter) ?? []);
}

function storedEdges(run: QueryRun, edges: readonly Edge[], { start, count }: BinRange): Map<string, Draft> {
  const byLabel = new Map(edges.map((edge) => [edgeLabel(edge), edge]));
  const drafts = new Map<string, Draft>();
  for (const { edgeId, metric, classId, values } of run.edgeSeries) {
    const edge = byLabel.get(edgeId);
    if (edge === undefined) continue;
    const draft = drafts.get(edgeId) ?? newDraft(edgeId, edge, edge.lag);
    drafts.set(edgeId, draft);
    const part = values.subarray(start, start + count).map(normalise);
    if (classId === null) {
      draft.series.set(metric, { values: part, origin: "explicit" });
    } else {
      const block = draft.byClass.get(classId) ?? new Map<string, Float64Array>();
      draft.byClass.set(classId, block.set(metric, part));
    }
  }
  return drafts;
}

function newDraft(id: string, edge: Edge, lag: number | null): Draft {
  return { id, edge, lag, series: new Map(), byClass: new Map() };
}

function mergeRetryEdge(drafts: Map<string, Draft>, { id, edge, lag, ...volumes }: RetryEdge): void {
  const draft = drafts.get(id) ?? newDraft(id, edge, lag);
  drafts.set(id, draft);
  draft.lag = lag;
  for (const metric of ["attemptsVolume", "failuresVolume", "retryRate"] as const) {
    draft.series.set(metric, { values: volumes[metric], origin: "derived" });
  }
}

/** What a constraint takes from a node's output, it takes from the flow of its throughput edges. */
function scaleConstrained(
  drafts: readonly Draft[],
  nodes: ReadonlyMap<string, NodeData>,
  constraints: ConstraintLayer,
  { start }: BinRange,
): void {
  for (const { edge, series } of drafts) {
    const source = nodes.get(fold(endpointNode(edge.from)));
    const flow = series.get("flowVolume");
    const { served } = source?.roles ?? {};
    if (shownType(edge) !== "throughput" || source === undefined || flow === undefined || served === undefined)
      continue;
    flow.values = flow.values.map((value, offset) => {
      const limit = constraints.limit(source, start + offset);
      const raw = served[start + offset]!;
      if (limit === null || !(raw > 0)) return value;
      const ratio = limit / raw;
      return ratio + TOLERANCE < 1 ? normalise(value * ratio) : value;
    });
  }
}

/** Retries that reach a node, over the edges that feed it: by their flow, evenly when nothing flows. */
function shareEchoes(drafts: readonly Draft[], nodes: ReadonlyMap<string, NodeData>, range: BinRange): void {
  const feeding = drafts.filter(({ edge }) => edgeType(edge) === "throughput");
  const flowOf = ({ series }: Draft, offset: number): number => {
    return Math.max(0, series.get("flowVolume")?.values[offset] ?? 0);
  };
  for (const [target, edges] of Map.groupBy(feeding, ({ edge }) => fold(endpointNode(edge.to)))) {
    const node = nodes.get(target);
    const echo = node === undefined ? null : echoOf(node, range.start, range.count);
    if (echo === null) continue;
    for (const draft of edges) {
      if (draft.series.has("retryVolume")) continue;
      const values = Float64Array.from(echo, (retries, offset) => {
        if (!(Number.isFinite(retries) && retries > 0)) return Number.NaN;
        const total = edges.reduce((sum, other) => sum + flowOf(other, offset), 0);
        return normalise(total > 0 ? retries * (flowOf(draft, offset) / total) : retries / edges.length);
      });
      draft.series.set("retryVolume", { values, origin: "derived" });
    }
  }
}

/** Attempts beyond what flowed are retries. */
function addEffortRetries(drafts: readonly Draft[]): void {
  for (const { edge, series } of drafts) {
    const type = shownType(edge);
    const attempts = series.get("attemptsVolume");
    if ((type !== "effort" && type !== "dependency") || attempts === undefined || series.has("retryVolume")) continue;
    const flow = series.get("flowVolume");
    const values = attempts.values.map((value, offset) => {
      return normalise(Math.max(0, value - (flow?.values[offset] ?? 0)));
    });
    series.set("retryVolume", { values, origin: "derived" });
  }
}

/** An edge without a type is a dependency here, unlike anywhere else. */
function shownType(edge: Edge): string {
  const type = edge.type?.trim().toLowerCase() ?? "";
  return type === "" ? "dependency" : type;
}

/** Null when the filter leaves nothing of the edge. */
function finished({ id, edge, lag, series, byClass }: Draft, filter: EdgeFilter | null): EdgeSeries | null {
  if (filter?.edgeIds?.has(id) === false) return null;
  const hasMetric = (name: string): boolean => filter?.metrics?.has(name) !== false;
  const shown = [...series].filter(([name]) => hasMetric(name));
  const classes = [...byClass]
    .filter(([classId]) => filter?.classIds?.has(classId) !== false)
    .map(([classId, block]) => {
      const figures = [...block].filter(([name]) => hasMetric(name));
      return [classId, new Map(figures.map(([name, values]) => [name, cells(values)]))] as const;
    })
    .filter(([, block]) => block.size > 0);
  if (shown.length === 0 && classes.length === 0) return null;
  return {
    id,
    from: endpointNode(edge.from),
    to: endpointNode(edge.to),
    edgeType: shownType(edge),
    field: edge.measure?.trim().toLowerCase() ?? "",
    multiplier: edge.multiplier ?? edge.weight ?? 1,
    lag,
    series: new Map(shown.map(([name, { values }]) => [name, cells(values)])),
    seriesMetadata:
      shown.length === 0 ? undefined : new Map(shown.map(([name, { origin }]) => [name, semantics(name, origin)])),
    byClass: classes.length === 0 ? undefined : new Map(classes),
  };
}

function cells(values: Float64Array): Cells {
  return Array.from(values, cell);
}

function semantics(metric: string, origin: string): Semantics {
  return { aggregation: metric === "retryRate" ? "unknown" : "sum", origin };
}
