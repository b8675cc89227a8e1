import type { Expression, ParseResult } from "./expression.ts";
import { MAX_FINDINGS, nearest, type Placed } from "./findings.ts";

/** What FlowTime finds in an expression when it builds or evaluates it, and where it stands in the expression's text. */
export interface ExpressionFault {
  readonly code: "expression_syntax" | "expression_meaning";
  /** FlowTime's sentence. */
  readonly message: string;
  readonly position: number;
  /** 0 at the end of the text. */
  readonly length: number;
  readonly hint?: string;
}

/** Most of an expression that a message repeats: people read a line or two, and some expressions are megabytes. */
export const MAX_QUOTED_CHARS = 1000;

/** The syntax error of an expression. */
export function syntaxFault(nodeId: string, text: string, error: ParseResult & { ok: false }): ExpressionFault {
  const { position, message } = error;
  const isAtEnd = position >= text.trimEnd().length;
  const quoted = text.length > MAX_QUOTED_CHARS ? `${text.slice(0, MAX_QUOTED_CHARS)}…` : text;
  return {
    code: "expression_syntax",
    message: `Node ${nodeId}: error parsing expression '${quoted}': Parse error at position ${position}: ${message}`,
    position,
    length: isAtEnd ? 0 : String.fromCodePoint(text.codePointAt(position) ?? 0).length,
    ...(isAtEnd ? { hint: "The expression ends here; something is missing." } : {}),
  };
}

type Call = Expression & { readonly kind: "call" };

const MAX_INTEGER = 2 ** 31 - 1;

/** Arguments by function: least, most, and what FlowTime says about another number of them. */
const ARITIES: Readonly<Record<string, readonly [number, number, string]>> = {
  SHIFT: [2, 2, "SHIFT function requires exactly 2 arguments: SHIFT(series, lag)"],
  CONV: [2, 2, "CONV function requires exactly 2 arguments: CONV(series, [kernel...])"],
  MIN: [2, 2, "MIN function requires exactly 2 arguments"],
  MAX: [2, 2, "MAX function requires exactly 2 arguments"],
  CLAMP: [3, 3, "CLAMP function requires exactly 3 arguments: CLAMP(value, min, max)"],
  MOD: [2, 2, "MOD function requires exactly 2 arguments: MOD(value, divisor)"],
  FLOOR: [1, 1, "FLOOR function requires exactly 1 argument"],
  CEIL: [1, 1, "CEIL function requires exactly 1 argument"],
  ROUND: [1, 1, "ROUND function requires exactly 1 argument"],
  STEP: [2, 2, "STEP function requires 2 arguments: STEP(value, threshold)"],
  PULSE: [1, 3, "PULSE requires 1-3 arguments: PULSE(periodBins, phaseOffset?, amplitude?)"],
};

const FUNCTION_NAMES: readonly string[] = Object.keys(ARITIES);

/**
 * What the argument rules forbid in a tree (engine.md §4.2): the first `MAX_FINDINGS`, in reading order.
 * @param text what the tree was parsed from
 * @param takesArrays array literals are operands: only so inside FlowTime's feedback groups
 */
export function expressionFaults(tree: Expression, text: string, takesArrays: boolean): readonly ExpressionFault[] {
  const faults: ExpressionFault[] = [];
  const note = (message: string, { start, end }: Placed, hint?: string): void => {
    if (faults.length >= MAX_FINDINGS) return;
    const fault = { code: "expression_meaning", message, position: start, length: end - start } as const;
    faults.push(hint === undefined ? fault : { ...fault, hint });
  };

  const visit = (node: Expression): void => {
    switch (node.kind) {
      case "binary":
        visit(node.left);
        visit(node.right);
        return;
      case "array":
        if (takesArrays) return;
        note(
          "Unsupported expression node type: FlowTime.Expressions.ArrayLiteralNode",
          arrayPlace(text, node.position),
        );
        return;
      case "call":
        visitCall(node);
        return;
      default:
        return;
    }
  };

  const visitCall = (call: Call): void => {
    const name = call.name.toUpperCase();
    const place = { start: call.position, end: call.position + call.name.length };
    const arity = Object.hasOwn(ARITIES, name) ? ARITIES[name] : undefined;
    if (arity === undefined) {
      note(`Unknown function: ${call.name}`, place, functionHint(call.name));
      call.args.forEach(visit);
      return;
    }
    const [least, most, message] = arity;
    if (call.args.length < least || call.args.length > most) {
      note(message, place);
      // A kernel, lag or period cannot be told from the rest when some of them are missing.
      call.args.filter(({ kind }) => kind !== "array").forEach(visit);
      return;
    }
    const literals = literalArguments(name, call.args);
    call.args.forEach((argument, index) => {
      const problem = literals.get(index);
      if (problem === undefined) visit(argument);
      else if (problem !== null) note(problem, argumentPlaces(text, call)[index] ?? place);
    });
  };

  visit(tree);
  return faults;
}

function functionHint(written: string): string {
  const near = nearest(written, FUNCTION_NAMES);
  return near === null ? `Functions: ${FUNCTION_NAMES.join(", ")}.` : `Did you mean '${near}'?`;
}

/** Arguments that must be literals, by index: what is wrong with one, null when nothing is. */
function literalArguments(name: string, args: readonly Expression[]): ReadonlyMap<number, string | null> {
  switch (name) {
    case "SHIFT":
      return new Map([[1, wholeNumber(args[1]!, 0, "SHIFT lag parameter must be a", "literal integer")]]);
    case "CONV": {
      const isKernel = args[1]!.kind === "array" || args[1]!.kind === "number";
      const message = "CONV kernel argument must be an array literal (e.g., [0.0, 0.6, 0.3, 0.1]).";
      return new Map([[1, isKernel ? null : message]]);
    }
    case "PULSE": {
      const period = wholeNumber(args[0]!, 1, "PULSE period must be a", "literal");
      if (args.length === 1) return new Map([[0, period]]);
      return new Map([
        [0, period],
        [1, wholeNumber(args[1]!, 0, "PULSE phaseOffset must be a", "literal")],
      ]);
    }
    default:
      return new Map();
  }
}

function wholeNumber(argument: Expression, least: 0 | 1, subject: string, literal: string): string | null {
  if (argument.kind !== "number") return `${subject} ${literal}`;
  const { value } = argument;
  if (Number.isInteger(value) && value >= least && value <= MAX_INTEGER) return null;
  return `${subject} ${least === 0 ? "non-negative" : "positive"} integer`;
}

/** Places of a call's arguments, without the white space around them. */
function argumentPlaces(text: string, call: Call): readonly Placed[] {
  const places: Placed[] = [];
  const open = text.indexOf("(", call.position);
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < text.length; at++) {
    const char = text[at]!;
    if (char === "(" || char === "[") depth++;
    const closes = char === ")" || char === "]";
    if (closes) depth--;
    if (depth === 0 || (depth === 1 && char === ",")) {
      places.push(trimmed(text, start, at));
      start = at + 1;
    }
    if (depth === 0) break;
  }
  return places;
}

function trimmed(text: string, from: number, to: number): Placed {
  const inside = text.slice(from, to);
  const start = from + inside.length - inside.trimStart().length;
  return { start, end: Math.max(start, from + inside.trimEnd().length) };
}

function arrayPlace(text: string, start: number): Placed {
  const close = text.indexOf("]", start);
  return { start, end: close < 0 ? start + 1 : close + 1 };
}
