import type { CellGap, ClassOperator, Operator } from "../model/plan.ts";
import {
  allocation,
  clamp,
  divide,
  finiteOrZero,
  gatedOutflow,
  limited,
  modulo,
  queueDepth,
  round,
  step,
} from "./arithmetic.ts";
import { evaluateClassOperator, quotientScale, shareModulo, shareOfProduct } from "./class-operators.ts";

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
  finiteOrZero: 20,
  shareOfProduct: 21,
  quotientScale: 22,
  shareModulo: 23,
  fed: 25,
  gateTotal: 24,
  gateClass: 24,
  normalise: 24,
  winningSide: 24,
  classQueues: 24,
  retryShares: 24,
  allocate: 26,
  limit: 27,
} as const satisfies Record<Operator["op"], number>;

/** Words per instruction: opcode, out, a, b, c, d. */
const WORDS = 6;
const NONE = -1;

/** Evaluates the operators of a plan over rows of columns, one bin per call. */
export interface Execution {
  /**
   * @param t bin; its row is `t & mask`
   * @param inputs `inputs[i]` is the cell of `plan.bound[i]`
   * @param present where it is 0 the cell is missing; null: none is
   */
  step(t: number, inputs: Float64Array, present: Uint8Array | null): void;
}

/**
 * Goes through the operators one by one. Plain on purpose: the reference that every faster execution is tested against.
 */
export class Interpreter implements Execution {
  private readonly rows: Float64Array;
  private readonly width: number;
  private readonly mask: number;
  private readonly code: Int32Array;
  private readonly tables: readonly Float64Array[];
  private readonly classOperators: readonly ClassOperator[];

  /**
   * @param rows memory of the ring of rows
   * @param width columns of a row
   * @param mask ring depth − 1
   */
  constructor(operators: readonly Operator[], rows: Float64Array, width: number, mask: number) {
    const tables: Float64Array[] = [];
    const classOperators: ClassOperator[] = [];
    this.code = lower(operators, tables, classOperators);
    this.tables = tables;
    this.classOperators = classOperators;
    this.rows = rows;
    this.width = width;
    this.mask = mask;
  }

  step(t: number, inputs: Float64Array, present: Uint8Array | null): void {
    const { rows, code, tables, width, mask } = this;
    const base = (t & mask) * width;
    const end = code.length;
    for (let pc = 0; pc < end; pc += WORDS) {
      const out = base + code[pc + 1]!;
      const a = code[pc + 2]!;
      const b = code[pc + 3]!;
      switch (code[pc]) {
        case OPCODES.input:
          rows[out] =
            present === null || present[a] === 1
              ? inputs[a]!
              : gapValue(b, t, rows[((t - 1) & mask) * width + code[pc + 1]!]!);
          break;
        case OPCODES.fed:
          rows[out] = present === null || present[a] === 1 ? inputs[a]! : rows[base + b]!;
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
        case OPCODES.finiteOrZero:
          rows[out] = finiteOrZero(rows[base + a]!);
          break;
        case OPCODES.shareOfProduct:
          rows[out] = shareOfProduct(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.quotientScale:
          rows[out] = quotientScale(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.shareModulo:
          rows[out] = shareModulo(rows[base + a]!, rows[base + b]!);
          break;
        case OPCODES.allocate:
          rows[out] = allocation(rows[base + a]!, rows[base + b]!, rows[base + code[pc + 4]!]!);
          break;
        case OPCODES.limit:
          rows[out] = limited(rows[base + a]!, rows[base + b]!, rows[base + code[pc + 4]!]!);
          break;
        case OPCODES.normalise:
          evaluateClassOperator(this.classOperators[a]!, rows, base, ((t - 1) & mask) * width, t);
          break;
        case OPCODES.queue: {
          const loss = code[pc + 4]!;
          const parameters = tables[code[pc + 5]!]!;
          const previous = t === 0 ? parameters[0]! : rows[((t - 1) & mask) * width + parameters[5]!]!;
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
  }
}

export const GAP_CODES: Readonly<Record<CellGap, number>> = { nan: 0, zero: 1, hold: 2 };

/** What stands in for a missing cell. @param last the same cell in the bin before */
export function gapValue(gapCode: number, t: number, last: number): number {
  if (gapCode === GAP_CODES.zero) return 0;
  return gapCode === GAP_CODES.hold && t > 0 ? last : Number.NaN;
}

/** Operators as fixed-width integer instructions; literals need none, they are filled in once. */
function lower(operators: readonly Operator[], tables: Float64Array[], classOperators: ClassOperator[]): Int32Array {
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
        put(opcode, operator.out, operator.input, GAP_CODES[operator.gap]);
        break;
      case "fed":
        put(opcode, operator.out, operator.input, operator.model);
        break;
      case "const":
        put(opcode, operator.out, table(operator.values));
        break;
      case "copy":
      case "floor":
      case "ceil":
      case "round":
      case "finiteOrZero":
        put(opcode, operator.out, operator.a);
        break;
      case "gateTotal":
      case "gateClass":
      case "normalise":
      case "winningSide":
      case "classQueues":
      case "retryShares":
        put(opcode, NONE, classOperators.push(operator) - 1);
        break;
      case "clamp":
        put(opcode, operator.out, operator.a, operator.low, operator.high);
        break;
      case "allocate":
        put(opcode, operator.out, operator.demand, operator.total, operator.capacity);
        break;
      case "limit":
        put(opcode, operator.out, operator.a, operator.measured, operator.limit);
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
          operator.previous,
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
