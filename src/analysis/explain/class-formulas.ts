import { isDispatchBin } from "../../engine/arithmetic.ts";
import { CLASS_TOLERANCE } from "../../engine/class-operators.ts";
import type { ClassOperator, ShareFunction } from "../../model/plan.ts";
import { binary, call, chosen, type Formula, number, plusZero, sum } from "./formula.ts";

export type ShareOperator =
  | ClassOperator
  | { readonly op: ShareFunction; readonly out: number; readonly a: number; readonly b: number };

/** Where the parts of a formula come from. */
export interface FormulaReader {
  read(column: number, bin: number): Formula;
  /** 0 where the value is not finite. */
  finite(column: number, bin: number): Formula;
  note(text: string): void;
}

/** Formula of one output of an operator of the class and edge layer (engine.md §7.2, §7.6). */
export function classFormula(formulas: FormulaReader, operator: ShareOperator, column: number, bin: number): Formula {
  const read = (from: number): Formula => formulas.read(from, bin);
  switch (operator.op) {
    case "shareOfProduct": {
      const factor = read(operator.b);
      const product = binary("*", read(operator.a), factor);
      return Number.isFinite(factor.value) ? product : chosen([product], number(0));
    }
    case "quotientScale": {
      const dividend = read(operator.a);
      const quotient = read(operator.b);
      const ratio = binary("/", quotient, dividend);
      const isUsable =
        Number.isFinite(dividend.value) &&
        Math.abs(dividend.value) >= CLASS_TOLERANCE &&
        Number.isFinite(quotient.value);
      return isUsable ? ratio : chosen([ratio], number(0));
    }
    case "shareModulo": {
      const rest = call("MOD", read(operator.a), read(operator.b));
      return Math.abs(read(operator.b).value) <= CLASS_TOLERANCE ? chosen([rest], number(0)) : rest;
    }
    case "gateTotal":
      return gateTotal(formulas, operator, bin);
    case "gateClass": {
      const [value, before, after] = [read(operator.a), read(operator.before), read(operator.after)];
      const scaled = binary("*", value, quotient(after, before));
      if (!isOpen(formulas, operator, bin)) return chosen([scaled], number(0));
      return Math.abs(after.value - before.value) > CLASS_TOLERANCE ? scaled : chosen([scaled], value);
    }
    case "normalise": {
      const index = operator.outs.indexOf(column);
      const shares = operator.shares.map(read);
      const total = read(operator.total);
      const all = finiteSum(shares);
      const scaled = binary("*", shares[index]!, binary("/", total, all));
      const isLeft = !(all.value > 0) || Math.abs(all.value - total.value) <= CLASS_TOLERANCE;
      if (isLeft) formulas.note("the classes add up to the total, or to nothing: they are left as they are");
      return isLeft ? chosen([scaled], shares[index]!) : scaled;
    }
    case "winningSide":
      return winningSide(formulas, operator, column, bin);
    case "classQueues":
      return classQueue(formulas, operator, column, bin);
    case "retryShares": {
      const flows = operator.flows.map((flow) => call("MAX", number(0), read(flow)));
      const all = flows.reduce((left, right) => binary("+", left, right), number(0) as Formula);
      const echo = read(operator.echo);
      const flow = flows[operator.outs.indexOf(column)]!;
      const share = binary("*", echo, binary("/", flow, all));
      if (!(Number.isFinite(echo.value) && echo.value > 0)) return chosen([share], number(0));
      return all.value > 0 ? share : chosen([share], binary("/", echo, number(flows.length)));
    }
  }
}

function gateTotal(formulas: FormulaReader, operator: ClassOperator & { op: "gateTotal" }, bin: number): Formula {
  const before = formulas.read(operator.a, bin);
  const limit = operator.capacity === null ? null : formulas.read(operator.capacity, bin);
  const limited = limit === null ? before : call("MIN", before, limit);
  if (!isOpen(formulas, operator, bin)) return chosen(["gated(", limited, ")"], number(0));
  const isLimited =
    limit !== null && Number.isFinite(limit.value) && Math.abs(limited.value - before.value) > CLASS_TOLERANCE;
  return chosen(["gated(", limited, ")"], isLimited ? limited : before);
}

function isOpen(formulas: FormulaReader, { period, phase }: { period: number; phase: number }, bin: number): boolean {
  const isIt = isDispatchBin(bin, period, phase);
  formulas.note(`the dispatch gate is ${isIt ? "open" : "closed"} in bin ${bin}`);
  return isIt;
}

/** Unlike the language's, this division is plain: x/0 is infinite. */
function quotient(dividend: Formula, divisor: Formula): Formula {
  const ratio = binary("/", dividend, divisor);
  return divisor.value === 0 ? chosen([ratio], number(dividend.value / divisor.value)) : ratio;
}

function finiteSum(parts: readonly Formula[]): Formula {
  const finite = parts.filter(({ value }) => Number.isFinite(value));
  return finite.length === parts.length ? sum(finite) : chosen([sum(parts)], sum(finite));
}

function winningSide(
  formulas: FormulaReader,
  operator: ClassOperator & { op: "winningSide" },
  column: number,
  bin: number,
): Formula {
  const read = (from: number): Formula => formulas.read(from, bin);
  const index = operator.outs.indexOf(column);
  const total = read(operator.total);
  const has = (side: readonly (number | null)[]): boolean => side.some((share) => share !== null);
  const wins = (side: readonly (number | null)[], sideTotal: number): boolean =>
    has(side) && Math.abs(read(sideTotal).value - total.value) < CLASS_TOLERANCE;
  const leftWins = wins(operator.left, operator.leftTotal);
  const isLeft = leftWins || (!wins(operator.right, operator.rightTotal) && has(operator.left));
  formulas.note(`the classes are those of the ${isLeft ? "first" : "second"} argument, which decides in this bin`);
  const side = isLeft ? operator.left : operator.right;
  const share = side[index] ?? null;
  const all = finiteSum(side.filter((entry) => entry !== null).map(read));
  if (share === null || !(all.value > 0)) return number(0);
  const value = read(share);
  const scaled = binary("*", value, binary("/", total, all));
  return total.value <= 0 ? chosen([scaled], binary("*", value, number(0))) : scaled;
}

function classQueue(
  formulas: FormulaReader,
  operator: ClassOperator & { op: "classQueues" },
  column: number,
  bin: number,
): Formula {
  const { inflow, outflow, loss, outs, initialDepth } = operator;
  const index = outs.indexOf(column);
  const flow = (from: number | null | undefined): Formula =>
    from === null || from === undefined ? number(0) : formulas.finite(from, bin);
  const before = bin === 0 ? startOfClass() : formulas.read(column, bin - 1);
  const arrived = binary("+", before, flow(inflow[index]));
  const left = binary("-", arrived, flow(outflow[index]));
  return call("MAX", number(0), loss[index] === null ? left : binary("-", left, flow(loss[index])));

  /** The share of the initial depth by what comes in; all alike when nothing does. */
  function startOfClass(): Formula {
    const comes = inflow.map((from) => call("MAX", number(0), flow(from)));
    const all = comes.slice(1).reduce((sumSoFar, next) => binary("+", sumSoFar, next), plusZero(comes[0]!));
    if (!(all.value > 0)) return binary("/", number(initialDepth), number(outs.length));
    const isEmpty = Math.abs(initialDepth) < CLASS_TOLERANCE;
    if (isEmpty) formulas.note("an empty queue starts with the inflow of bin 0");
    return binary("*", isEmpty ? all : number(initialDepth), binary("/", comes[index]!, all));
  }
}
