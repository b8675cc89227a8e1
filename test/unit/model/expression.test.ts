import { describe, expect, test } from "vitest";
import {
  collectReferences,
  type Expression,
  literalInteger,
  MAX_EXPRESSION_DEPTH,
  MAX_EXPRESSION_HEIGHT,
  parseExpression,
} from "../../../src/model/expression.ts";

function treeOf(text: string): Expression {
  const parsed = parseExpression(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message} at ${parsed.position}`);
  return parsed.tree;
}

/** The tree with every operation in brackets. */
function spell(tree: Expression): string {
  switch (tree.kind) {
    case "number":
      return String(tree.value);
    case "array":
      return `[${tree.values.join(" ")}]`;
    case "reference":
      return tree.name;
    case "binary":
      return `(${spell(tree.left)}${tree.operator}${spell(tree.right)})`;
    case "call":
      return `${tree.name}{${tree.args.map(spell).join(" ")}}`;
  }
}

describe("what is read", () => {
  test.each([
    ["2*3+4*(1+1)/4-1", "(((2*3)+((4*(1+1))/4))-1)"],
    ["a - b - 1", "((a-b)-1)"],
    ["8/4/2", "((8/4)/2)"],
    ["a+b*c", "(a+(b*c))"],
    ["((a))", "a"],
    ["  a\t+\n b ", "(a+b)"],
    ["_x1", "_x1"],
    ["größe + 流量2", "(größe+流量2)"],
    ["12.50", "12.5"],
    ["007", "7"],
    ["CONV(a, [ 0 ,0.5,1 ])", "CONV{a [0 0.5 1]}"],
    ["CONV(a,[])", "CONV{a []}"],
    ["f()", "f{}"],
    ["Max ( a , 1+2 )", "Max{a (1+2)}"],
    ["shift(SHIFT(a,1),0)", "shift{SHIFT{a 1} 0}"],
  ])("%s", (text, expected) => {
    expect(spell(treeOf(text))).toBe(expected);
  });

  test("places count from the beginning of the text", () => {
    expect(treeOf(" a + MIN(b, 3)")).toEqual({
      kind: "binary",
      operator: "+",
      position: 3,
      left: { kind: "reference", name: "a", position: 1 },
      right: {
        kind: "call",
        name: "MIN",
        position: 5,
        args: [
          { kind: "reference", name: "b", position: 9 },
          { kind: "number", value: 3, position: 12 },
        ],
      },
    });
  });
});

describe("what is refused, and where", () => {
  test.each([
    // T06 of the specification.
    ["-a", 0, "Unexpected character '-'"],
    [".5*a", 0, "Unexpected character '.'"],
    ["1e3", 1, "Unexpected character 'e'"],
    ["[1,-1]", 3, "Unexpected character '-'"],
    ["MIN(a,)", 5, "Unexpected ',' before ')'"],
    ["1.", 2, "Expected digit after decimal point"],
    // And the rest of the grammar's edges.
    ["", 0, "Unexpected character '\0'"],
    ["   ", 3, "Unexpected character '\0'"],
    ["a +", 3, "Unexpected character '\0'"],
    ["a b", 2, "Unexpected character 'b'"],
    ["a + (b", 6, "Expected ')'"],
    ["(a]", 2, "Expected ')'"],
    ["a)", 1, "Unexpected character ')'"],
    ["MIN(a b)", 6, "Expected ',' or ')'"],
    ["MIN(a", 5, "Expected ',' or ')'"],
    ["MIN(,a)", 4, "Unexpected character ','"],
    ["[1 2]", 3, "Expected ',' or ']'"],
    ["[1,]", 3, "Unexpected character ']'"],
    ["[a]", 1, "Unexpected character 'a'"],
    ["[1", 2, "Expected ',' or ']'"],
    ["1.a", 2, "Expected digit after decimal point"],
    ["1..2", 2, "Expected digit after decimal point"],
    ["a > b", 2, "Unexpected character '>'"],
    ["a == b", 2, "Unexpected character '='"],
    ["a ** b", 3, "Unexpected character '*'"],
    ["'a'", 0, "Unexpected character '''"],
    ["a$", 1, "Unexpected character '$'"],
  ])("%j", (text, position, message) => {
    expect(parseExpression(text)).toEqual({ ok: false, position, message });
  });

  test("nesting beyond the bound, not a stack that ran over", () => {
    const nested = (levels: number) => `${"(".repeat(levels)}a${")".repeat(levels)}`;
    expect(parseExpression(nested(MAX_EXPRESSION_DEPTH - 1))).toMatchObject({ ok: true });
    const refused = parseExpression(nested(100_000));
    expect(refused).toMatchObject({ ok: false, position: MAX_EXPRESSION_DEPTH });
    const calls = parseExpression(`${"FLOOR(".repeat(100_000)}a`);
    expect(calls).toMatchObject({ ok: false, message: expect.stringContaining(String(MAX_EXPRESSION_DEPTH)) });
  });

  test("a chain beyond the bound", () => {
    const chain = (operators: number) => `a${" + a".repeat(operators)}`;
    expect(parseExpression(chain(MAX_EXPRESSION_HEIGHT))).toMatchObject({ ok: true });
    expect(parseExpression(chain(MAX_EXPRESSION_HEIGHT + 1))).toMatchObject({
      ok: false,
      message: expect.stringContaining(String(MAX_EXPRESSION_HEIGHT)),
    });
  });
});

describe("what a tree refers to", () => {
  test.each([
    ["a + b * a", ["a", "b", "a"], []],
    ["SHIFT(a + b, 1) + c", ["c"], ["a", "b"]],
    ["SHIFT(a, 0)", ["a"], []],
    ["shift(a, 2)", [], ["a"]],
    ["SHIFT(a, b)", ["a", "b"], []],
    ["CONV(a, [0, 1])", ["a"], []],
    ["SHIFT(CONV(a, [1]) + SHIFT(b, 0), 1)", [], ["a", "b"]],
    ["SHIFT(a, 1) + a", ["a"], ["a"]],
    ["PULSE(2, 0, a)", ["a"], []],
  ])("%s", (text, sameBin, lagged) => {
    const references = collectReferences(treeOf(text));
    expect(references.filter(({ isLagged }) => !isLagged).map(({ name }) => name)).toEqual(sameBin);
    expect(references.filter(({ isLagged }) => isLagged).map(({ name }) => name)).toEqual(lagged);
  });
});

test("whole numbers that are literals", () => {
  expect(["3", "0", "3.0", "3.5", "a", "1+1"].map((text) => literalInteger(treeOf(text)))).toEqual([
    3,
    0,
    3,
    null,
    null,
    null,
  ]);
  expect(literalInteger(undefined)).toBeNull();
});
