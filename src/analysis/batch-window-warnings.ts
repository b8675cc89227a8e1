import { describeNode } from "../model/descriptor.ts";
import type { SeriesRole, TopologyNode } from "../model/model.ts";
import type { Plan } from "../model/plan.ts";
import { applyRetryKernelPolicy } from "../model/retry-kernel.ts";
import type { ColumnValues } from "./batch-analysis.ts";
import { binMinutes, effectiveCapacity, queueTimeMs } from "./formulas.ts";
import { MESSAGES, PRESENCE_CHECKS } from "./messages.ts";
import { CONSERVATION_TOLERANCE } from "./rules/attempts-conservation.ts";
import { MIN_STREAK_BINS } from "./rules/backlog-streak.ts";
import { isNonStationary } from "./rules/stationarity.ts";
import { ABSENT, resolvedColumns, resolvedParallelism } from "./topology-view.ts";
import { type Warning, WarningHeads } from "./warning.ts";

/**
 * The warnings of queries (engine.md §9.3) over the first `bins` bins at once: the window part of what an analyser's
 * `activeLive()` holds, in its order.
 */
export function analyseLiveWindow(plan: Plan, columns: ColumnValues, bins: number): readonly Warning[] {
  const heads = new WarningHeads();
  const report = (
    code: string,
    nodeId: string,
    message: string,
    extras: Omit<Partial<Warning>, "key" | "code" | "nodeId" | "message" | "severity"> = {},
  ): Warning => ({ ...heads.head(code, nodeId, message), bins: [], value: null, ...extras });

  return (plan.model.topology?.nodes ?? []).flatMap((node) => {
    const found: Warning[] = [];
    const series = seriesOf(plan, columns, node, bins);

    for (const message of applyRetryKernelPolicy(node.semantics.retryKernel).messages) {
      found.push(report("retry_kernel_policy", node.id, message));
    }

    for (const { role, code, name } of PRESENCE_CHECKS) {
      if (node.semantics.series[role] === undefined) continue;
      const values = series(role);
      const isMissing = values === null || (bins > 0 && !values.some(Number.isFinite));
      if (isMissing) found.push(report(code, node.id, MESSAGES.series_missing(name)));
    }

    const attempts = series("attempts");
    const served = series("served");
    const failures = series("failures") ?? series("errors");
    if (attempts !== null && served !== null && failures !== null) {
      const bin = attempts.findIndex(
        (value, t) =>
          [value, served[t]!, failures[t]!].every(Number.isFinite) &&
          Math.abs(value - (served[t]! + failures[t]!)) > CONSERVATION_TOLERANCE,
      );
      if (bin >= 0) {
        const figures = [attempts[bin]!, served[bin]!, failures[bin]!] as const;
        const message = MESSAGES.attempts_conservation(node.id, bin, ...figures);
        found.push(report("attempts_conservation_mismatch", node.id, message, { bins: [bin] }));
      }
    }

    const depth = series("queueDepth");
    const binMs = binMinutes(plan.model.grid) * 60_000;
    if (!describeNode(node, () => false).hasQueueSemantics || depth === null || served === null) return found;
    const queueTimes = depth.map((value, t) => queueTimeMs(value, served[t]!, binMs));
    if (queueTimes.every(Number.isNaN)) return found;

    const arrivals = series("arrivals");
    if (arrivals !== null && bins >= 2) {
      const middle = Math.floor(bins / 2);
      if (isNonStationary(mean(arrivals.subarray(0, middle)), mean(arrivals.subarray(middle)))) {
        found.push(report("littles-law-non-stationary", node.id, MESSAGES.littles_law, { signal: "queueTimeMs" }));
      }
    }

    const streak = (
      code: string,
      signal: string,
      leadIn: 0 | 1,
      message: (length: number, start: number, end: number) => string,
      holds: (bin: number) => boolean,
    ): void => {
      const run = longestRun(bins, holds);
      if (run.length < MIN_STREAK_BINS) return;
      const startBin = run.start - leadIn;
      const endBin = run.start + run.length - 1;
      found.push(report(code, node.id, message(run.length, startBin, endBin), { startBin, endBin, signal }));
    };
    streak(
      "backlog_growth_streak",
      "queueDepth",
      1,
      MESSAGES.backlog_growth,
      (t) => t > 0 && depth[t]! > depth[t - 1]!,
    );

    const capacity = series("capacity");
    if (arrivals !== null && capacity !== null) {
      const parallelism = resolvedParallelism(plan, node);
      const servers = (t: number): number => {
        if (parallelism === null) return Number.NaN;
        return "constant" in parallelism ? parallelism.constant : columns(parallelism.column)[t]!;
      };
      streak("backlog_overload_ratio", "overloadRatio", 0, MESSAGES.backlog_overload, (t) => {
        const total = effectiveCapacity(capacity[t]!, servers(t));
        return total > 0 && arrivals[t]! / total > 1;
      });
    }

    const { slaMin } = node.semantics;
    if (slaMin !== null && slaMin > 0) {
      const isLate = (t: number): boolean => queueTimes[t]! / 60_000 > slaMin;
      streak("backlog_age_risk", "latencyMinutes", 0, MESSAGES.backlog_age, isLate);
    }
    return found;
  });
}

function seriesOf(
  plan: Plan,
  columns: ColumnValues,
  node: TopologyNode,
  bins: number,
): (role: SeriesRole) => Float64Array | null {
  const byRole = resolvedColumns(plan, node);
  return (role) => (byRole[role] === ABSENT ? null : columns(byRole[role]).subarray(0, bins));
}

/** IEEE mean; finite samples are summed with a running correction, so that their order does not matter. */
function mean(samples: Float64Array): number {
  const odd = samples.filter((sample) => !Number.isFinite(sample));
  if (odd.length > 0) return odd.reduce((sum, sample) => sum + sample, 0);
  let sum = 0;
  let correction = 0;
  for (const sample of samples) {
    const next = sum + sample;
    correction += Math.abs(sum) >= Math.abs(sample) ? sum - next + sample : sample - next + sum;
    sum = next;
  }
  return (sum + correction) / samples.length;
}

function longestRun(
  bins: number,
  holds: (bin: number) => boolean,
): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (let t = 0; t < bins; t++) {
    if (!holds(t)) start = t + 1;
    else if (t + 1 - start > longest.length) longest = { start, length: t + 1 - start };
  }
  return longest;
}
