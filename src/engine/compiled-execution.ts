import type { Operator } from "../model/plan.ts";
import { modulo } from "./arithmetic.ts";
import { type Execution, GAP_CODES, gapValue, Interpreter } from "./interpreter.ts";
import { encodeModule } from "./wasm-code.ts";
import { planWasm } from "./wasm-plan.ts";

type StepFunction = (base: number, t: number) => void;

/** The part of the WebAssembly API that is used; the compiler's own declarations come with the browser's. */
interface WasmApi {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, StepFunction>> };
}

const WASM_PAGE_BYTES = 65_536;

/** Operators as WebAssembly over rows in its memory. Bit for bit what the interpreter gives. */
export class CompiledExecution implements Execution {
  /** Memory for `depth` rows. */
  readonly rows: Float64Array;
  private readonly functions: readonly StepFunction[];
  private readonly rowBytes: number;
  private readonly width: number;
  private readonly mask: number;
  private readonly constants: readonly { readonly out: number; readonly values: Float64Array }[];
  private readonly inputs: readonly { readonly out: number; readonly input: number; readonly gapCode: number }[];
  /** Telemetry of the bin that is being evaluated. */
  private cells: Float64Array = new Float64Array(0);
  private present: Uint8Array | null = null;

  constructor(operators: readonly Operator[], width: number, depth: number) {
    const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
    this.width = width;
    this.rowBytes = width * 8;
    this.mask = depth - 1;
    // Constants and telemetry depend on nothing, so they are filled in first, from tables of their own.
    this.constants = operators.filter((operator) => operator.op === "const");
    this.inputs = operators.flatMap((operator) =>
      operator.op === "input" ? [{ ...operator, gapCode: GAP_CODES[operator.gap] }] : [],
    );
    const computed = operators.filter(({ op }) => op !== "const" && op !== "input" && op !== "literal");
    const hosted = new Map<number, Interpreter>();
    const host = (_base: number, t: number, index: number): void => {
      let interpreter = hosted.get(index);
      if (interpreter === undefined) {
        interpreter = new Interpreter([computed[index]!], this.rows, width, this.mask);
        hosted.set(index, interpreter);
      }
      interpreter.step(t, this.cells, this.present);
    };
    const rowsBytes = depth * this.rowBytes;
    const { functions, table } = planWasm(computed, width, this.mask, rowsBytes);
    const memory = new Memory({ initial: Math.ceil((rowsBytes + table.byteLength) / WASM_PAGE_BYTES) });
    this.rows = new Float64Array(memory.buffer, 0, depth * width);
    new Int32Array(memory.buffer, rowsBytes, table.length).set(table);
    const instance = new Instance(new Module(encodeModule(functions)), { env: { memory, modulo, host } });
    this.functions = functions.map((_, index) => instance.exports[`f${index}`]!);
  }

  step(t: number, inputs: Float64Array, present: Uint8Array | null): void {
    const { rows, functions, constants, inputs: bound } = this;
    const row = t & this.mask;
    const start = row * this.width;
    const startBefore = ((t - 1) & this.mask) * this.width;
    this.cells = inputs;
    this.present = present;
    // Plain loops: an iterator makes an object for every step of it, and a bin must make none.
    for (let index = 0; index < constants.length; index++) {
      const { out, values } = constants[index]!;
      rows[start + out] = values[t < values.length ? t : t % values.length]!;
    }
    for (let index = 0; index < bound.length; index++) {
      const { out, input, gapCode } = bound[index]!;
      const isGiven = present === null || present[input] === 1;
      rows[start + out] = isGiven ? inputs[input]! : gapValue(gapCode, t, rows[startBefore + out]!);
    }
    const base = row * this.rowBytes;
    for (let index = 0; index < functions.length; index++) functions[index]!(base, t);
  }
}
