import type { Diagnostic } from "./diagnostics.ts";
import { type Expression, literalInteger } from "./expression.ts";
import type { ExprNode } from "./model.ts";
import type { BinaryFunction, Column, Operator, UnaryFunction } from "./plan.ts";

/** Operators of a plan while it grows, with the intermediate columns they need. */
export class OperatorList {
  readonly all: Operator[] = [];
  lookback = 0;
  private readonly columns: Column[];
  private readonly columnOf: ReadonlyMap<string, number>;
  private readonly literals = new Map<number, number>();

  constructor(columns: Column[], columnOf: ReadonlyMap<string, number>) {
    this.columns = columns;
    this.columnOf = columnOf;
  }

  push(operator: Operator): number {
    this.all.push(operator);
    if (operator.op === "shift") this.lookback = Math.max(this.lookback, operator.lag);
    else if (operator.op === "convolve") this.lookback = Math.max(this.lookback, operator.kernel.length - 1);
    else if (operator.op === "queue") this.lookback = Math.max(this.lookback, 1);
    return operator.out;
  }

  /** Column of a series; its existence has been checked before. */
  column(name: string): number {
    return this.columnOf.get(name)!;
  }

  newColumn(owner: string): number {
    this.columns.push({ id: `${owner}#${this.columns.length}`, origin: "intermediate" });
    return this.columns.length - 1;
  }

  /** A column that holds the same number in every bin; one per number. */
  literal(value: number, owner: string): number {
    const known = this.literals.get(value);
    if (known !== undefined) return known;
    const out = this.push({ op: "literal", out: this.newColumn(owner), value });
    this.literals.set(value, out);
    return out;
  }
}

const BINARY_OPERATORS = { "+": "add", "-": "subtract", "*": "multiply", "/": "divide" } as const;
const BINARY_FUNCTIONS: Readonly<Record<string, BinaryFunction>> = {
  MIN: "min",
  MAX: "max",
  MOD: "modulo",
  STEP: "step",
};
const UNARY_FUNCTIONS: Readonly<Record<string, UnaryFunction>> = { FLOOR: "floor", CEIL: "ceil", ROUND: "round" };

/** An expression that cannot be compiled: FlowTime finds these when it evaluates, we when we compile. */
class Refusal extends Error {}

/**
 * Turns expression trees into operators. The argument of a SHIFT with lag ≥ 1 is only read in later bins, so it is
 * computed at the end of the bin (`flushDeferred`), when every node is known: this makes feedback loops and forward
 * references come out as the one causal solution (engine.md §5.4).
 */
export class ExpressionCompiler {
  private readonly operators: OperatorList;
  private readonly bins: number;
  private readonly diagnostics: Diagnostic[];
  private readonly deferred: {
    tree: Expression;
    out: number;
    owner: string;
    isFeedback: boolean;
    refuse: (e: Refusal) => void;
  }[] = [];

  constructor(operators: OperatorList, bins: number, diagnostics: Diagnostic[]) {
    this.operators = operators;
    this.bins = bins;
    this.diagnostics = diagnostics;
  }

  compile(node: ExprNode, tree: Expression, out: number, isFeedback: boolean): void {
    const refuse = (refusal: Refusal): void => {
      this.diagnostics.push({
        severity: "error",
        tier: "compile",
        code: "expression_meaning",
        message: `Node ${node.id}: expression '${node.expr}': ${refusal.message}`,
        pointer: "",
        span: node.exprSpan,
      });
    };
    this.attempt(refuse, () => this.emit(tree, { owner: node.id, isFeedback, refuse }, out));
  }

  /** Emits the postponed arguments; they may postpone further ones. */
  flushDeferred(): void {
    for (let next = this.deferred.shift(); next !== undefined; next = this.deferred.shift()) {
      const { tree, out, owner, isFeedback, refuse } = next;
      this.attempt(refuse, () => this.emit(tree, { owner, isFeedback, refuse }, out));
    }
  }

  private attempt(refuse: (refusal: Refusal) => void, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(error);
    }
  }

  /** Emits the operators of a tree and returns the column with its value; `out` when one is wanted. */
  private emit(tree: Expression, context: Context, out?: number): number {
    const { operators } = this;
    switch (tree.kind) {
      case "number":
        return out === undefined
          ? operators.literal(tree.value, context.owner)
          : operators.push({ op: "literal", out, value: tree.value });
      case "reference": {
        const a = operators.column(tree.name);
        return out === undefined ? a : operators.push({ op: "copy", out, a });
      }
      case "array":
        // Legal only inside FlowTime's feedback groups, where bin t reads element t (engine.md §4.2).
        if (!context.isFeedback) throw new Refusal("Unsupported expression node type: ArrayLiteralNode");
        return operators.push({
          op: "const",
          out: out ?? operators.newColumn(context.owner),
          values: Float64Array.from({ length: this.bins }, (_, bin) => tree.values[bin] ?? 0),
        });
      case "binary": {
        const a = this.emit(tree.left, context);
        const b = this.emit(tree.right, context);
        return operators.push({
          op: BINARY_OPERATORS[tree.operator],
          out: out ?? operators.newColumn(context.owner),
          a,
          b,
        });
      }
      case "call":
        return this.emitCall(tree, context, out);
    }
  }

  private emitCall(call: Expression & { kind: "call" }, context: Context, out?: number): number {
    const { operators } = this;
    const name = call.name.toUpperCase();
    const target = (): number => out ?? operators.newColumn(context.owner);
    const binary = BINARY_FUNCTIONS[name];
    if (binary !== undefined) {
      const [left, right] = arity(call, name, 2, 2);
      const a = this.emit(left!, context);
      const b = this.emit(right!, context);
      return operators.push({ op: binary, out: target(), a, b });
    }
    const unary = UNARY_FUNCTIONS[name];
    if (unary !== undefined) {
      const a = this.emit(arity(call, name, 1, 1)[0]!, context);
      return operators.push({ op: unary, out: target(), a });
    }
    switch (name) {
      case "CLAMP": {
        const [value, lowest, highest] = arity(call, name, 3, 3);
        const a = this.emit(value!, context);
        const low = this.emit(lowest!, context);
        const high = this.emit(highest!, context);
        return operators.push({ op: "clamp", out: target(), a, low, high });
      }
      case "SHIFT":
        return this.emitShift(call, context, out);
      case "CONV": {
        const [argument, kernel] = arity(call, name, 2, 2);
        const coefficients =
          kernel!.kind === "array" ? kernel!.values : kernel!.kind === "number" ? [kernel!.value] : null;
        if (coefficients === null) throw new Refusal("CONV kernel must be an array literal or one literal number");
        const a = this.emit(argument!, context);
        return operators.push({ op: "convolve", out: target(), a, kernel: Float64Array.from(coefficients) });
      }
      case "PULSE": {
        const [periodArgument, phaseArgument, amplitudeArgument] = arity(call, name, 1, 3);
        const period = literalInteger(periodArgument);
        if (period === null || period < 1) throw new Refusal("PULSE period must be a literal positive integer");
        const phase = phaseArgument === undefined ? 0 : literalInteger(phaseArgument);
        if (phase === null) throw new Refusal("PULSE phase must be a literal non-negative integer");
        const amplitude = amplitudeArgument === undefined ? null : this.emit(amplitudeArgument, context);
        return operators.push({ op: "pulse", out: target(), period, phase, amplitude });
      }
      default:
        throw new Refusal(`Unknown function: ${call.name}`);
    }
  }

  private emitShift(call: Expression & { kind: "call" }, context: Context, out?: number): number {
    const [argument, lagArgument] = arity(call, "SHIFT", 2, 2);
    if (lagArgument!.kind !== "number" || !Number.isInteger(lagArgument!.value)) {
      throw new Refusal("SHIFT lag parameter must be a literal integer");
    }
    const lag = lagArgument!.value;
    if (lag === 0) return this.emit(argument!, context, out);
    let a: number;
    if (argument!.kind === "reference" || argument!.kind === "number") {
      a = this.emit(argument!, context);
    } else {
      a = this.operators.newColumn(context.owner);
      this.deferred.push({ tree: argument!, out: a, ...context });
    }
    return this.operators.push({ op: "shift", out: out ?? this.operators.newColumn(context.owner), a, lag });
  }
}

interface Context {
  readonly owner: string;
  readonly isFeedback: boolean;
  readonly refuse: (refusal: Refusal) => void;
}

function arity(call: Expression & { kind: "call" }, name: string, least: number, most: number): readonly Expression[] {
  if (call.args.length >= least && call.args.length <= most) return call.args;
  const wanted = least === most ? `exactly ${least}` : `${least} to ${most}`;
  throw new Refusal(`${name} takes ${wanted} argument${most === 1 ? "" : "s"}, not ${call.args.length}`);
}
