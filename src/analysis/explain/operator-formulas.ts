import { isDispatchBin } from "../../engine/arithmetic.ts";
import type { Operator } from "../../model/plan.ts";
import { classFormula, type FormulaReader, type ShareOperator } from "./class-formulas.ts";
import type { ColumnValues } from "./column-values.ts";
import { binary, call, chosen, type Formula, type FunctionName, number, operand, plusZero, sum } from "./formula.ts";

/** Operands of one formula; what a formula goes on with beyond that is shown as parts with a value of their own. */
const MAX_OPERANDS = 120;

const BINARY = { add: "+", subtract: "-", multiply: "*", divide: "/" } as const;
const CALLS: Readonly<Record<string, FunctionName>> = { modulo: "MOD", min: "MIN", max: "MAX", step: "STEP" };
const UNARY: Readonly<Record<string, FunctionName>> = { floor: "FLOOR", ceil: "CEIL", round: "ROUND" };

/** Formulas of columns, from the operators that write them. Remarks about what the data decided gather in `notes`. */
export class OperatorFormulas implements FormulaReader {
  readonly values: ColumnValues;
  private readonly remarks = new Set<string>();
  private operands = 0;

  constructor(values: ColumnValues) {
    this.values = values;
  }

  get notes(): readonly string[] {
    return [...this.remarks];
  }

  note(text: string): void {
    this.remarks.add(text);
  }

  /** The formula behind a column, whatever it is. */
  definition(column: number, bin: number): Formula {
    const { plan } = this.values;
    const operator = this.values.writer(column);
    const origin = plan.columns[column]!.origin;
    // A published class or edge has its formula in the column that it publishes, unless another series is that column.
    if (operator.op === "copy" && (origin === "class" || origin === "edge")) {
      const isFirst = this.values.seriesOf(operator.a) === column;
      return isFirst ? this.formula(this.values.writer(operator.a), operator.a, bin) : this.read(operator.a, bin);
    }
    return this.formula(operator, column, bin);
  }

  /** A column as part of a formula: written out when it is a mere intermediate, else named. */
  read(column: number, bin: number): Formula {
    const { plan } = this.values;
    const series = this.values.seriesOf(column);
    if (series !== null) return this.named(series, this.seriesName(series), bin);
    const { id, origin } = plan.columns[column]!;
    if (origin === "unrouted") return this.named(column, `${id} before routing`, bin);
    const operator = this.values.writer(column);
    if (operator.op === "literal") return number(operator.value);
    if (isWhole(operator) || this.operands >= MAX_OPERANDS) return this.named(column, partName(id), bin);
    return this.formula(operator, column, bin);
  }

  /** 0 where a value is not finite, as queues and classes read it. */
  finite(column: number, bin: number): Formula {
    const formula = this.read(column, bin);
    if (Number.isFinite(formula.value)) return formula;
    this.note(`${this.label(column, bin)} is ${formula.value}, which counts as 0 here`);
    return chosen([formula], number(0));
  }

  label(column: number, bin: number): string {
    const series = this.values.seriesOf(column);
    const name = series !== null ? this.seriesName(series) : partName(this.values.plan.columns[column]!.id);
    return `${name}[${bin}]`;
  }

  /** `id`, `id@class`, `edge.metric`, `edge.metric@class`: what the series is asked for by. */
  seriesName(column: number): string {
    const { plan } = this.values;
    const edge = plan.edgeSeries.find((entry) => entry.column === column);
    if (edge === undefined) return plan.columns[column]!.id;
    return `${edge.edgeId}.${edge.metric}${edge.classId === null ? "" : `@${edge.classId}`}`;
  }

  private named(column: number, name: string, bin: number): Formula {
    this.operands++;
    return operand({ name, bin, value: this.values.value(column, bin), source: { column } });
  }

  private formula(operator: Operator, column: number, bin: number): Formula {
    switch (operator.op) {
      case "const": {
        const value = operator.values[bin % operator.values.length]!;
        return chosen([`values[${bin % operator.values.length}]`], number(value));
      }
      case "literal":
        return number(operator.value);
      case "input":
        return chosen(["telemetry"], number(this.values.value(column, bin)));
      case "fed":
        return this.values.isMissing(bin, operator.input)
          ? this.formula(this.values.writer(operator.model), operator.model, bin)
          : chosen(["telemetry"], number(this.values.value(column, bin)));
      case "copy":
        return this.read(operator.a, bin);
      case "floor":
      case "ceil":
      case "round":
        return call(UNARY[operator.op]!, this.read(operator.a, bin));
      case "finiteOrZero":
        return this.finite(operator.a, bin);
      case "clamp":
        return call("CLAMP", this.read(operator.a, bin), this.read(operator.low, bin), this.read(operator.high, bin));
      case "shift":
        return this.shift(operator, bin);
      case "convolve":
        return this.convolve(operator, bin);
      case "pulse":
        return this.pulse(operator, bin);
      case "allocate": {
        const demand = this.read(operator.demand, bin);
        const total = this.read(operator.total, bin);
        const capacity = this.read(operator.capacity, bin);
        if (!(total.value > capacity.value)) return number(Number.POSITIVE_INFINITY);
        return binary("*", capacity, binary("/", demand, total));
      }
      case "limit": {
        const limit = this.read(operator.limit, bin);
        const isLimited = this.values.value(operator.measured, bin)! > limit.value;
        this.note(isLimited ? "limited by a shared constraint" : "no shared constraint limits it in this bin");
        return isLimited ? limit : this.read(operator.a, bin);
      }
      case "queue":
        return this.queue(operator, bin);
      case "add":
      case "subtract":
      case "multiply":
      case "divide": {
        const left = this.read(operator.a, bin);
        const right = this.read(operator.b, bin);
        // A sum of shares starts with 0, which nobody wrote.
        const isStart = operator.op === "add" && left.kind === "number" && Object.is(left.value, 0);
        const isOurs = this.values.plan.columns[column]!.origin === "intermediate";
        return isStart && isOurs ? plusZero(right) : binary(BINARY[operator.op], left, right);
      }
      case "modulo":
      case "min":
      case "max":
      case "step":
        return call(CALLS[operator.op]!, this.read(operator.a, bin), this.read(operator.b, bin));
      default:
        // Every operator that is left is one; the compiler cannot see it of those that share one shape.
        return classFormula(this, operator as ShareOperator, column, bin);
    }
  }

  private shift({ a, lag }: Operator & { op: "shift" }, bin: number): Formula {
    if (bin < lag) {
      this.note(`SHIFT by ${lag} reads before bin 0: 0`);
      return chosen([`[${bin - lag}]`], number(0));
    }
    this.note(`SHIFT by ${lag} reads bin ${bin - lag}`);
    return this.read(a, bin - lag);
  }

  private convolve({ a, kernel }: Operator & { op: "convolve" }, bin: number): Formula {
    const terms: Formula[] = [];
    const read: number[] = [];
    for (let lag = 0; lag < kernel.length && lag <= bin; lag++) {
      if (kernel[lag] === 0) continue;
      const sample = this.read(a, bin - lag);
      read.push(bin - lag);
      if (Number.isFinite(sample.value)) terms.push(binary("*", sample, number(kernel[lag]!)));
      else this.note(`CONV leaves out bin ${bin - lag}, which is ${sample.value}`);
    }
    this.note(read.length === 0 ? "CONV reads no bin: 0" : `CONV reads bins ${read.join(", ")}`);
    return sum(terms);
  }

  private pulse({ period, phase, amplitude }: Operator & { op: "pulse" }, bin: number): Formula {
    const size = amplitude === null ? number(1) : this.read(amplitude, bin);
    const fires = bin >= phase && (bin - phase) % period === 0;
    const next = bin < phase ? phase : bin + period - ((bin - phase) % period);
    this.note(fires ? `PULSE fires in bin ${bin}` : `PULSE does not fire in bin ${bin}; it fires again in bin ${next}`);
    return chosen([`PULSE(${period}, ${phase}, `, size, ")"], fires ? size : number(0));
  }

  private queue(operator: Operator & { op: "queue" }, bin: number): Formula {
    const { previous, initialDepth, inflow, outflow, loss } = operator;
    const before =
      bin === 0
        ? chosen(["initial depth"], number(initialDepth))
        : this.named(previous, this.queueName(previous), bin - 1);
    const arrived = binary("+", before, this.finite(inflow, bin));
    const left = binary("-", arrived, this.released(operator, outflow, bin));
    return call("MAX", number(0), loss === null ? left : binary("-", left, this.finite(loss, bin)));
  }

  private queueName(column: number): string {
    const { id, origin } = this.values.plan.columns[column]!;
    return origin === "unrouted" ? `${id} before routing` : id;
  }

  /** What leaves a queue: its outflow, as far as the dispatch gate lets it. */
  private released({ dispatch }: Operator & { op: "queue" }, outflow: number, bin: number): Formula {
    if (dispatch === null) return this.finite(outflow, bin);
    const { period, phase, capacity, nonFiniteCapacityIsZero } = dispatch;
    const asked = this.read(outflow, bin);
    const limit = capacity === null ? null : this.read(capacity, bin);
    const rule = limit === null ? ["gated(", asked, ")"] : ["gated(MIN(", asked, ", ", limit, "))"];
    const every = `every ${period} bins from bin ${phase}`;
    if (!isDispatchBin(bin, period, phase)) {
      this.note(`the dispatch gate is closed in bin ${bin} (it opens ${every}): nothing leaves`);
      return chosen(rule, number(0));
    }
    this.note(`the dispatch gate is open in bin ${bin} (it opens ${every})`);
    let released = asked;
    if (limit !== null && Number.isFinite(limit.value)) released = call("MIN", asked, limit);
    else if (limit !== null) {
      this.note(`the capacity is ${limit.value}, which counts as ${nonFiniteCapacityIsZero ? "0" : "no limit"}`);
      if (nonFiniteCapacityIsZero) released = call("MIN", asked, number(0));
    }
    if (Number.isFinite(released.value)) return chosen(rule, released);
    this.note(`what would leave is ${released.value}, which counts as 0`);
    return chosen(rule, number(0));
  }
}

/** Whether the operator computes something that deserves a name instead of being written out where it is used. */
function isWhole(operator: Operator): boolean {
  switch (operator.op) {
    case "queue":
    case "normalise":
    case "winningSide":
    case "classQueues":
    case "retryShares":
    case "gateTotal":
    case "gateClass":
      return true;
    default:
      return false;
  }
}

function partName(id: string): string {
  return id.replace(/#(\d+)$/, " part $1");
}
