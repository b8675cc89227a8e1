import type { DispatchSchedule } from "../../model/model.ts";
import { normalise, throughputRatio } from "../formulas.ts";
import { isPausedByGate } from "../node-status.ts";
import { dispatchPhase, isDispatchBin } from "../topology-view.ts";
import { type Cells, cell, type LatencyStatus, type Schedule, type SlaHead } from "./answers.ts";
import type { NodeData } from "./node-data.ts";
import type { BinRange } from "./query-run.ts";

/** Targets of a node and how it kept them in each bin of a window (engine.md §8.5). */
export function slaOfWindow(data: NodeData, { start, count }: BinRange): (SlaHead & { readonly values: Cells })[] {
  const { schedule } = data;
  const bins = Array.from({ length: count }, (_, offset) => start + offset);
  const completion: (number | null)[] = [];
  let held: number | null = null;
  for (const bin of bins) {
    if (schedule === null || isDispatchBin(schedule, bin)) held = completionAt(data, bin) ?? held;
    completion.push(held);
  }
  const adherence = bins.map((bin) => adherenceAt(data, schedule, bin));
  return heads(data, someValue(completion), someValue(adherence)).map((head) => {
    const values = { completion, backlogAge: bins.map(() => null), scheduleAdherence: adherence }[head.kind];
    return { ...head, values };
  });
}

/** The same for one bin. A scheduled node's completion is that of its last dispatch. */
export function slaOfBin(data: NodeData, bin: number): (SlaHead & { readonly value: number | null })[] {
  const { schedule } = data;
  let completion = schedule === null || isDispatchBin(schedule, bin) ? completionAt(data, bin) : null;
  if (schedule !== null) {
    for (let before = bin - 1; before >= 0 && completion === null; before--) {
      if (isDispatchBin(schedule, before)) completion = completionAt(data, before);
    }
  }
  const adherence = adherenceAt(data, schedule, bin);
  return heads(data, completion !== null, adherence !== null).map((head) => {
    return { ...head, value: { completion, backlogAge: null, scheduleAdherence: adherence }[head.kind] };
  });
}

function heads({ node, descriptor, schedule }: NodeData, hasCompletion: boolean, hasAdherence: boolean): SlaHead[] {
  const list: SlaHead[] = [{ kind: "completion", status: hasCompletion ? "ok" : "noEvents", threshold: null }];
  if (descriptor.hasQueueSemantics) {
    list.push({ kind: "backlogAge", status: "unavailable", threshold: node.semantics.slaMin });
  }
  if (schedule !== null) {
    list.push({ kind: "scheduleAdherence", status: hasAdherence ? "ok" : "noEvents", threshold: 1 });
  }
  return list;
}

function completionAt({ roles: { served, arrivals } }: NodeData, bin: number): number | null {
  if (served === undefined || arrivals === undefined) return null;
  return cell(normalise(throughputRatio(served[bin]!, arrivals[bin]!)));
}

function adherenceAt({ roles: { served } }: NodeData, schedule: DispatchSchedule | null, bin: number): number | null {
  if (schedule === null || !isDispatchBin(schedule, bin)) return null;
  return served !== undefined && served[bin]! > 0 ? 1 : 0;
}

function someValue(cells: Cells): boolean {
  return cells.some((value) => value !== null);
}

/** Why a queue's latency has no value in a bin; null when it has, or for no such reason. */
export function latencyStatus({ schedule, roles }: NodeData, bin: number): LatencyStatus | null {
  const depth = roles.queueDepth?.[bin] ?? Number.NaN;
  const served = roles.served?.[bin] ?? Number.NaN;
  if (!isPausedByGate(schedule, bin, depth, served)) return null;
  return { code: "paused_gate_closed", message: "Queue latency unavailable: dispatch gate closed" };
}

/** The schedule as answers show it: its offset within the period. */
export function shownSchedule(schedule: DispatchSchedule | null): Schedule | undefined {
  if (schedule === null) return undefined;
  const { periodBins, capacitySeries } = schedule;
  return { kind: "time-based", periodBins, phaseOffset: dispatchPhase(schedule), capacitySeries };
}
