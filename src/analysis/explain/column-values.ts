import { Interpreter } from "../../engine/interpreter.ts";
import { type Operator, operandsOf, outputsOf, type Plan, withColumns } from "../../model/plan.ts";
import { ExplainError } from "./explain-error.ts";

/** Evaluated bins of the series of a plan. */
export interface SeriesValues {
  /** Oldest bin that can be read. */
  readonly firstBin: number;
  /** Bins evaluated so far. */
  readonly bins: number;
  /** @param column a series: less than `plan.seriesCount` */
  value(bin: number, column: number): number;
  /** Whether the telemetry cell of `plan.bound[input]` was missing when the bin was sealed. Default: none was. */
  isMissing?(bin: number, input: number): boolean;
}

/**
 * Values of every column of a plan. Only series are kept over time; an intermediate result is computed again from the
 * series it is made of, over as many bins as it reaches back.
 */
export class ColumnValues {
  readonly plan: Plan;
  readonly series: SeriesValues;
  private readonly writers: Int32Array;
  /** Series that hold the same as an intermediate column, the first one each. */
  private readonly published = new Map<number, number>();
  private readonly computed = new Map<number, Map<number, number>>();

  constructor(plan: Plan, series: SeriesValues) {
    this.plan = plan;
    this.series = series;
    this.writers = new Int32Array(plan.columns.length).fill(-1);
    plan.operators.forEach((operator, index) => {
      for (const out of outputsOf(operator)) this.writers[out] = index;
      if (operator.op === "copy" && this.isPublication(operator.out) && !this.published.has(operator.a)) {
        this.published.set(operator.a, operator.out);
      }
    });
  }

  /** What writes a column. Every column has a writer. */
  writer(column: number): Operator {
    return this.plan.operators[this.writers[column]!]!;
  }

  /** The series with a column's values; null for a true intermediate. */
  seriesOf(column: number): number | null {
    return column < this.plan.seriesCount ? column : (this.published.get(column) ?? null);
  }

  /** @throws ExplainError `bin_not_retained` */
  value(column: number, bin: number): number {
    const series = this.seriesOf(column);
    if (series !== null) return this.seriesValue(series, bin);
    let known = this.computed.get(column);
    if (known?.has(bin) !== true) {
      known = new Map([...(known ?? []), ...this.compute(column, bin)]);
      this.computed.set(column, known);
    }
    return known.get(bin)!;
  }

  private isPublication(column: number): boolean {
    const { origin } = this.plan.columns[column]!;
    return origin === "class" || origin === "edge";
  }

  private seriesValue(series: number, bin: number): number {
    if (bin < this.series.firstBin) throw notRetained(bin, this.series.firstBin);
    return this.series.value(bin, series);
  }

  /** The column's values from as far back as it was computed to `last`. */
  private compute(column: number, last: number): ReadonlyMap<number, number> {
    const { operators, given } = this.slice(column);
    const from = Math.max(0, last - reachOf(operators));
    const places = new Map<number, number>();
    const place = (old: number): number => {
      if (!places.has(old)) places.set(old, places.size);
      return places.get(old)!;
    };
    const inputs = given.map((old) => ({ series: this.seriesOf(old)!, at: place(old) }));
    const renamed = operators.map((operator) => withColumns(operator, place));
    const width = places.size;
    const depth = ringDepth(operators);
    const rows = new Float64Array(depth * width);
    for (const operator of renamed) {
      if (operator.op !== "literal") continue;
      for (let row = 0; row < depth; row++) rows[row * width + operator.out] = operator.value;
    }
    const interpreter = new Interpreter(renamed, rows, width, depth - 1);
    const isFed = operators.some(({ op }) => op === "fed");
    const values = new Map<number, number>();
    for (let bin = from; bin <= last; bin++) {
      const { cells, present } = isFed ? this.telemetry(bin) : NO_TELEMETRY;
      const base = (bin & (depth - 1)) * width;
      for (const { series, at } of inputs) rows[base + at] = this.seriesValue(series, bin);
      interpreter.step(bin, cells, present);
      // Before the last bin what it reaches back to may lie before `from`.
      if (bin === last || from === 0) values.set(bin, rows[base + place(column)]!);
    }
    return values;
  }

  /** Whether a telemetry cell was missing. */
  isMissing(bin: number, input: number): boolean {
    return this.series.isMissing?.(bin, input) === true;
  }

  /** Cells of a bin: a series that is not missing is its cell. */
  private telemetry(bin: number): { readonly cells: Float64Array; readonly present: Uint8Array } {
    const { bound } = this.plan;
    return {
      cells: Float64Array.from(bound, ({ column }) => this.seriesValue(column, bin)),
      present: Uint8Array.from(bound, (_, input) => (this.isMissing(bin, input) ? 0 : 1)),
    };
  }

  /** Operators that a column is computed with, in the plan's order, and the series columns they read. */
  private slice(column: number): { operators: readonly Operator[]; given: readonly number[] } {
    const needed = new Set<number>();
    const given = new Set<number>();
    const pending = [column];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.seriesOf(next) !== null) {
        given.add(next);
        continue;
      }
      const writer = this.writers[next]!;
      if (needed.has(writer)) continue;
      needed.add(writer);
      pending.push(...operandsOf(this.plan.operators[writer]!));
    }
    const order = [...needed].sort((a, b) => a - b);
    return { operators: order.map((index) => this.plan.operators[index]!), given: [...given] };
  }
}

const NO_TELEMETRY = { cells: new Float64Array(0), present: null };

export function notRetained(bin: number, firstBin: number): ExplainError {
  return new ExplainError(
    "bin_not_retained",
    `Bin ${bin} has left the run's history: bins from ${firstBin} on are kept. Ask for one of those, or start the run with a longer historyBins.`,
    { facts: { bin, firstBin } },
  );
}

/** Bins that a value may depend on besides its own: all of them where anything accumulates or feeds back. */
function reachOf(operators: readonly Operator[]): number {
  const position = new Map<number, number>();
  operators.forEach((operator, index) => {
    for (const out of outputsOf(operator)) position.set(out, index);
  });
  let reach = 0;
  for (const [index, operator] of operators.entries()) {
    const accumulates = operator.op === "queue" && operator.previous === operator.out;
    if (accumulates || operator.op === "classQueues") return Number.POSITIVE_INFINITY;
    const lag = lagOf(operator);
    if (lag === 0) continue;
    if (operandsOf(operator).some((column) => (position.get(column) ?? -1) >= index)) return Number.POSITIVE_INFINITY;
    reach += lag;
  }
  return reach;
}

function lagOf(operator: Operator): number {
  if (operator.op === "shift") return operator.lag;
  if (operator.op === "convolve") return Math.max(0, operator.kernel.length - 1);
  return operator.op === "queue" || operator.op === "classQueues" || operator.op === "winningSide" ? 1 : 0;
}

function ringDepth(operators: readonly Operator[]): number {
  const lookback = operators.reduce((most, operator) => Math.max(most, lagOf(operator)), 0);
  let depth = 1;
  while (depth < lookback + 1) depth *= 2;
  return depth;
}
