import { expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";

/** FlowTime's sentences about expressions (engine.md §4), with line, column and the text they point at. */
const LINE = 5;
const BEFORE = '- { id: e, kind: expr, expr: "'.length;

test.each([
  ["-a", "Parse error at position 0: Unexpected character '-'", 0, "-"],
  ["MIN(a,)", "Parse error at position 5: Unexpected ',' before ')'", 5, ","],
  ["(a", "Parse error at position 2: Expected ')'", 2, ""],
  ["MIN(a b)", "Parse error at position 6: Expected ',' or ')'", 6, "b"],
  ["CONV(a, [1 2])", "Parse error at position 11: Expected ',' or ']'", 11, "2"],
  ["1.", "Parse error at position 2: Expected digit after decimal point", 2, ""],
  ["SHIFT(a, a)", "SHIFT lag parameter must be a literal integer", 9, "a"],
  ["a + NOPE(a)", "Unknown function: NOPE", 4, "NOPE"],
  ["[1] + a", "Unsupported expression node type: FlowTime.Expressions.ArrayLiteralNode", 0, "[1]"],
])("%s: %s", (expr, sentence, at, marked) => {
  const text = `schemaVersion: 1
grid: { bins: 1, binSize: 1, binUnit: hours }
nodes:
- { id: a, kind: const, values: [1] }
- { id: e, kind: expr, expr: "${expr}" }
`;
  const { model, diagnostics } = parseModel(text);
  const [finding, ...more] = model === null ? diagnostics : compileModel(model).diagnostics;
  expect(more).toEqual([]);
  expect(finding?.message).toContain(sentence);
  expect([finding?.span?.line, finding?.span?.column]).toEqual([LINE, BEFORE + 1 + at]);
  expect(text.slice(finding?.span?.startOffset, finding?.span?.endOffset)).toBe(marked);
});
