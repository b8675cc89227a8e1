import { clamp, divide, modulo, round, step } from "../../engine/arithmetic.ts";
import { normalise } from "../formulas.ts";

/** A value that a formula reads. */
export interface Operand {
  readonly name: string;
  readonly bin: number;
  readonly value: number;
  /** What explains it: a column of the plan, or a metric of a topology node. */
  readonly source: { readonly column: number } | { readonly nodeId: string; readonly metric: string };
}

export type BinaryOperator = "+" | "-" | "*" | "/";
export type FunctionName = "MIN" | "MAX" | "MOD" | "STEP" | "CLAMP" | "FLOOR" | "CEIL" | "ROUND" | "ROUND6";

/**
 * How a value comes about, printable in words (`served / capacity`) and in numbers (`120 / 180`). Operators and functions
 * are those of the expression language (engine.md §4.2), with `ROUND6` for FlowTime's rounding of queried values (§8.6).
 */
export type Formula = { readonly value: number } & (
  | { readonly kind: "number" }
  | { readonly kind: "operand"; readonly operand: Operand }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Formula;
      readonly right: Formula;
    }
  | { readonly kind: "call"; readonly name: FunctionName; readonly args: readonly Formula[] }
  /** The general rule, and what it comes to in this bin. */
  | { readonly kind: "case"; readonly rule: Rule; readonly chosen: Formula }
);

/** One formula, or a name or call as text with formulas in it. */
export type Rule = readonly (string | Formula)[];

export function number(value: number): Formula {
  return { kind: "number", value };
}

export function operand(read: Operand): Formula {
  return { kind: "operand", operand: read, value: read.value };
}

export function binary(operator: BinaryOperator, left: Formula, right: Formula): Formula {
  return { kind: "binary", operator, left, right, value: BINARY[operator](left.value, right.value) };
}

export function call(name: FunctionName, ...args: readonly Formula[]): Formula {
  return { kind: "call", name, args, value: FUNCTIONS[name](...args.map(({ value }) => value)) };
}

export function chosen(rule: Rule, formula: Formula): Formula {
  return { kind: "case", rule, chosen: formula, value: formula.value };
}

/** Added up from the left, starting with 0 as the engine does. */
export function sum(terms: readonly Formula[]): Formula {
  const [first, ...rest] = terms;
  if (first === undefined) return number(0);
  return rest.reduce((left, right) => binary("+", left, right), plusZero(first));
}

/** 0 + formula; the zero is left out where it makes no difference. */
export function plusZero(formula: Formula): Formula {
  return Object.is(formula.value, -0) ? binary("+", number(0), formula) : formula;
}

const BINARY: Readonly<Record<BinaryOperator, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": divide,
};

const FUNCTIONS: Readonly<Record<FunctionName, (...values: readonly number[]) => number>> = {
  MIN: (a, b) => Math.min(a!, b!),
  MAX: (a, b) => Math.max(a!, b!),
  MOD: (a, b) => modulo(a!, b!),
  STEP: (a, b) => step(a!, b!),
  CLAMP: (a, low, high) => clamp(a!, low!, high!),
  FLOOR: (a) => Math.floor(a!),
  CEIL: (a) => Math.ceil(a!),
  ROUND: (a) => round(a!),
  ROUND6: (a) => normalise(a!),
};

/** In words; an operand of another bin than `bin` says which. */
export function inWords(formula: Formula, bin: number): string {
  return print(formula, (leaf) =>
    leaf.kind === "operand" ? operandName(leaf.operand, bin) : numberText(leaf.value, false),
  );
}

/** With numbers put in. Evaluating the text gives the formula's value. */
export function inNumbers(formula: Formula): string {
  return print(formula, null);
}

export function operandName({ name, bin }: Operand, current: number): string {
  return bin === current ? name : `${name}[${bin}]`;
}

type Leaf = Extract<Formula, { kind: "number" | "operand" }>;

/** @param words text of a leaf; null to print numbers */
function print(formula: Formula, words: ((leaf: Leaf) => string) | null, isOperand = false): string {
  switch (formula.kind) {
    case "number":
    case "operand":
      return words === null ? numberText(formula.value, isOperand) : words(formula);
    case "case":
      if (words === null) return print(formula.chosen, words, isOperand);
      return formula.rule.map((part) => (typeof part === "string" ? part : print(part, words, true))).join("");
    case "call":
      return `${formula.name}(${formula.args.map((arg) => print(arg, words)).join(", ")})`;
    case "binary": {
      const { operator, left, right } = formula;
      const level = levelOf(formula, words);
      const wrapped = (part: Formula, needs: boolean): string =>
        needs ? `(${print(part, words)})` : print(part, words, true);
      const leftText = wrapped(left, levelOf(left, words) < level);
      const rightText = wrapped(right, levelOf(right, words) <= level);
      return `${leftText} ${operator} ${rightText}`;
    }
  }
}

/** Binding strength: sums 1, products 2, everything that stands by itself 3. */
function levelOf(formula: Formula, words: unknown): number {
  if (formula.kind === "binary") return formula.operator === "+" || formula.operator === "-" ? 1 : 2;
  if (formula.kind !== "case") return 3;
  if (words === null) return levelOf(formula.chosen, words);
  const [first] = formula.rule;
  // A rule with text in it is a name or looks like a call.
  return first === undefined || typeof first === "string" ? 3 : levelOf(first, words);
}

/** Shortest text that reads back as the same number. A negative one within a formula stands in parentheses. */
export function numberText(value: number, isOperand = false): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return isOperand && text.startsWith("-") ? `(${text})` : text;
}

/** Every operand, in reading order, each once; those of a rule before those of what was chosen. */
export function operandsIn(formula: Formula): readonly Operand[] {
  const found = new Map<string, Operand>();
  const visit = (part: Formula): void => {
    switch (part.kind) {
      case "operand": {
        const key = `${part.operand.name} ${part.operand.bin}`;
        if (!found.has(key)) found.set(key, part.operand);
        return;
      }
      case "binary":
        visit(part.left);
        visit(part.right);
        return;
      case "call":
        part.args.forEach(visit);
        return;
      case "case":
        for (const entry of part.rule) if (typeof entry !== "string") visit(entry);
        visit(part.chosen);
        return;
      case "number":
        return;
    }
  };
  visit(formula);
  return [...found.values()];
}
