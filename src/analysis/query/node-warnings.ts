import * as formulas from "../formulas.ts";
import { MESSAGES, PRESENCE_CHECKS } from "../messages.ts";
import { CONSERVATION_TOLERANCE } from "../rules/attempts-conservation.ts";
import { MIN_STREAK_BINS } from "../rules/backlog-streak.ts";
import { isNonStationary } from "../rules/stationarity.ts";
import { capacityAt, failuresOf, type NodeData, timesAt } from "./node-data.ts";
import type { BinRange } from "./query-run.ts";

/** What a query finds about a node (engine.md §9.3). */
export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly bins?: readonly number[];
  readonly signal?: string;
  readonly startBin?: number;
  readonly endBin?: number;
}

/** Findings about a node that need the whole run: retry kernel, series without values, attempts that do not add up. */
export function wholeRunFindings(data: NodeData, bins: number): Finding[] {
  const { node, kernel, roles } = data;
  const found: Finding[] = kernel.messages.map((message) => ({ code: "retry_kernel_policy", message }));
  for (const { role, code, name } of PRESENCE_CHECKS) {
    if (node.semantics.series[role] === undefined) continue;
    const values = roles[role];
    const isMissing = values === undefined || (bins > 0 && !values.some(Number.isFinite));
    if (isMissing) found.push({ code, message: MESSAGES.series_missing(name) });
  }
  const { attempts, served } = roles;
  const failures = failuresOf(roles);
  if (attempts === undefined || served === undefined || failures === null) return found;
  const bin = attempts.findIndex(
    (value, t) =>
      [value, served[t]!, failures[t]!].every(Number.isFinite) &&
      Math.abs(value - (served[t]! + failures[t]!)) > CONSERVATION_TOLERANCE,
  );
  if (bin >= 0) {
    const message = MESSAGES.attempts_conservation(data.id, bin, attempts[bin]!, served[bin]!, failures[bin]!);
    found.push({ code: "attempts_conservation_mismatch", message, bins: [bin] });
  }
  return found;
}

/** Whether arrivals differ too much between the halves of a window for its queue times to mean anything. */
export function stationarityFindings(data: NodeData, range: BinRange): Finding[] {
  const { arrivals } = data.roles;
  if (arrivals === undefined || range.count < 2 || !hasQueueTime(data, range)) return [];
  const end = range.start + range.count;
  const middle = range.start + Math.floor(range.count / 2);
  if (!isNonStationary(mean(arrivals.subarray(range.start, middle)), mean(arrivals.subarray(middle, end)))) return [];
  return [{ code: "littles-law-non-stationary", message: MESSAGES.littles_law, signal: "queueTimeMs" }];
}

/** Runs of bins in a window in which a queue grew, was overloaded, or was late. */
export function backlogFindings(data: NodeData, range: BinRange): Finding[] {
  const { arrivals, queueDepth, served, capacity } = data.roles;
  if (queueDepth === undefined || served === undefined || !hasQueueTime(data, range)) return [];
  const found: Finding[] = [];
  const streak = (
    code: string,
    signal: string,
    leadIn: 0 | 1,
    message: (length: number, start: number, end: number) => string,
    holds: (bin: number) => boolean,
  ): void => {
    const run = longestRun(range, holds);
    if (run.length < MIN_STREAK_BINS) return;
    const startBin = run.start - leadIn;
    const endBin = run.start + run.length - 1;
    found.push({ code, message: message(run.length, startBin, endBin), startBin, endBin, signal });
  };
  streak("backlog_growth_streak", "queueDepth", 1, MESSAGES.backlog_growth, (t) => {
    return t > range.start && queueDepth[t]! > queueDepth[t - 1]!;
  });
  if (arrivals !== undefined && capacity !== undefined) {
    streak("backlog_overload_ratio", "overloadRatio", 0, MESSAGES.backlog_overload, (t) => {
      const total = capacityAt(data, t);
      return total > 0 && arrivals[t]! / total > 1;
    });
  }
  const { slaMin } = data.node.semantics;
  if (slaMin !== null && slaMin > 0) {
    const isLate = (t: number): boolean =>
      formulas.queueTimeMs(queueDepth[t]!, served[t]!, data.binMs) / 60_000 > slaMin;
    streak("backlog_age_risk", "latencyMinutes", 0, MESSAGES.backlog_age, isLate);
  }
  return found;
}

function hasQueueTime(data: NodeData, { start, count }: BinRange): boolean {
  if (!data.descriptor.hasQueueSemantics) return false;
  for (let bin = start; bin < start + count; bin++) {
    if (!Number.isNaN(timesAt(data, data.roles, bin).queueTimeMs)) return true;
  }
  return false;
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
  { start: first, count }: BinRange,
  holds: (bin: number) => boolean,
): { readonly start: number; readonly length: number } {
  let longest = { start: first, length: 0 };
  let start = first;
  for (let t = first; t < first + count; t++) {
    if (!holds(t)) start = t + 1;
    else if (t + 1 - start > longest.length) longest = { start, length: t + 1 - start };
  }
  return longest;
}
