/**
 * FlowTime's derived metrics for one bin (engine.md §8). NaN stands for null: no value, no denominator, not a number.
 */

/** Time an item spends in the queue, by Little's law, milliseconds. */
export function queueTimeMs(queueDepth: number, served: number, binMs: number): number {
  if (!Number.isFinite(queueDepth) || !Number.isFinite(served) || served <= 0) return Number.NaN;
  return finite((queueDepth / served) * binMs);
}

export function serviceTimeMs(processingTimeMsSum: number, servedCount: number): number {
  if (!Number.isFinite(processingTimeMsSum) || !Number.isFinite(servedCount) || servedCount <= 0) return Number.NaN;
  return finite(processingTimeMsSum / servedCount);
}

/** Either part may be null; both null is null. */
export function cycleTimeMs(queueTime: number, serviceTime: number): number {
  if (Number.isNaN(queueTime)) return serviceTime;
  return Number.isNaN(serviceTime) ? queueTime : finite(queueTime + serviceTime);
}

export function flowEfficiency(serviceTime: number, cycleTime: number): number {
  return cycleTime > 0 ? finite(serviceTime / cycleTime) : Number.NaN;
}

/** Capacity of all servers; servers that are not a positive number do not count. */
export function effectiveCapacity(capacity: number, parallelism: number): number {
  if (!Number.isFinite(capacity)) return Number.NaN;
  return Number.isFinite(parallelism) && parallelism > 0 ? capacity * parallelism : capacity;
}

export function utilization(served: number, capacity: number): number {
  return capacity > 0 ? finite(served / capacity) : Number.NaN;
}

export function throughputRatio(served: number, arrivals: number): number {
  if (!Number.isFinite(served) || !Number.isFinite(arrivals) || arrivals === 0) return Number.NaN;
  return Math.min(1, Math.max(0, served / arrivals));
}

/** Share of attempts that did not serve anything. FlowTime takes it from the queried, already rounded figures. */
export function retryTax(attempts: number, served: number): number {
  return attempts > 0 ? finite(Math.max(0, (attempts - served) / attempts)) : Number.NaN;
}

/** What a node wants of a shared capacity: its arrivals, when they are a positive number. */
export function demandOf(arrivals: number): number {
  return Number.isFinite(arrivals) && arrivals > 0 ? arrivals : 0;
}

/**
 * What a shared capacity leaves one of those who want it (engine.md §7.4): its demand when all of it fits, else a share in
 * proportion.
 *
 * @param totalDemand of all who share the capacity, in the order in which the model lists them
 */
export function constrainedShare(demand: number, totalDemand: number, capacity: number): number {
  if (capacity <= 0 || totalDemand <= 0) return 0;
  return totalDemand <= capacity ? demand : capacity * (demand / totalDemand);
}

export function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Where rounding to 6 decimals no longer changes a double. */
const TOO_LARGE_TO_ROUND = 1e16;

/** A queried value (engine.md §8.6): dust is 0, everything else rounded to 6 decimals, halves away from zero. */
export function normalise(value: number): number {
  if (!Number.isFinite(value)) return Number.NaN;
  const size = Math.abs(value);
  if (size < 1e-9) return 0;
  if (size >= TOO_LARGE_TO_ROUND) return value;
  return Math.trunc(value * 1e6 + (value < 0 ? -0.49999999999999994 : 0.49999999999999994)) / 1e6 + 0;
}
