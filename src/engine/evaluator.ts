import type { Plan } from "../model/plan.ts";
import { CompiledExecution } from "./compiled-execution.ts";
import { type Execution, Interpreter } from "./interpreter.ts";
import { type EvaluatorState, RowRing, ringDepth } from "./row-ring.ts";

export interface EvaluatorOptions {
  /** Most bins that will ever be evaluated; bounds the ring of rows. Default: no bound. */
  readonly horizonBins?: number;
  /** `interpreted` is the reference; `compiled` gives the same bits faster. Default `compiled`. */
  readonly execution?: "compiled" | "interpreted";
}

/**
 * Evaluates a plan bin by bin: one pass over its operators per bin, whatever has gone before, without allocation.
 */
export class Evaluator {
  readonly plan: Plan;
  private readonly ring: RowRing;
  private readonly execution: Execution;
  private next = 0;

  constructor(plan: Plan, options: EvaluatorOptions = {}) {
    this.plan = plan;
    const depth = ringDepth(plan, options.horizonBins ?? Number.POSITIVE_INFINITY);
    const width = plan.columns.length;
    if (options.execution === "interpreted") {
      const rows = new Float64Array(depth * width);
      this.ring = new RowRing(plan, depth, rows);
      this.execution = new Interpreter(plan.operators, rows, width, depth - 1);
    } else {
      const compiled = new CompiledExecution(plan.operators, width, depth);
      this.ring = new RowRing(plan, depth, compiled.rows);
      this.execution = compiled;
    }
  }

  /** Index of the bin that the next `advance` evaluates = bins evaluated so far. */
  get bin(): number {
    return this.next;
  }

  /** Row of the newest evaluated bin, all columns. Valid until the next `advance`. */
  get row(): Float64Array {
    return this.ring.views[(this.next - 1) & this.ring.mask]!;
  }

  /**
   * Evaluates one bin.
   * @param inputs `inputs[i]` is the cell of `plan.bound[i]`
   * @param present where it is 0 the cell is missing, and the plan's gap policy says what stands in. Default: none is
   * @returns its row, all columns; valid until the ring comes round
   */
  advance(inputs: Float64Array, present: Uint8Array | null = null): Float64Array {
    const t = this.next;
    this.execution.step(t, inputs, present);
    this.next = t + 1;
    return this.ring.views[t & this.ring.mask]!;
  }

  saveState(): EvaluatorState {
    return this.ring.save(this.next);
  }

  /** Puts a saved state of the same plan back; what was evaluated meanwhile is forgotten. */
  restoreState(state: EvaluatorState): void {
    this.next = state.bin;
    this.ring.restore(state);
  }
}
