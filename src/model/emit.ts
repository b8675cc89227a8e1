import type { Diagnostic } from "./diagnostics.ts";
import { type Expression, literalInteger } from "./expression.ts";
import type { ExprNode } from "./model.ts";
import type { BinaryFunction, Column, Operator, UnaryFunction } from "./plan.ts";

type GroupOperator = Extract<Operator, { outs: readonly number[] }>;
type SimpleOperator = Exclude<Operator, GroupOperator>;
type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;

/** Column of a series by name, in the pass that is being compiled. The name has been checked before. */
export type Scope = (name: string) => number;

/** Operators of a plan while it grows, with the intermediate columns they need. */
export class OperatorList {
  readonly all: Operator[] = [];
  lookback = 0;
  private readonly columns: Column[];
  private readonly literals = new Map<number, number>();
  private readonly derived = new Map<string, readonly number[]>();

  constructor(columns: Column[]) {
    this.columns = columns;
  }

  push(operator: SimpleOperator): number {
    this.all.push(operator);
    if (operator.op === "shift") this.lookback = Math.max(this.lookback, operator.lag);
    else if (operator.op === "convolve") this.lookback = Math.max(this.lookback, operator.kernel.length - 1);
    else if (operator.op === "queue") this.lookback = Math.max(this.lookback, 1);
    return operator.out;
  }

  /** An operator with several outputs, which reads its own last values. */
  pushGroup(operator: GroupOperator): void {
    this.all.push(operator);
    if (operator.op === "winningSide" || operator.op === "classQueues") this.lookback = Math.max(this.lookback, 1);
  }

  /** Column of an intermediate result; equal operators on equal columns share one. */
  derive(operator: DistributiveOmit<SimpleOperator, "out">, owner: string): number {
    return this.shared(JSON.stringify(operator), 1, owner, ([out]) => {
      this.push({ ...operator, out: out! } as SimpleOperator);
    })[0]!;
  }

  /** Columns of an operator with `count` outputs (and, for `winningSide`, its two first-win columns behind them). */
  deriveGroup(
    operator: DistributiveOmit<GroupOperator, "outs" | "firstLeft" | "firstRight">,
    count: number,
    owner: string,
  ): readonly number[] {
    const extra = operator.op === "winningSide" ? 2 : 0;
    return this.shared(JSON.stringify(operator), count + extra, owner, (columns) => {
      const outs = columns.slice(0, count);
      const first = extra === 0 ? {} : { firstLeft: columns[count], firstRight: columns[count + 1] };
      this.pushGroup({ ...operator, outs, ...first } as GroupOperator);
    });
  }

  private shared(
    key: string,
    count: number,
    owner: string,
    make: (columns: readonly number[]) => void,
  ): readonly number[] {
    const known = this.derived.get(key);
    if (known !== undefined) return known;
    const columns = Array.from({ length: count }, () => this.newColumn(owner));
    make(columns);
    this.derived.set(key, columns);
    return columns;
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
  private readonly deferred: { tree: Expression; out: number; context: Context }[] = [];

  constructor(operators: OperatorList, bins: number, diagnostics: Diagnostic[]) {
    this.operators = operators;
    this.bins = bins;
    this.diagnostics = diagnostics;
  }

  compile(node: ExprNode, tree: Expression, out: number, isFeedback: boolean, scope: Scope): void {
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
    this.attempt(refuse, () => this.emit(tree, { owner: node.id, isFeedback, refuse, scope }, out));
  }

  /** Emits the postponed arguments; they may postpone further ones. */
  flushDeferred(): void {
    for (let next = this.deferred.shift(); next !== undefined; next = this.deferred.shift()) {
      const { tree, out, context } = next;
      this.attempt(context.refuse, () => this.emit(tree, context, out));
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
        const a = context.scope(tree.name);
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
      this.deferred.push({ tree: argument!, out: a, context });
    }
    return this.operators.push({ op: "shift", out: out ?? this.operators.newColumn(context.owner), a, lag });
  }
}

interface Context {
  readonly owner: string;
  readonly isFeedback: boolean;
  readonly refuse: (refusal: Refusal) => void;
  readonly scope: Scope;
}

function arity(call: Expression & { kind: "call" }, name: string, least: number, most: number): readonly Expression[] {
  if (call.args.length >= least && call.args.length <= most) return call.args;
  const wanted = least === most ? `exactly ${least}` : `${least} to ${most}`;
  throw new Refusal(`${name} takes ${wanted} argument${most === 1 ? "" : "s"}, not ${call.args.length}`);
}
