import { binMilliseconds } from "../lib/bin-length.ts";
import type { Plan } from "../model/plan.ts";
import type { ColumnValues } from "./batch-analysis.ts";
import { type NodeData, nodeData } from "./query/node-data.ts";
import { backlogFindings, type Finding, stationarityFindings, wholeRunFindings } from "./query/node-warnings.ts";
import { ABSENT, resolvedColumns, resolvedParallelism } from "./topology-view.ts";
import { type Warning, WarningHeads } from "./warning.ts";

/**
 * The warnings of queries (engine.md §9.3) over the first `bins` bins at once: the window part of what an analyser's
 * `activeLive()` holds, in its order.
 */
export function analyseLiveWindow(plan: Plan, columns: ColumnValues, bins: number): readonly Warning[] {
  const heads = new WarningHeads();
  const range = { start: 0, count: bins };
  return (plan.model.topology?.nodes ?? []).flatMap((node) => {
    const byRole = resolvedColumns(plan, node);
    const values = (column: number): Float64Array => columns(column).subarray(0, bins);
    const servers = resolvedParallelism(plan, node);
    const parallelism: NodeData["parallelism"] =
      servers === null ? null : "constant" in servers ? servers.constant : values(servers.column);
    const data = nodeData(node, {
      values: (role) => (byRole[role] === ABSENT ? null : values(byRole[role])),
      parallelism,
      schedule: null,
      classes: new Map(),
      binMs: binMilliseconds(plan.model.grid),
    });
    const findings: Finding[] = [
      ...wholeRunFindings(data, bins),
      ...stationarityFindings(data, range),
      ...backlogFindings(data, range),
    ];
    return findings.map(
      ({ code, message, ...extras }): Warning => ({
        ...heads.head(code, node.id, message),
        bins: [],
        value: null,
        ...extras,
      }),
    );
  });
}
