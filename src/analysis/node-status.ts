import type { DispatchSchedule } from "../model/model.ts";
import { isDispatchBin } from "./topology-view.ts";

/** How FlowTime's snapshot paints a node (engine.md §8.5). */
export type NodeColour = "gray" | "green" | "yellow" | "red" | "dlq";

/** Load that leaves room, and load at which a queue grows fast: FlowTime's bounds. */
const BUSY_UTILISATION = 0.7;
const FULL_UTILISATION = 0.9;
/** How far beyond its SLA a queue is late, but not yet red. */
const SLA_GRACE = 1.5;

/** @param utilisation NaN for null */
export function utilisationColour(utilisation: number): NodeColour {
  if (Number.isNaN(utilisation)) return "gray";
  if (utilisation < BUSY_UTILISATION) return "green";
  return utilisation < FULL_UTILISATION ? "yellow" : "red";
}

/** Both in minutes; NaN or null for none. */
export function latencyColour(latencyMinutes: number, slaMin: number | null): NodeColour {
  if (Number.isNaN(latencyMinutes) || slaMin === null || slaMin <= 0) return "gray";
  if (latencyMinutes <= slaMin) return "green";
  return latencyMinutes <= SLA_GRACE * slaMin ? "yellow" : "red";
}

/** Whether a queue's latency has no value because its gate was closed while something waited. */
export function isPausedByGate(
  schedule: DispatchSchedule | null,
  bin: number,
  queueDepth: number,
  served: number,
): boolean {
  return schedule !== null && !isDispatchBin(schedule, bin) && queueDepth > 0 && !(served > 0);
}
