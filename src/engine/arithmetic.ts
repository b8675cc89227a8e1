/**
 * The scalar functions of the expression language (engine.md §4.2), shared by every evaluator so that they agree to the
 * last bit. `+ - *` are plain IEEE; `Math.min` and `Math.max` already are FlowTime's (NaN wins, −0 < +0).
 */

/** a / b, and 0 where b is 0. */
export function divide(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

/** Remainder with the sign of `m`; 0 where m is 0 (or the smallest subnormal); NaN where either is not finite. */
export function modulo(a: number, m: number): number {
  if (Math.abs(m) <= Number.MIN_VALUE) return 0;
  if (!Number.isFinite(a) || !Number.isFinite(m)) return Number.NaN;
  const remainder = a % m;
  return remainder !== 0 && remainder < 0 !== m < 0 ? remainder + m : remainder;
}

/** Nearest integer, halves away from zero. */
export function round(a: number): number {
  return Math.trunc(a + (a < 0 || Object.is(a, -0) ? -LARGEST_BELOW_HALF : LARGEST_BELOW_HALF));
}
const LARGEST_BELOW_HALF = 0.49999999999999994;

/** 1 where a ≥ b, else 0 (NaN → 0). */
export function step(a: number, b: number): number {
  return a >= b ? 1 : 0;
}

/** max(low, min(high, a)): `low` wins when the bounds cross. */
export function clamp(a: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, a));
}

/** Not a number and infinities count as nothing in queues. */
export function finiteOrZero(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

/** End-of-bin depth of a queue (engine.md §6.4.1); the parentheses are normative. */
export function queueDepth(previous: number, inflow: number, outflow: number, loss: number): number {
  return Math.max(0, previous + finiteOrZero(inflow) - finiteOrZero(outflow) - finiteOrZero(loss));
}

/** Whether the dispatch gate is open in bin `t` (engine.md §6.4.2). `phase` is 0 … period − 1. */
export function isDispatchBin(t: number, period: number, phase: number): boolean {
  return t >= phase && (t - phase) % period === 0;
}

/** Outflow that a gated queue releases in bin `t`. */
export function gatedOutflow(
  t: number,
  outflow: number,
  period: number,
  phase: number,
  capacity: number | null,
  nonFiniteCapacityIsZero: boolean,
): number {
  if (!isDispatchBin(t, period, phase)) return 0;
  if (capacity === null) return outflow;
  if (Number.isFinite(capacity)) return Math.min(outflow, capacity);
  return nonFiniteCapacityIsZero ? Math.min(outflow, 0) : outflow;
}

/** What a shared capacity leaves to one of the demands on it, which add up to `total`: no limit where all fit (engine.md §7.4). */
export function allocation(demand: number, total: number, capacity: number): number {
  return total > capacity ? capacity * (demand / total) : Number.POSITIVE_INFINITY;
}

/** `limit` where `measured` is beyond it, else `value`. */
export function limited(value: number, measured: number, limit: number): number {
  return measured > limit ? limit : value;
}
