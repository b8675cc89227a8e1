import { ClassColumns, type Contribution, unionOf } from "./class-columns.ts";
import type { OperatorList } from "./emit.ts";
import { type Expression, literalInteger } from "./expression.ts";
import type { ShareFunction, UnaryFunction } from "./plan.ts";

/**
 * Compiles expressions over contributions: a total, and how classes share it (engine.md §7.2.2). The oracle of the same
 * rules over whole series is `engine/batch-class-algebra.ts`.
 */
export class ClassAlgebra {
  private readonly operators: OperatorList;
  private readonly owner: string;
  private readonly read: (nodeId: string) => Contribution;

  /** @param read the contribution of a node */
  constructor(operators: OperatorList, owner: string, read: (nodeId: string) => Contribution) {
    this.operators = operators;
    this.owner = owner;
    this.read = read;
  }

  value(tree: Expression): Contribution {
    switch (tree.kind) {
      case "number":
        return this.plain(this.literal(tree.value));
      case "array":
        return this.plain(this.literal(0));
      case "reference":
        return this.read(tree.name);
      case "binary": {
        const left = this.value(tree.left);
        const right = this.value(tree.right);
        if (tree.operator === "+") return this.sum(left, right, "add");
        if (tree.operator === "-") return this.sum(left, right, "subtract");
        return tree.operator === "*" ? this.product(left, right) : this.quotient(left, right);
      }
      case "call":
        return this.call(tree.name.toUpperCase(), tree.args);
    }
  }

  /** Shares scaled to add up to a total. */
  normalise(classes: ClassColumns, total: number): ClassColumns {
    if (classes.size === 0) return classes;
    const shares = classes.columns;
    const outs = this.operators.deriveGroup({ op: "normalise", shares, total }, shares.length, this.owner);
    let next = 0;
    return classes.map(() => outs[next++]!);
  }

  private sum(left: Contribution, right: Contribution, op: "add" | "subtract"): Contribution {
    const total = this.binary(op, left.total, right.total);
    const { order, ids } = unionOf([left.classes, right.classes]);
    const zero = this.literal(0);
    const classes = new ClassColumns(
      order,
      ids.map((classId) => [
        classId,
        this.binary(op, left.classes.get(classId) ?? zero, right.classes.get(classId) ?? zero),
      ]),
    );
    return { total, classes: this.normalise(classes, total) };
  }

  private product(left: Contribution, right: Contribution): Contribution {
    const [shared, factor] = left.classes.size > 0 ? [left, right.total] : [right, left.total];
    return {
      total: this.binary("multiply", left.total, right.total),
      classes: shared.classes.map((column) => this.binary("shareOfProduct", column, factor)),
    };
  }

  private quotient(left: Contribution, right: Contribution): Contribution {
    const total = this.binary("divide", left.total, right.total);
    if (left.classes.size === 0) return this.plain(total);
    const scale = this.binary("quotientScale", left.total, total);
    return { total, classes: left.classes.map((column) => this.binary("multiply", column, scale)) };
  }

  private call(name: string, args: readonly Expression[]): Contribution {
    switch (name) {
      case "SHIFT": {
        const lag = literalInteger(args[1])!;
        const value = this.value(args[0]!);
        return lag === 0 ? value : this.each(value, (a) => this.operators.derive({ op: "shift", a, lag }, this.owner));
      }
      case "CONV": {
        const kernelTree = args[1]!;
        const kernel = Float64Array.from(
          kernelTree.kind === "array" ? kernelTree.values : [(kernelTree as { value: number }).value],
        );
        return this.each(this.value(args[0]!), (a) => this.operators.derive({ op: "convolve", a, kernel }, this.owner));
      }
      case "MIN":
        return this.extreme(this.value(args[0]!), this.value(args[1]!), "min");
      case "MAX":
        return this.extreme(this.value(args[0]!), this.value(args[1]!), "max");
      case "CLAMP": {
        const [value, low, high] = args.map((argument) => this.value(argument));
        return this.extreme(this.extreme(value!, high!, "min"), low!, "max");
      }
      case "MOD": {
        const dividend = this.value(args[0]!);
        const divisor = this.value(args[1]!);
        const rest = (a: number): number => this.binary("shareModulo", a, divisor.total);
        const total = rest(dividend.total);
        if (divisor.classes.size > 0) return this.plain(total);
        return { total, classes: this.normalise(dividend.classes.map(rest), total) };
      }
      case "FLOOR":
      case "CEIL":
      case "ROUND":
        return this.each(this.value(args[0]!), (a) => this.unary(UNARY[name], a));
      case "STEP":
        return this.plain(this.binary("step", this.value(args[0]!).total, this.value(args[1]!).total));
      case "PULSE":
        return this.pulse(args);
      default:
        return this.plain(this.literal(0));
    }
  }

  private extreme(left: Contribution, right: Contribution, op: "min" | "max"): Contribution {
    const total = this.binary(op, left.total, right.total);
    const { ids } = unionOf([left.classes, right.classes]);
    if (ids.length === 0) return this.plain(total);
    const columns = this.operators.deriveGroup(
      {
        op: "winningSide",
        left: ids.map((classId) => left.classes.get(classId)),
        right: ids.map((classId) => right.classes.get(classId)),
        leftTotal: left.total,
        rightTotal: right.total,
        total,
      },
      ids.length,
      this.owner,
    );
    const classes = new ClassColumns(
      {
        kind: "sides",
        left: left.classes.order,
        right: right.classes.order,
        firstLeft: columns[ids.length]!,
        firstRight: columns[ids.length + 1]!,
      },
      ids.map((classId, index) => [classId, columns[index]!]),
    );
    return { total, classes: this.normalise(classes, total) };
  }

  private pulse(args: readonly Expression[]): Contribution {
    const period = literalInteger(args[0])!;
    const phase = literalInteger(args[1]) ?? 0;
    const amplitude = args[2] === undefined ? this.plain(this.literal(1)) : this.value(args[2]);
    return this.each(amplitude, (column) =>
      this.operators.derive({ op: "pulse", period, phase, amplitude: this.unary("finiteOrZero", column) }, this.owner),
    );
  }

  private each(contribution: Contribution, change: (column: number) => number): Contribution {
    return { total: change(contribution.total), classes: contribution.classes.map(change) };
  }

  private plain(total: number): Contribution {
    return { total, classes: new ClassColumns() };
  }

  private literal(value: number): number {
    return this.operators.literal(value, this.owner);
  }

  private unary(op: UnaryFunction, a: number): number {
    return this.operators.derive({ op, a }, this.owner);
  }

  private binary(
    op: "add" | "subtract" | "multiply" | "divide" | "min" | "max" | "step" | ShareFunction,
    a: number,
    b: number,
  ): number {
    return this.operators.derive({ op, a, b }, this.owner);
  }
}

const UNARY = { FLOOR: "floor", CEIL: "ceil", ROUND: "round" } as const;
