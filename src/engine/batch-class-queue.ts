import type { DispatchSchedule } from "../model/model.ts";
import { finiteOrZero, isDispatchBin } from "./arithmetic.ts";
import { CLASS_TOLERANCE, ClassShares, type Contribution } from "./batch-contribution.ts";

/**
 * Shuts the outflow off schedule, and cuts it to the gate's capacity on schedule, total and classes alike (engine.md
 * §7.2.3). In place, as in FlowTime: the outflow node's own classes and all later readers see it (D8).
 *
 * @param capacity total of the schedule's capacity series; non-finite bins do not limit
 */
export function gateOutflow(outflow: Contribution, schedule: DispatchSchedule, capacity: Float64Array | null): void {
  const { periodBins, phaseOffset } = schedule;
  const phase = ((phaseOffset % periodBins) + periodBins) % periodBins;
  const { total, classes } = outflow;
  for (let t = 0; t < total.length; t++) {
    const before = total[t]!;
    if (!isDispatchBin(t, periodBins, phase)) {
      total[t] = 0;
      for (const [, values] of classes) values[t] = 0;
      continue;
    }
    const limit = capacity?.[t] ?? Number.NaN;
    const allowed = Number.isFinite(limit) ? Math.min(before, limit) : before;
    if (!(Math.abs(allowed - before) > CLASS_TOLERANCE)) continue;
    const scale = allowed / before;
    total[t] = allowed;
    for (const [, values] of classes) values[t]! *= scale;
  }
}

/**
 * A queue of its own for every class of what flows in, out and away. Not yet scaled to the queue's depth: what is carried
 * from bin to bin is not scaled.
 */
export function queueClasses(
  inflow: Contribution,
  outflow: Contribution,
  loss: Contribution,
  initialDepth: number,
): ClassShares {
  const bins = inflow.total.length;
  const first = new Map<string, number>();
  const queues = new ClassShares();
  for (const { classes } of [inflow, outflow, loss]) {
    for (const [classId] of classes) if (!queues.has(classId)) queues.set(classId, new Float64Array(bins));
  }
  if (bins === 0) return queues;
  for (const [classId, values] of inflow.classes) first.set(classId, Math.max(0, finiteOrZero(values[0]!)));
  const firstSum = [...first.values()].reduce((a, b) => a + b, 0);
  // An empty queue starts with bin 0's inflow on top of what bin 0 itself brings: only the ratios matter later.
  const start = Math.abs(initialDepth) < CLASS_TOLERANCE && firstSum > 0 ? firstSum : initialDepth;
  for (const [classId, depths] of queues) {
    let depth = firstSum > 0 ? start * ((inflowShare(inflow, classId) ?? 0) / firstSum) : start / queues.size;
    for (let t = 0; t < bins; t++) {
      const [come, go, gone] = [inflow, outflow, loss].map(({ classes }) =>
        finiteOrZero(classes.get(classId)?.[t] ?? 0),
      );
      depth = Math.max(0, depth + come! - go! - gone!);
      depths[t] = depth;
    }
  }
  return queues;
}

function inflowShare(inflow: Contribution, classId: string): number | undefined {
  const value = inflow.classes.get(classId)?.[0];
  return value === undefined ? undefined : Math.max(0, finiteOrZero(value));
}
