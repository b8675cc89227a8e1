import type {
  NumberedEvent,
  RunUpdate,
  SnapshotEnd,
  SnapshotPage,
  Warning,
  WarningUpdate,
} from "../protocol/run-event.ts";

/**
 * What a subscriber wants to see. A filter thins events out and never renumbers them.
 * Edges are left out under either filter.
 */
export interface StreamFilter {
  /** Only these nodes, their warnings, and warnings of the run as a whole. Null: all. */
  readonly nodes: ReadonlySet<string> | null;
  /** Only warnings. */
  readonly onlyWarnings: boolean;
}

/** Equal filters have equal keys, so that they share what was encoded for one of them. */
export function filterKey({ nodes, onlyWarnings }: StreamFilter): string {
  return JSON.stringify([onlyWarnings, nodes === null ? null : [...nodes].sort()]);
}

/** The event as the filter shows it, null when nothing is left of it. */
export function filterEvent(event: NumberedEvent, filter: StreamFilter): NumberedEvent | null {
  if (event.event !== "bin") return event;
  const data = filterUpdate(event.data, filter);
  return data === null ? null : { event: "bin", data };
}

export function filterPage(page: SnapshotPage, filter: StreamFilter): SnapshotPage {
  return { ...page, bins: page.bins.map((bin) => filterUpdate(bin, filter)).filter((bin) => bin !== null) };
}

export function filterEnd(end: SnapshotEnd, filter: StreamFilter): SnapshotEnd {
  return { ...end, warnings: end.warnings.filter((warning) => showsWarning(warning, filter)) };
}

function filterUpdate(update: RunUpdate, filter: StreamFilter): RunUpdate | null {
  const nodes = filter.onlyWarnings ? [] : update.nodes.filter((node) => filter.nodes?.has(node.id) ?? true);
  const warnings = update.warnings.filter((change) => showsChange(change, filter));
  return nodes.length === 0 && warnings.length === 0 ? null : { ...update, nodes, edges: [], warnings };
}

/** A cleared warning is known by its key alone; clearing one that was never shown is harmless. */
function showsChange(change: WarningUpdate, filter: StreamFilter): boolean {
  return change.action === "cleared" || showsWarning(change.warning, filter);
}

function showsWarning(warning: Warning, filter: StreamFilter): boolean {
  return filter.nodes === null || warning.nodeId === null || filter.nodes.has(warning.nodeId);
}
