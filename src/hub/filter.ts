import { fold } from "../lib/fold.ts";
import type {
  ByClass,
  NumberedEvent,
  RunUpdate,
  SnapshotEnd,
  SnapshotPage,
  Warning,
  WarningUpdate,
} from "../protocol/run-event.ts";

/**
 * What a subscriber wants to see. A filter thins events out and never renumbers them.
 * Edges are left out under a filter for nodes or warnings.
 */
export interface StreamFilter {
  /** Only these nodes, their warnings, and warnings of the run as a whole. Null: all. */
  readonly nodes: ReadonlySet<string> | null;
  /** Of the values by class only those of these classes (folded ids); totals stay. Null: all. */
  readonly classes: ReadonlySet<string> | null;
  /** Only warnings. */
  readonly onlyWarnings: boolean;
}

/** Equal filters have equal keys, so that they share what was encoded for one of them. */
export function filterKey({ nodes, classes, onlyWarnings }: StreamFilter): string {
  return JSON.stringify([onlyWarnings, ...[nodes, classes].map((ids) => (ids === null ? null : [...ids].sort()))]);
}

/** The event as the filter shows it, null when nothing is left of it. */
export function filterEvent(event: NumberedEvent, filter: StreamFilter): NumberedEvent | null {
  if (event.event === "bin") {
    const data = filterUpdate(event.data, filter);
    return data === null ? null : { event: "bin", data };
  }
  if (event.event === "revision") {
    const { replaces } = event.data;
    const data = filterUpdate(event.data, filter);
    return data === null ? null : { event: "revision", data: { ...data, replaces } };
  }
  return event;
}

export function filterPage(page: SnapshotPage, filter: StreamFilter): SnapshotPage {
  return { ...page, bins: page.bins.map((bin) => filterUpdate(bin, filter)).filter((bin) => bin !== null) };
}

export function filterEnd(end: SnapshotEnd, filter: StreamFilter): SnapshotEnd {
  return { ...end, warnings: end.warnings.filter((warning) => showsWarning(warning, filter)) };
}

function filterUpdate(update: RunUpdate, filter: StreamFilter): RunUpdate | null {
  const shown = filter.onlyWarnings ? [] : update.nodes.filter((node) => filter.nodes?.has(node.id) ?? true);
  const nodes = withClasses(shown, filter);
  const edges = filter.onlyWarnings || filter.nodes !== null ? [] : withClasses(update.edges, filter);
  const warnings = update.warnings.filter((change) => showsChange(change, filter));
  return nodes.length === 0 && warnings.length === 0 ? null : { ...update, nodes, edges, warnings };
}

/** The deltas with what the filter leaves of their classes; none left is none there. */
function withClasses<T extends { readonly byClass?: ByClass }>(
  deltas: readonly T[],
  { classes }: StreamFilter,
): readonly T[] {
  if (classes === null) return deltas;
  return deltas.map((delta) => {
    if (delta.byClass === undefined) return delta;
    const { byClass, ...rest } = delta;
    const left = Object.entries(byClass).filter(([classId]) => classes.has(fold(classId)));
    return (left.length === 0 ? rest : { ...rest, byClass: Object.fromEntries(left) }) as T;
  });
}

/** A cleared warning is known by its key alone; clearing one that was never shown is harmless. */
function showsChange(change: WarningUpdate, filter: StreamFilter): boolean {
  return change.action === "cleared" || showsWarning(change.warning, filter);
}

function showsWarning(warning: Warning, filter: StreamFilter): boolean {
  return filter.nodes === null || warning.nodeId === null || filter.nodes.has(warning.nodeId);
}
