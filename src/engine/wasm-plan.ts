import type { ClassOperator, Operator, ShareFunction } from "../model/plan.ts";
import { findRepeats, type Stretch } from "./repeats.ts";
import { F64, HOST_IMPORT, I32, MODULO_IMPORT, WasmCode, type WasmFunction } from "./wasm-code.ts";

/**
 * Operators per function of code that does not repeat. V8 compiles a function lazily and better once it is hot: one
 * over a whole plan takes it very long, many tiny ones pay for their calls (docs/adr/0004).
 */
const OPERATORS_PER_FUNCTION = 100;
/** Longer kernels are evaluated by the interpreter: unrolled, they would dominate the code. */
const MAX_UNROLLED_TAPS = 64;

/** Parameters and locals of every function. */
const BASE = 0;
const TIME = 1;
const FIRST = 2;
const SECOND = 3;
const POINTER = 4;
const FIRST_LAG = 5;
/** The largest double below one half (engine.md §4.2, ROUND). */
const LARGEST_BELOW_HALF = 0.49999999999999994;

export interface WasmPlan {
  readonly functions: readonly WasmFunction[];
  /** Byte offsets of columns for the loops, to be put into memory at `tableAddress`. */
  readonly table: Int32Array;
}

/**
 * Code for the operators of a plan, from column numbers and numeric constants alone: no text of a model gets near it.
 * Stretches of operators that repeat with other columns become loops over a table of columns, the rest straight lines.
 * What has no code here is evaluated by the host, operator by operator, in its place.
 * @param width columns of a row
 * @param mask ring depth − 1
 */
export function planWasm(operators: readonly Operator[], width: number, mask: number, tableAddress: number): WasmPlan {
  const functions: WasmFunction[] = [];
  const table: number[] = [];
  for (const { start, period, times } of findRepeats(signaturesOf(operators))) {
    if (times > 1) {
      functions.push(loopFunction(operators, { start, period, times }, width, mask, tableAddress, table));
      continue;
    }
    for (let from = start; from < start + period; from += OPERATORS_PER_FUNCTION) {
      const emitter = new FunctionEmitter(width, mask, null);
      const end = Math.min(start + period, from + OPERATORS_PER_FUNCTION);
      for (let index = from; index < end; index++) emitter.operator(operators[index]!, index);
      functions.push(emitter.finish());
    }
  }
  return { functions, table: Int32Array.from(table) };
}

/** Adds the columns of every round to the table and returns a loop over them. */
function loopFunction(
  operators: readonly Operator[],
  { start, period, times }: Stretch,
  width: number,
  mask: number,
  tableAddress: number,
  table: number[],
): WasmFunction {
  const firstAddress = tableAddress + table.length * 4;
  let body: FunctionEmitter | null = null;
  for (let round = 0; round < times; round++) {
    const emitter = new FunctionEmitter(width, mask, []);
    for (let step = 0; step < period; step++) {
      const index = start + round * period + step;
      emitter.operator(operators[index]!, index);
    }
    for (const column of emitter.slots!) table.push(column * 8);
    body ??= emitter;
  }
  return body!.finishLoop(firstAddress, times);
}

/** Equal numbers for operators that differ in their columns only. An operator for the host equals no other. */
function signaturesOf(operators: readonly Operator[]): number[] {
  const known = new Map<string, number>();
  return operators.map((operator, index) => {
    const text = isEmitted(operator) ? signatureText(operator) : `host ${index}`;
    const signature = known.get(text) ?? known.size;
    known.set(text, signature);
    return signature;
  });
}

function signatureText(operator: Operator): string {
  switch (operator.op) {
    case "shift":
      return `shift ${operator.lag}`;
    case "convolve":
      return `convolve ${operator.kernel.join(" ")}`;
    case "pulse":
      return `pulse ${operator.period} ${operator.phase} ${operator.amplitude === null}`;
    case "queue": {
      const gate = operator.dispatch;
      const gateText = gate && `${gate.period} ${gate.phase} ${gate.capacity === null} ${gate.nonFiniteCapacityIsZero}`;
      return `queue ${operator.initialDepth} ${operator.loss === null} ${gateText}`;
    }
    default:
      return operator.op;
  }
}

type EmittedOperator = Exclude<
  Operator,
  ClassOperator | { op: "const" | "input" | "fed" | ShareFunction | "finiteOrZero" }
>;

const HOSTED: ReadonlySet<Operator["op"]> = new Set([
  "const",
  "input",
  "fed",
  "finiteOrZero",
  "shareOfProduct",
  "quotientScale",
  "shareModulo",
  "gateTotal",
  "gateClass",
  "normalise",
  "winningSide",
  "classQueues",
  "retryShares",
]);

function isEmitted(operator: Operator): operator is EmittedOperator {
  return !HOSTED.has(operator.op) && (operator.op !== "convolve" || operator.kernel.length <= MAX_UNROLLED_TAPS);
}

class FunctionEmitter {
  /** Columns in the order in which the code asks for them, when it reads them from the table; null: columns are in the code. */
  readonly slots: number[] | null;
  private readonly width: number;
  private readonly mask: number;
  private readonly body = new WasmCode();
  private readonly lags: number[] = [];

  constructor(width: number, mask: number, slots: number[] | null) {
    this.width = width;
    this.mask = mask;
    this.slots = slots;
  }

  finish(): WasmFunction {
    return { code: this.prologue().raw(this.body.written).written.slice(), locals: this.locals() };
  }

  /** The code as the body of a loop that goes through `times` rounds of the table from `firstAddress` on. */
  finishLoop(firstAddress: number, times: number): WasmFunction {
    const roundBytes = this.slots!.length * 4;
    const code = this.prologue().i32(firstAddress).set(POINTER).loop().raw(this.body.written);
    code.get(POINTER).i32(roundBytes).op("i32Add").tee(POINTER);
    code
      .i32(firstAddress + times * roundBytes)
      .op("i32LtU")
      .branchIf(0)
      .op("end");
    return { code: code.written.slice(), locals: this.locals() };
  }

  operator(operator: Operator, index: number): void {
    const { body } = this;
    if (!isEmitted(operator)) {
      body.get(BASE).get(TIME).i32(index).call(HOST_IMPORT);
      return;
    }
    const address = this.push(BASE, operator.out);
    this.value(operator);
    body.store(address);
  }

  /** Row addresses of the past bins that the code reads. */
  private prologue(): WasmCode {
    const code = new WasmCode();
    this.lags.forEach((lag, index) => {
      code
        .get(TIME)
        .i32(lag)
        .op("i32Sub")
        .i32(this.mask)
        .op("i32And")
        .i32(this.width * 8)
        .op("i32Mul");
      code.set(FIRST_LAG + index);
    });
    return code;
  }

  private locals(): WasmFunction["locals"] {
    return [
      [2, F64],
      [1 + this.lags.length, I32],
    ];
  }

  /** Leaves the operator's value on the stack. */
  private value(operator: EmittedOperator): void {
    const { body } = this;
    switch (operator.op) {
      case "copy":
        this.column(operator.a);
        break;
      case "add":
      case "subtract":
      case "multiply":
      case "min":
      case "max":
        this.column(operator.a);
        this.column(operator.b);
        body.op(PLAIN[operator.op]);
        break;
      case "divide":
        body.f64(0);
        this.column(operator.a);
        this.column(operator.b);
        body.tee(SECOND).op("f64Div");
        body.get(SECOND).f64(0).op("f64Eq").op("select");
        break;
      case "modulo":
        this.column(operator.a);
        this.column(operator.b);
        body.call(MODULO_IMPORT);
        break;
      case "step":
        this.column(operator.a);
        this.column(operator.b);
        body.op("f64Ge").op("f64FromI32");
        break;
      case "floor":
      case "ceil":
        this.column(operator.a);
        body.op(operator.op === "floor" ? "f64Floor" : "f64Ceil");
        break;
      case "round":
        this.column(operator.a);
        body.tee(FIRST).f64(LARGEST_BELOW_HALF).get(FIRST).op("f64Copysign").op("f64Add").op("f64Trunc");
        break;
      case "clamp":
        this.column(operator.low);
        this.column(operator.high);
        this.column(operator.a);
        body.op("f64Min").op("f64Max");
        break;
      case "shift":
        body.f64(0);
        this.pastColumn(operator.a, operator.lag);
        body.get(TIME).i32(operator.lag).op("i32LtS").op("select");
        break;
      case "convolve":
        this.convolve(operator);
        break;
      case "pulse":
        if (operator.amplitude === null) body.f64(1);
        else this.column(operator.amplitude);
        body.f64(0);
        this.isFiring(operator.period, operator.phase);
        body.op("select");
        break;
      case "allocate":
        this.column(operator.capacity);
        this.column(operator.demand);
        this.column(operator.total);
        body.op("f64Div").op("f64Mul").f64(Number.POSITIVE_INFINITY);
        this.column(operator.total);
        this.column(operator.capacity);
        body.op("f64Gt").op("select");
        break;
      case "limit":
        this.column(operator.limit);
        this.column(operator.a);
        this.column(operator.measured);
        this.column(operator.limit);
        body.op("f64Gt").op("select");
        break;
      case "queue":
        this.queue(operator);
        break;
    }
  }

  /** Adding +0 for a sample that is skipped changes nothing: the sum starts at +0 and can never be −0. */
  private convolve(operator: Operator & { op: "convolve" }): void {
    const { body } = this;
    body.f64(0);
    operator.kernel.forEach((coefficient, lag) => {
      if (lag === 0) this.column(operator.a);
      else this.pastColumn(operator.a, lag);
      body.tee(FIRST).f64(coefficient).op("f64Mul").f64(0);
      this.isFinite(FIRST);
      if (lag > 0) body.get(TIME).i32(lag).op("i32GeS").op("i32And");
      body.op("select").op("f64Add");
    });
  }

  private queue(operator: Operator & { op: "queue" }): void {
    const { body } = this;
    body.f64(0).f64(operator.initialDepth);
    this.pastColumn(operator.previous, 1);
    body.get(TIME).op("i32Eqz").op("select");
    this.column(operator.inflow);
    body.set(FIRST);
    this.finiteOrZero(FIRST);
    body.op("f64Add");
    this.outflow(operator);
    body.set(FIRST);
    this.finiteOrZero(FIRST);
    body.op("f64Sub");
    if (operator.loss !== null) {
      this.column(operator.loss);
      body.set(FIRST);
      this.finiteOrZero(FIRST);
      body.op("f64Sub");
    }
    body.op("f64Max");
  }

  private outflow(operator: Operator & { op: "queue" }): void {
    const { body } = this;
    const gate = operator.dispatch;
    if (gate === null) {
      this.column(operator.outflow);
      return;
    }
    if (gate.capacity === null) {
      this.column(operator.outflow);
    } else {
      this.column(operator.outflow);
      body.tee(FIRST);
      this.column(gate.capacity);
      body.tee(SECOND).op("f64Min");
      body.get(FIRST);
      if (gate.nonFiniteCapacityIsZero) body.f64(0).op("f64Min");
      this.isFinite(SECOND);
      body.op("select");
    }
    body.f64(0);
    this.isFiring(gate.period, gate.phase);
    body.op("select");
  }

  /** 1 when t ≥ phase and (t − phase) mod period = 0. */
  private isFiring(period: number, phase: number): void {
    const { body } = this;
    body.get(TIME).i32(phase).op("i32GeS");
    body.get(TIME).i32(phase).op("i32Sub").i32(period).op("i32RemU").op("i32Eqz").op("i32And");
  }

  private isFinite(local: number): void {
    this.body.get(local).get(local).op("f64Sub").f64(0).op("f64Eq");
  }

  private finiteOrZero(local: number): void {
    this.body.get(local).f64(0);
    this.isFinite(local);
    this.body.op("select");
  }

  private column(column: number): void {
    const offset = this.push(BASE, column);
    this.body.load(offset);
  }

  private pastColumn(column: number, lag: number): void {
    let index = this.lags.indexOf(lag);
    if (index < 0) index = this.lags.push(lag) - 1;
    const offset = this.push(FIRST_LAG + index, column);
    this.body.load(offset);
  }

  /** Leaves an address on the stack and returns the offset to add to it. */
  private push(row: number, column: number): number {
    this.body.get(row);
    if (this.slots === null) return column * 8;
    const slot = this.slots.push(column) - 1;
    this.body
      .get(POINTER)
      .loadI32(slot * 4)
      .op("i32Add");
    return 0;
  }
}

const PLAIN = { add: "f64Add", subtract: "f64Sub", multiply: "f64Mul", min: "f64Min", max: "f64Max" } as const;
