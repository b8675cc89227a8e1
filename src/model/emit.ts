import { invariant } from "../lib/assert.ts";
import type { Expression } from "./expression.ts";
import type { ExprNode } from "./model.ts";
import type { BinaryFunction, Column, Operator, UnaryFunction } from "./plan.ts";
import { MAX_PLAN_COLUMNS, MAX_PLAN_STEPS, PlanTooLarge } from "./plan-limits.ts";

type GroupOperator = Extract<Operator, { outs: readonly number[] }>;
type SimpleOperator = Exclude<Operator, GroupOperator>;
type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never;

/** Column of a series by name, in the pass that is being compiled. The name has been checked before. */
export type Scope = (name: string) => number;

/** Operators of a plan while it grows, with the intermediate columns they need. */
export class OperatorList {
  readonly all: Operator[] = [];
  lookback = 0;
  private steps = 0;
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
    else if (operator.op === "queue" || (operator.op === "input" && operator.gap === "hold"))
      this.lookback = Math.max(this.lookback, 1);
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
    this.spend(count);
    const known = this.derived.get(key);
    if (known !== undefined) return known;
    const columns = Array.from({ length: count }, () => this.newColumn(owner));
    make(columns);
    this.derived.set(key, columns);
    return columns;
  }

  /** Counts steps of compilation that need not leave a column behind. @throws PlanTooLarge */
  spend(steps: number): void {
    this.steps += steps;
    if (this.steps > MAX_PLAN_STEPS) throw new PlanTooLarge("steps");
  }

  /** @throws PlanTooLarge */
  newColumn(owner: string): number {
    if (this.columns.length >= MAX_PLAN_COLUMNS) throw new PlanTooLarge("columns");
    this.columns.push({ id: `${owner}#${this.columns.length}`, origin: "intermediate" });
    return this.columns.length - 1;
  }

  /** Column of a node's value before routers are applied. */
  unroutedColumn(nodeId: string): number {
    this.columns.push({ id: nodeId, origin: "unrouted" });
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

/**
 * Turns expression trees without faults (`expressionFaults`) into operators. The argument of a SHIFT with lag ≥ 1 is only read in later bins, so it is
 * computed at the end of the bin (`flushDeferred`), when every node is known: this makes feedback loops and forward
 * references come out as the one causal solution (engine.md §5.4).
 */
export class ExpressionCompiler {
  private readonly operators: OperatorList;
  private readonly bins: number;
  private readonly deferred: { tree: Expression; out: number; context: Context }[] = [];

  constructor(operators: OperatorList, bins: number) {
    this.operators = operators;
    this.bins = bins;
  }

  compile(node: ExprNode, tree: Expression, out: number, scope: Scope): void {
    this.emit(tree, { owner: node.id, scope }, out);
  }

  /** Emits the postponed arguments; they may postpone further ones. */
  flushDeferred(): void {
    for (let at = 0; at < this.deferred.length; at++) {
      const { tree, context, out } = this.deferred[at]!;
      this.emit(tree, context, out);
    }
    this.deferred.length = 0;
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
        // An operand only inside FlowTime's feedback groups, where bin t reads element t (engine.md §4.2).
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
      const [left, right] = call.args;
      const a = this.emit(left!, context);
      const b = this.emit(right!, context);
      return operators.push({ op: binary, out: target(), a, b });
    }
    const unary = UNARY_FUNCTIONS[name];
    if (unary !== undefined) {
      const a = this.emit(call.args[0]!, context);
      return operators.push({ op: unary, out: target(), a });
    }
    switch (name) {
      case "CLAMP": {
        const [value, lowest, highest] = call.args;
        const a = this.emit(value!, context);
        const low = this.emit(lowest!, context);
        const high = this.emit(highest!, context);
        return operators.push({ op: "clamp", out: target(), a, low, high });
      }
      case "SHIFT":
        return this.emitShift(call, context, out);
      case "CONV": {
        const [argument, kernel] = call.args;
        const coefficients = kernel?.kind === "array" ? kernel.values : [literal(kernel)];
        const a = this.emit(argument!, context);
        return operators.push({ op: "convolve", out: target(), a, kernel: Float64Array.from(coefficients) });
      }
      case "PULSE": {
        const [period, phase, amplitude] = call.args;
        return operators.push({
          op: "pulse",
          out: target(),
          period: literal(period),
          phase: phase === undefined ? 0 : literal(phase),
          amplitude: amplitude === undefined ? null : this.emit(amplitude, context),
        });
      }
      default:
        throw new Error(`broken promise: ${call.name} is a function`);
    }
  }

  private emitShift(call: Expression & { kind: "call" }, context: Context, out?: number): number {
    const argument = call.args[0];
    const lag = literal(call.args[1]);
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
  readonly scope: Scope;
}

function literal(argument: Expression | undefined): number {
  invariant(argument?.kind === "number", "the argument is a literal");
  return argument.value;
}
