import { MARK, type Mark, markOf } from "../client/history.ts";
import { type RunView, seriesOf } from "../client/run-view.ts";
import type { NodeInfo } from "../protocol/run.ts";
import type { NodeDelta, Severity, Warning } from "../protocol/run-event.ts";
import type { ColumnId } from "./columns.ts";

/** One node as the table knows it: what the run says about it, and its newest values. */
export interface NodeEntry {
  readonly info: NodeInfo;
  /** Null before the first bin. */
  readonly delta: NodeDelta | null;
  /** The worst severity among its active warnings, null without any. */
  readonly severity: Severity | null;
}

export interface Sort {
  readonly column: ColumnId;
  readonly isDescending: boolean;
}

const SEVERITY_RANK: Readonly<Record<Severity, number>> = { info: 1, warning: 2, error: 3 };

/** All nodes in the order of the model, those that only appear in values behind them. */
export function nodeEntries(view: RunView): readonly NodeEntry[] {
  const deltas = new Map(view.nodes.map((node) => [node.id, node]));
  const severities = worstByNode(view.warnings.values());
  const known = new Set(view.nodeInfos.map(({ id }) => id));
  const others = view.nodes
    .filter(({ id }) => !known.has(id))
    .map(({ id }) => ({ id, kind: "", category: "", slaMin: null }));
  return [...view.nodeInfos, ...others].map((info) => ({
    info,
    delta: deltas.get(info.id) ?? null,
    severity: severities.get(info.id) ?? null,
  }));
}

/** A model without topology has computation nodes with a single `value`. */
export function hasTopology(view: RunView): boolean {
  if (view.nodes.length === 0) {
    return !view.nodeInfos.every(({ category }) => category === "constant" || category === "expression");
  }
  return view.nodes.some(({ metrics }) => Object.keys(metrics).some((metric) => metric !== "value"));
}

/** A missing node has no cell either. */
export function cellOf(delta: NodeDelta | null, metric: string): { readonly mark: Mark; readonly value: number } {
  if (delta === null) return { mark: MARK.absent, value: Number.NaN };
  return { mark: markOf(delta, metric), value: delta.metrics[metric] ?? Number.NaN };
}

export function defaultSort(isTopology: boolean): Sort {
  return isTopology ? { column: "queueDepth", isDescending: true } : { column: "node", isDescending: false };
}

/** Ids of the nodes that the filter lets through, sorted; equal ones stay in the order of the model. */
export function orderNodes(entries: readonly NodeEntry[], sort: Sort, filter: NodeFilter): readonly string[] {
  const shown = entries.filter(filter);
  const { column, isDescending } = sort;
  const sign = isDescending ? -1 : 1;
  const ranked = shown.map((entry, index) => ({ entry, index, key: sortKey(entry, column) }));
  ranked.sort((a, b) => compareKeys(a.key, b.key, sign) || a.index - b.index);
  return ranked.map(({ entry }) => entry.info.id);
}

type SortKey = string | number | null;

function sortKey(entry: NodeEntry, column: ColumnId): SortKey {
  if (column === "node") return entry.info.id;
  if (column === "kind") return entry.info.kind;
  const { mark, value } = cellOf(entry.delta, column);
  return mark === MARK.value ? value : null;
}

/** Nodes without a value come last whichever way the column is sorted. */
function compareKeys(a: SortKey, b: SortKey, sign: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === "string" && typeof b === "string") return sign * a.localeCompare(b, "en");
  return sign * (Number(a) - Number(b));
}

export type NodeFilter = (entry: NodeEntry) => boolean;

/**
 * A filter as it is typed: words that must all hold. `kind:queue` looks at kind and category, `is:warning` and
 * `is:gap` at the state, anything else is a regular expression (plain text when it is none) over the id.
 */
export function parseFilter(text: string): NodeFilter {
  const tests = text
    .split(/\s+/)
    .filter((word) => word !== "")
    .map(parseWord);
  return (entry) => tests.every((test) => test(entry));
}

function parseWord(word: string): NodeFilter {
  const [field, ...rest] = word.split(":");
  const wanted = rest.join(":").toLowerCase();
  if (field === "kind" && wanted !== "") {
    return ({ info }) => info.kind.toLowerCase().includes(wanted) || info.category.toLowerCase().includes(wanted);
  }
  if (field === "is" && "warning".startsWith(wanted) && wanted !== "") return ({ severity }) => severity !== null;
  if (field === "is" && "gap".startsWith(wanted) && wanted !== "") return ({ delta }) => hasGap(delta);
  const pattern = asPattern(word);
  return ({ info }) => pattern.test(info.id);
}

function asPattern(word: string): RegExp {
  try {
    return new RegExp(word, "i");
  } catch {
    // Half-typed expressions are common while typing; they are looked for as they stand.
    return new RegExp(word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "i");
  }
}

export function hasGap(delta: NodeDelta | null): boolean {
  return delta?.gaps !== undefined && delta.gaps.length > 0;
}

/** The metric that a node's trend shows: what fills up first, by the metrics the node has. */
export function trendMetric(delta: NodeDelta | null): string {
  const metrics = delta?.metrics ?? {};
  return ["queueDepth", "utilization", "served", "arrivals", "value"].find((metric) => metric in metrics) ?? "value";
}

/** More in the queue than before, over the last bins: what makes a long queue alarming. */
export function isQueueGrowing(view: RunView, id: string): boolean {
  const { values, marks } = seriesOf(view, id, "queueDepth", 4);
  if (marks.some((mark) => mark !== MARK.value)) return false;
  return values[3]! > values[0]! && values[3]! >= values[2]!;
}

/** Active warnings, those with the newest bin first. */
export function warningsNewestFirst(view: RunView): readonly Warning[] {
  return [...view.warnings.values()].sort((a, b) => newestBin(b) - newestBin(a) || (a.key < b.key ? -1 : 1));
}

export function newestBin(warning: Warning): number {
  return warning.endBin ?? warning.bins.at(-1) ?? -1;
}

function worstByNode(warnings: Iterable<Warning>): ReadonlyMap<string, Severity> {
  const worst = new Map<string, Severity>();
  for (const { nodeId, severity } of warnings) {
    if (nodeId === null) continue;
    const before = worst.get(nodeId);
    if (before === undefined || SEVERITY_RANK[severity] > SEVERITY_RANK[before]) worst.set(nodeId, severity);
  }
  return worst;
}
