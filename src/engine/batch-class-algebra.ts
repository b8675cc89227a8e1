import { type Expression, literalInteger } from "../model/expression.ts";
import { divide, finiteOrZero, modulo, round, step } from "./arithmetic.ts";
import {
  CLASS_TOLERANCE,
  ClassShares,
  type Contribution,
  finiteSum,
  normalise,
  withoutClasses,
} from "./batch-contribution.ts";

/**
 * Evaluates an expression over contributions: its total, and how classes share it (engine.md §7.2.2). Whole series at a
 * time; what comes back is the caller's to change.
 *
 * @param read the contribution of a node; is not changed
 */
export function classesOf(tree: Expression, bins: number, read: (nodeId: string) => Contribution): Contribution {
  return new ClassAlgebra(bins, read).value(tree);
}

type Operation = (left: number, right: number) => number;

class ClassAlgebra {
  private readonly bins: number;
  private readonly read: (nodeId: string) => Contribution;

  constructor(bins: number, read: (nodeId: string) => Contribution) {
    this.bins = bins;
    this.read = read;
  }

  value(tree: Expression): Contribution {
    switch (tree.kind) {
      case "number":
        return withoutClasses(new Float64Array(this.bins).fill(tree.value));
      case "array":
        return this.zeros();
      case "reference": {
        const { total, classes } = this.read(tree.name);
        return { total: total.slice(), classes: classes.copy() };
      }
      case "binary":
        return this.binary(tree.operator, this.value(tree.left), this.value(tree.right));
      case "call":
        return this.call(tree.name.toUpperCase(), tree.args);
    }
  }

  private binary(operator: "+" | "-" | "*" | "/", left: Contribution, right: Contribution): Contribution {
    switch (operator) {
      case "+":
        return this.sum(left, right, (l, r) => l + r);
      case "-":
        return this.sum(left, right, (l, r) => l - r);
      case "*":
        return this.product(left, right);
      case "/":
        return this.quotient(left, right);
    }
  }

  private sum(left: Contribution, right: Contribution, operation: Operation): Contribution {
    const total = left.total.map((value, t) => operation(value, right.total[t]!));
    const classes = left.classes.map((values, classId) => {
      const other = right.classes.get(classId);
      return values.map((value, t) => operation(value, other?.[t] ?? 0));
    });
    for (const [classId, values] of right.classes) {
      if (!classes.has(classId))
        classes.set(
          classId,
          values.map((value) => operation(0, value)),
        );
    }
    normalise(classes, total);
    return { total, classes };
  }

  private product(left: Contribution, right: Contribution): Contribution {
    const total = left.total.map((value, t) => value * right.total[t]!);
    const [shared, factor] = left.classes.size > 0 ? [left, right.total] : [right, left.total];
    return { total, classes: shared.classes.map((values) => values.map((value, t) => scaled(value, factor[t]!))) };
  }

  private quotient(left: Contribution, right: Contribution): Contribution {
    const total = left.total.map((value, t) => divide(value, right.total[t]!));
    const scale = left.total.map((value, t) => {
      const isUsable = Number.isFinite(value) && Math.abs(value) >= CLASS_TOLERANCE && Number.isFinite(total[t]!);
      return isUsable ? total[t]! / value : 0;
    });
    return { total, classes: left.classes.map((values) => values.map((value, t) => value * scale[t]!)) };
  }

  private call(name: string, args: readonly Expression[]): Contribution {
    switch (name) {
      case "SHIFT": {
        const lag = literalInteger(args[1])!;
        return eachSeries(this.value(args[0]!), (values) => values.map((_, t) => (t < lag ? 0 : values[t - lag]!)));
      }
      case "CONV": {
        const kernelTree = args[1]!;
        const kernel = kernelTree.kind === "array" ? kernelTree.values : [(kernelTree as { value: number }).value];
        return eachSeries(this.value(args[0]!), (values) => convolve(values, kernel));
      }
      case "MIN":
        return this.extreme(this.value(args[0]!), this.value(args[1]!), Math.min);
      case "MAX":
        return this.extreme(this.value(args[0]!), this.value(args[1]!), Math.max);
      case "CLAMP": {
        const [value, low, high] = args.map((argument) => this.value(argument));
        return this.extreme(this.extreme(value!, high!, Math.min), low!, Math.max);
      }
      case "MOD":
        return this.remainder(this.value(args[0]!), this.value(args[1]!));
      case "FLOOR":
        return eachSeries(this.value(args[0]!), (values) => values.map(Math.floor));
      case "CEIL":
        return eachSeries(this.value(args[0]!), (values) => values.map(Math.ceil));
      case "ROUND":
        return eachSeries(this.value(args[0]!), (values) => values.map(round));
      case "STEP": {
        const [left, right] = [this.value(args[0]!).total, this.value(args[1]!).total];
        return withoutClasses(left.map((value, t) => step(value, right[t]!)));
      }
      case "PULSE":
        return this.pulse(args);
      default:
        return this.zeros();
    }
  }

  /**
   * MIN and MAX. Per bin the classes of the side that won share the result. A class is there as soon as its side won in
   * one bin; where it did not, it has zeros.
   */
  private extreme(left: Contribution, right: Contribution, operation: Operation): Contribution {
    const total = left.total.map((value, t) => operation(value, right.total[t]!));
    const classes = new ClassShares();
    const sideOf = (t: number): ClassShares => {
      for (const side of [left, right]) {
        if (Math.abs(side.total[t]! - total[t]!) < CLASS_TOLERANCE && side.classes.size > 0) return side.classes;
      }
      return left.classes.size > 0 ? left.classes : right.classes;
    };
    for (let t = 0; t < this.bins; t++) {
      const side = sideOf(t);
      const sum = finiteSum(side, t);
      const scale = total[t]! <= 0 ? 0 : total[t]! / sum;
      for (const [classId, values] of side) {
        if (!classes.has(classId)) classes.set(classId, new Float64Array(this.bins));
        if (sum > 0) classes.get(classId)![t] = values[t]! * scale;
      }
    }
    normalise(classes, total);
    return { total, classes };
  }

  private remainder(dividend: Contribution, divisor: Contribution): Contribution {
    const rest = (values: Float64Array): Float64Array =>
      values.map((value, t) => (Math.abs(divisor.total[t]!) <= CLASS_TOLERANCE ? 0 : modulo(value, divisor.total[t]!)));
    const total = rest(dividend.total);
    if (divisor.classes.size > 0) return withoutClasses(total);
    const classes = dividend.classes.map(rest);
    normalise(classes, total);
    return { total, classes };
  }

  private pulse(args: readonly Expression[]): Contribution {
    const period = literalInteger(args[0])!;
    const phase = literalInteger(args[1]) ?? 0;
    const amplitude = args[2] === undefined ? withoutClasses(new Float64Array(this.bins).fill(1)) : this.value(args[2]);
    return eachSeries(amplitude, (values) =>
      values.map((value, t) => (t >= phase && (t - phase) % period === 0 ? finiteOrZero(value) : 0)),
    );
  }

  private zeros(): Contribution {
    return withoutClasses(new Float64Array(this.bins));
  }
}

function eachSeries({ total, classes }: Contribution, map: (values: Float64Array) => Float64Array): Contribution {
  return { total: map(total), classes: classes.map(map) };
}

function scaled(value: number, factor: number): number {
  return Number.isFinite(factor) ? value * factor : 0;
}

function convolve(values: Float64Array, kernel: readonly number[]): Float64Array {
  return values.map((_, t) => {
    let sum = 0;
    for (let lag = 0; lag < kernel.length && lag <= t; lag++) {
      if (Number.isFinite(values[t - lag]!)) sum += values[t - lag]! * kernel[lag]!;
    }
    return sum;
  });
}
