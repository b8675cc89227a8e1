import type { Operator, Plan } from "../model/plan.ts";
import { clamp, divide, gatedOutflow, modulo, queueDepth, round, step } from "./arithmetic.ts";

const OPCODES = {
  literal: 0,
  input: 1,
  const: 2,
  copy: 3,
  add: 4,
  subtract: 5,
  multiply: 6,
  divide: 7,
  modulo: 8,
  min: 9,
  max: 10,
  step: 11,
  floor: 12,
  ceil: 13,
  round: 14,
  clamp: 15,
  shift: 16,
  convolve: 17,
  pulse: 18,
  queue: 19,
} as const satisfies Record<Operator["op"], number>;

/** Words per instruction: opcode, out, a, b, c, d. */
const WORDS = 6;
const NONE = -1;

/** What an evaluator must remember between bins: the rows that operators may still read. */
export interface EvaluatorState {
  /** Bins evaluated. */
  readonly bin: number;
  /** The last `min(bin, lookback)` rows, oldest first, all columns. */
  readonly rows: Float64Array;
}

/**
 * Evaluates a plan bin by bin: one pass over its operators per bin, whatever has gone before, without allocation.
 * Rows of all columns live in a ring just deep enough for the longest lookback. This is the plain interpreter that any
 * faster execution is tested against.
 */
export class Evaluator {
  readonly plan: Plan;
  private readonly width: number;
  private readonly mask: number;
  private readonly rows: Float64Array;
  private readonly rowViews: readonly Float64Array[];
  private readonly code: Int32Array;
  private readonly tables: readonly Float64Array[];
  private next = 0;

  /** @param horizonBins most bins that will ever be evaluated; bounds the ring. Default: the grid's. */
  constructor(plan: Plan, horizonBins: number = Number.POSITIVE_INFINITY) {
    this.plan = plan;
    this.width = plan.columns.length;
    let depth = 1;
    while (depth < Math.min(plan.lookback, horizonBins) + 1) depth *= 2;
    this.mask = depth - 1;
    this.rows = new Float64Array(depth * this.width);
    this.rowViews = Array.from({ length: depth }, (_, index) =>
      this.rows.subarray(index * this.width, (index + 1) * this.width),
    );
    const tables: Float64Array[] = [];
    this.code = lower(plan.operators, tables);
    this.tables = tables;
    this.fillLiterals();
  }

  /** Index of the bin that the next `advance` evaluates = bins evaluated so far. */
  get bin(): number {
    return this.next;
  }

  /** Row of the newest evaluated bin, all columns. Valid until the ring comes round. */
  get row(): Float64Array {
    return this.rowViews[(this.next - 1) & this.mask]!;
  }

  /**
   * Evaluates one bin.
   * @param inputs `inputs[i]` is the cell of `plan.bound[i]`; NaN where telemetry is missing
   */
  advance(inputs: Float64Array): Float64Array {
    const { rows, code, tables, width, mask } = this;
    const t = this.next;
    const base = (t & mask) * width;
    const end = code.length;
    for (let pc = 0; pc < end; pc += WORDS) {
      const out = base + code[pc + 1]!;
      const a = code[pc + 2]!;
      const b = code[pc + 3]!;
      switch (code[pc]) {
        case OPCODES.input:
          rows[out] = inputs[a]!;
          break;
        case OPCODES.const: {
          const values = tables[a]!;
          rows[out] = values[t < values.length ? t : t % values.length]!;
          break;
        }
        case OPCODES.copy:
          rows[out] = rows[base + a]!;
          break;
        case OPCODES.add:
          rows[out] = rows[base + a]! + rows[base + b]!;
          break;
        case OPCODES.subtract:
          rows[out] = rows[base + a]! - rows[base + b]!;
          break;
        case OPCODES.multiply:
          rows[out] = rows[base + a]! * rows[base + b]!;
          break;
        case OPCODES.divide:
          rows[out] = divide(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.modulo:
          rows[out] = modulo(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.min:
          rows[out] = Math.min(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.max:
          rows[out] = Math.max(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.step:
          rows[out] = step(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.floor:
          rows[out] = Math.floor(rows[base + a]!);
          break;
        case OPCODES.ceil:
          rows[out] = Math.ceil(rows[base + a]!);
          break;
        case OPCODES.round:
          rows[out] = round(rows[base + a]!);
          break;
        case OPCODES.clamp:
          rows[out] = clamp(rows[base + a]!, rows[base + b]!, rows[base + code[pc + 4]!]!);
          break;
        case OPCODES.shift:
          rows[out] = t < b ? 0 : rows[((t - b) & mask) * width + a]!;
          break;
        case OPCODES.convolve: {
          const kernel = tables[b]!;
          let sum = 0;
          for (let lag = 0; lag < kernel.length && lag <= t; lag++) {
            const sample = rows[((t - lag) & mask) * width + a]!;
            if (Number.isFinite(sample)) sum += sample * kernel[lag]!;
          }
          rows[out] = sum;
          break;
        }
        case OPCODES.pulse: {
          const period = a;
          const since = t - b;
          const amplitude = code[pc + 4]!;
          rows[out] = since >= 0 && since % period === 0 ? (amplitude === NONE ? 1 : rows[base + amplitude]!) : 0;
          break;
        }
        case OPCODES.queue: {
          const loss = code[pc + 4]!;
          const parameters = tables[code[pc + 5]!]!;
          const previous = t === 0 ? parameters[0]! : rows[((t - 1) & mask) * width + code[pc + 1]!]!;
          let outflow = rows[base + b]!;
          const period = parameters[1]!;
          if (period > 0) {
            const capacity = parameters[3]!;
            outflow = gatedOutflow(
              t,
              outflow,
              period,
              parameters[2]!,
              capacity === NONE ? null : rows[base + capacity]!,
              parameters[4] === 1,
            );
          }
          rows[out] = queueDepth(previous, rows[base + a]!, outflow, loss === NONE ? 0 : rows[base + loss]!);
          break;
        }
      }
    }
    this.next = t + 1;
    return this.rowViews[t & mask]!;
  }

  saveState(): EvaluatorState {
    const kept = Math.min(this.next, this.plan.lookback, this.mask);
    const rows = new Float64Array(kept * this.width);
    for (let index = 0; index < kept; index++) {
      rows.set(this.rowViews[(this.next - kept + index) & this.mask]!, index * this.width);
    }
    return { bin: this.next, rows };
  }

  /** Puts a saved state of the same plan back; what was evaluated meanwhile is forgotten. */
  restoreState(state: EvaluatorState): void {
    this.next = state.bin;
    this.fillLiterals();
    const kept = state.rows.length / this.width;
    for (let index = 0; index < kept; index++) {
      const view = this.rowViews[(state.bin - kept + index) & this.mask]!;
      view.set(state.rows.subarray(index * this.width, (index + 1) * this.width));
    }
  }

  private fillLiterals(): void {
    for (const operator of this.plan.operators) {
      if (operator.op !== "literal") continue;
      for (const view of this.rowViews) view[operator.out] = operator.value;
    }
  }
}

/** Operators as fixed-width integer instructions; literals need none, they are filled in once. */
function lower(operators: readonly Operator[], tables: Float64Array[]): Int32Array {
  const code: number[] = [];
  const table = (values: Float64Array): number => tables.push(values) - 1;
  const put = (opcode: number, out: number, a = NONE, b = NONE, c = NONE, d = NONE): void => {
    code.push(opcode, out, a, b, c, d);
  };
  for (const operator of operators) {
    const opcode = OPCODES[operator.op];
    switch (operator.op) {
      case "literal":
        break;
      case "input":
        put(opcode, operator.out, operator.input);
        break;
      case "const":
        put(opcode, operator.out, table(operator.values));
        break;
      case "copy":
      case "floor":
      case "ceil":
      case "round":
        put(opcode, operator.out, operator.a);
        break;
      case "clamp":
        put(opcode, operator.out, operator.a, operator.low, operator.high);
        break;
      case "shift":
        put(opcode, operator.out, operator.a, operator.lag);
        break;
      case "convolve":
        put(opcode, operator.out, operator.a, table(operator.kernel));
        break;
      case "pulse":
        put(opcode, operator.out, operator.period, operator.phase, operator.amplitude ?? NONE);
        break;
      case "queue": {
        const gate = operator.dispatch;
        const parameters = Float64Array.of(
          operator.initialDepth,
          gate?.period ?? 0,
          gate?.phase ?? 0,
          gate?.capacity ?? NONE,
          gate?.nonFiniteCapacityIsZero ? 1 : 0,
        );
        put(opcode, operator.out, operator.inflow, operator.outflow, operator.loss ?? NONE, table(parameters));
        break;
      }
      default:
        put(opcode, operator.out, operator.a, operator.b);
    }
  }
  return Int32Array.from(code);
}
