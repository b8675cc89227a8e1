import type { ClassOperator } from "../model/plan.ts";
import { finiteOrZero, isDispatchBin, modulo } from "./arithmetic.ts";

/** Sums of classes that miss the total by up to this much are left alone; totals up to this much count as 0 (engine.md §7.2). */
export const CLASS_TOLERANCE = 1e-9;

/** a·b, and 0 where b is not finite. */
export function shareOfProduct(a: number, b: number): number {
  return Number.isFinite(b) ? a * b : 0;
}

/** Factor that turns the classes of a dividend into those of the quotient. */
export function quotientScale(dividend: number, quotient: number): number {
  const isUsable = Number.isFinite(dividend) && Math.abs(dividend) >= CLASS_TOLERANCE && Number.isFinite(quotient);
  return isUsable ? quotient / dividend : 0;
}

export function shareModulo(a: number, m: number): number {
  return Math.abs(m) <= CLASS_TOLERANCE ? 0 : modulo(a, m);
}

/**
 * Evaluates an operator of the class layer in one bin.
 * @param rows ring of rows; `base` is the offset of the bin's row, `previous` that of the row before
 */
export function evaluateClassOperator(
  operator: ClassOperator,
  rows: Float64Array,
  base: number,
  previous: number,
  t: number,
): void {
  switch (operator.op) {
    case "gateTotal": {
      const before = rows[base + operator.a]!;
      const limit = operator.capacity === null ? Number.NaN : rows[base + operator.capacity]!;
      const allowed = Number.isFinite(limit) ? Math.min(before, limit) : before;
      const gated = Math.abs(allowed - before) > CLASS_TOLERANCE ? allowed : before;
      rows[base + operator.out] = isDispatchBin(t, operator.period, operator.phase) ? gated : 0;
      return;
    }
    case "gateClass": {
      const value = rows[base + operator.a]!;
      const before = rows[base + operator.before]!;
      const after = rows[base + operator.after]!;
      const gated = Math.abs(after - before) > CLASS_TOLERANCE ? value * (after / before) : value;
      rows[base + operator.out] = isDispatchBin(t, operator.period, operator.phase) ? gated : 0;
      return;
    }
    case "normalise": {
      const { shares, outs } = operator;
      const sum = finiteSum(shares, rows, base);
      const total = rows[base + operator.total]!;
      const isLeft = !(sum > 0) || Math.abs(sum - total) <= CLASS_TOLERANCE;
      const scale = total / sum;
      for (let index = 0; index < outs.length; index++) {
        const value = rows[base + shares[index]!]!;
        rows[base + outs[index]!] = isLeft ? value : value * scale;
      }
      return;
    }
    case "winningSide":
      winningSide(operator, rows, base, previous, t);
      return;
    case "classQueues":
      classQueues(operator, rows, base, previous, t);
      return;
    case "retryShares":
      retryShares(operator, rows, base);
      return;
  }
}

function finiteSum(columns: readonly (number | null)[], rows: Float64Array, base: number): number {
  let sum = 0;
  for (const column of columns) {
    if (column === null) continue;
    const value = rows[base + column]!;
    if (Number.isFinite(value)) sum += value;
  }
  return sum;
}

function winningSide(
  operator: ClassOperator & { op: "winningSide" },
  rows: Float64Array,
  base: number,
  previous: number,
  t: number,
): void {
  const { left, right, outs, firstLeft, firstRight } = operator;
  const total = rows[base + operator.total]!;
  const hasLeft = left.some((column) => column !== null);
  const hasRight = right.some((column) => column !== null);
  const leftWins = hasLeft && Math.abs(rows[base + operator.leftTotal]! - total) < CLASS_TOLERANCE;
  const rightWins = hasRight && Math.abs(rows[base + operator.rightTotal]! - total) < CLASS_TOLERANCE;
  const isLeft = leftWins || (!rightWins && hasLeft);
  const side = isLeft ? left : right;
  const sum = finiteSum(side, rows, base);
  const scale = total <= 0 ? 0 : total / sum;
  for (let index = 0; index < outs.length; index++) {
    const column = side[index]!;
    rows[base + outs[index]!] = column !== null && sum > 0 ? rows[base + column]! * scale : 0;
  }
  const before = (column: number): number => (t === 0 ? Number.NaN : rows[previous + column]!);
  const isNew = (column: number, won: boolean): number => (Number.isNaN(before(column)) && won ? t : before(column));
  rows[base + firstLeft] = isNew(firstLeft, isLeft && hasLeft);
  rows[base + firstRight] = isNew(firstRight, !isLeft && hasRight);
}

function classQueues(
  operator: ClassOperator & { op: "classQueues" },
  rows: Float64Array,
  base: number,
  previous: number,
  t: number,
): void {
  const { inflow, outflow, loss, outs, initialDepth } = operator;
  const value = (column: number | null): number => (column === null ? 0 : finiteOrZero(rows[base + column]!));
  const comes = (index: number): number => Math.max(0, value(inflow[index]!));
  let comesInAll = 0;
  if (t === 0) for (let index = 0; index < outs.length; index++) comesInAll += comes(index);
  // An empty queue starts with bin 0's inflow on top of what bin 0 itself brings: only the ratios matter later.
  const start = Math.abs(initialDepth) < CLASS_TOLERANCE && comesInAll > 0 ? comesInAll : initialDepth;
  for (let index = 0; index < outs.length; index++) {
    const depth =
      t > 0
        ? rows[previous + outs[index]!]!
        : comesInAll > 0
          ? start * (comes(index) / comesInAll)
          : start / outs.length;
    rows[base + outs[index]!] = Math.max(
      0,
      depth + value(inflow[index]!) - value(outflow[index]!) - value(loss[index]!),
    );
  }
}

function retryShares(operator: ClassOperator & { op: "retryShares" }, rows: Float64Array, base: number): void {
  const { flows, outs } = operator;
  const echo = rows[base + operator.echo]!;
  let sum = 0;
  for (const column of flows) sum += Math.max(0, rows[base + column]!);
  for (let index = 0; index < outs.length; index++) {
    const flow = Math.max(0, rows[base + flows[index]!]!);
    const share = sum > 0 ? echo * (flow / sum) : echo / outs.length;
    rows[base + outs[index]!] = Number.isFinite(echo) && echo > 0 ? share : 0;
  }
}
