/**
 * The expression language (engine.md §4): lexer and parser in one pass, and questions about the tree.
 *
 *   Expr = Term { ("+" | "-") Term }      Factor = Number | Array | Ident | Ident "(" [Expr {"," Expr}] ")" | "(" Expr ")"
 *   Term = Factor { ("*" | "/") Factor }  Array  = "[" [Number {"," Number}] "]"
 *
 * No unary minus, no exponent, no leading-dot number. Positions are offsets into the expression's text, from 0.
 */
export type Expression =
  | { readonly kind: "number"; readonly value: number; readonly position: number }
  | { readonly kind: "array"; readonly values: readonly number[]; readonly position: number }
  | { readonly kind: "reference"; readonly name: string; readonly position: number }
  | {
      readonly kind: "binary";
      readonly operator: "+" | "-" | "*" | "/";
      readonly left: Expression;
      readonly right: Expression;
      readonly position: number;
    }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[]; readonly position: number };

export type ParseResult =
  | { readonly ok: true; readonly tree: Expression }
  | { readonly ok: false; readonly position: number; readonly message: string };

/** Deepest nesting of parentheses and calls. Far beyond what people write, far below what the stack takes. */
export const MAX_EXPRESSION_DEPTH = 500;
/** Deepest tree: a chain such as `a + b + c` nests to the left, without a parenthesis. Same reason. */
export const MAX_EXPRESSION_HEIGHT = 2000;

const LETTER = /[\p{L}_]/u;
const LETTER_OR_DIGIT = /[\p{L}\p{Nd}_]/u;
const SPACE = /\s/u;

class ExpressionError extends Error {
  readonly position: number;
  constructor(position: number, message: string) {
    super(message);
    this.position = position;
  }
}

class Parser {
  readonly text: string;
  private at = 0;
  private depth = 0;
  /** Levels below a binary operation or call, itself included; leaves count 0. */
  private readonly heights = new WeakMap<Expression, number>();

  constructor(text: string) {
    this.text = text;
  }

  parseAll(): Expression {
    const tree = this.expression();
    this.skipSpace();
    if (this.at < this.text.length) this.unexpected();
    return tree;
  }

  private expression(): Expression {
    if (++this.depth > MAX_EXPRESSION_DEPTH)
      this.fail(this.at, `Expression is nested deeper than ${MAX_EXPRESSION_DEPTH}`);
    let left = this.term();
    for (;;) {
      this.skipSpace();
      const position = this.at;
      const operator = this.text[position];
      if (operator !== "+" && operator !== "-") break;
      this.at++;
      left = this.binary(operator, left, this.term(), position);
    }
    this.depth--;
    return left;
  }

  private term(): Expression {
    let left = this.factor();
    for (;;) {
      this.skipSpace();
      const position = this.at;
      const operator = this.text[position];
      if (operator !== "*" && operator !== "/") return left;
      this.at++;
      left = this.binary(operator, left, this.factor(), position);
    }
  }

  private factor(): Expression {
    this.skipSpace();
    const position = this.at;
    const char = this.text[position];
    if (char === undefined) this.unexpected();
    if (isDigit(char)) return { kind: "number", value: this.number(), position };
    if (char === "[") return this.array();
    if (char === "(") {
      this.at++;
      const inner = this.expression();
      this.expect(")", "Expected ')'");
      return inner;
    }
    if (LETTER.test(char)) return this.referenceOrCall();
    return this.unexpected();
  }

  private referenceOrCall(): Expression {
    const position = this.at;
    while (this.at < this.text.length && LETTER_OR_DIGIT.test(this.text[this.at]!)) this.at++;
    const name = this.text.slice(position, this.at);
    this.skipSpace();
    if (this.text[this.at] !== "(") return { kind: "reference", name, position };
    this.at++;
    const args: Expression[] = [];
    this.skipSpace();
    if (this.text[this.at] === ")") {
      this.at++;
      return { kind: "call", name, args, position };
    }
    for (;;) {
      args.push(this.expression());
      this.skipSpace();
      const separator = this.at;
      if (this.text[separator] === ")") {
        this.at++;
        return this.measured({ kind: "call", name, args, position }, args);
      }
      if (this.text[separator] !== ",") this.fail(separator, "Expected ',' or ')'");
      this.at++;
      this.skipSpace();
      if (this.text[this.at] === ")") this.fail(separator, "Unexpected ',' before ')'");
    }
  }

  private array(): Expression {
    const position = this.at++;
    const values: number[] = [];
    this.skipSpace();
    if (this.text[this.at] === "]") {
      this.at++;
      return { kind: "array", values, position };
    }
    for (;;) {
      this.skipSpace();
      const char = this.text[this.at];
      if (char === undefined || !isDigit(char)) this.unexpected();
      values.push(this.number());
      this.skipSpace();
      if (this.text[this.at] === "]") {
        this.at++;
        return { kind: "array", values, position };
      }
      if (this.text[this.at] !== ",") this.fail(this.at, "Expected ',' or ']'");
      this.at++;
    }
  }

  private number(): number {
    const start = this.at;
    while (isDigit(this.text[this.at])) this.at++;
    if (this.text[this.at] === ".") {
      this.at++;
      if (!isDigit(this.text[this.at])) this.fail(this.at, "Expected digit after decimal point");
      while (isDigit(this.text[this.at])) this.at++;
    }
    return Number(this.text.slice(start, this.at));
  }

  private expect(char: string, message: string): void {
    this.skipSpace();
    if (this.text[this.at] !== char) this.fail(this.at, message);
    this.at++;
  }

  private skipSpace(): void {
    while (this.at < this.text.length && SPACE.test(this.text[this.at]!)) this.at++;
  }

  private binary(operator: "+" | "-" | "*" | "/", left: Expression, right: Expression, position: number): Expression {
    return this.measured({ kind: "binary", operator, left, right, position }, [left, right]);
  }

  private measured(tree: Expression, parts: readonly Expression[]): Expression {
    const height = 1 + parts.reduce((highest, part) => Math.max(highest, this.heights.get(part) ?? 0), 0);
    if (height > MAX_EXPRESSION_HEIGHT) {
      this.fail(
        tree.position,
        `Expression nests more than ${MAX_EXPRESSION_HEIGHT} operations; name a part of it as its own node`,
      );
    }
    this.heights.set(tree, height);
    return tree;
  }

  /** At the end of the text FlowTime's lexer sees the character 0. */
  private unexpected(): never {
    const code = this.text.codePointAt(this.at) ?? 0;
    return this.fail(this.at, `Unexpected character '${String.fromCodePoint(code)}'`);
  }

  private fail(position: number, message: string): never {
    throw new ExpressionError(position, message);
  }
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= "0" && char <= "9";
}

/** The tree, or FlowTime's message (without its prefix `Parse error at position P: `) with the position. Never throws. */
export function parseExpression(text: string): ParseResult {
  try {
    return { ok: true, tree: new Parser(text).parseAll() };
  } catch (error) {
    if (error instanceof ExpressionError) return { ok: false, position: error.position, message: error.message };
    throw error;
  }
}

export interface NodeReference {
  readonly name: string;
  readonly position: number;
  /** Stands inside the first argument of a SHIFT with a literal lag ≥ 1 (engine.md §5.1). */
  readonly isLagged: boolean;
}

/** Every reference of the tree in reading order, repeats included. */
export function collectReferences(tree: Expression): readonly NodeReference[] {
  const found: NodeReference[] = [];
  const visit = (node: Expression, isLagged: boolean): void => {
    switch (node.kind) {
      case "reference":
        found.push({ name: node.name, position: node.position, isLagged });
        return;
      case "binary":
        visit(node.left, isLagged);
        visit(node.right, isLagged);
        return;
      case "call": {
        const isShift = node.name.toUpperCase() === "SHIFT" && (literalInteger(node.args[1]) ?? 0) >= 1;
        node.args.forEach((argument, index) => {
          visit(argument, isLagged || (isShift && index === 0));
        });
        return;
      }
      default:
        return;
    }
  };
  visit(tree, false);
  return found;
}

/** Value of a literal whole number, else null. */
export function literalInteger(node: Expression | undefined): number | null {
  return node?.kind === "number" && Number.isInteger(node.value) ? node.value : null;
}
