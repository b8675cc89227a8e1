import fc from "fast-check";
import { expect, test } from "vitest";
import { compileModel } from "../../../src/model/compile.ts";
import { type Expression, parseExpression } from "../../../src/model/expression.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { runs } from "../../support/seed.ts";

const number = fc.constantFrom("0", "1", "2", "10", "0.5", "007", "12.50", "9999", "4294967296");
const name = fc.constantFrom("a", "b", "_x1", "größe", "流量", "e", "self", "constructor");
const functionName = fc.constantFrom(
  ..."SHIFT shift CONV MIN MAX CLAMP MOD FLOOR CEIL ROUND STEP PULSE ABS toString".split(" "),
);
const space = fc.constantFrom("", "", "", " ", "\t", "\n ", "\u00A0");

/** Texts of the grammar (engine.md §4.1), functions with any arguments. */
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    name,
    fc.array(number, { maxLength: 4 }).map((values) => `[${values.join(",")}]`),
    fc
      .tuple(tie("expression"), space, fc.constantFrom("+", "-", "*", "/"), space, tie("expression"))
      .map((parts) => parts.join("")),
    fc.tuple(space, tie("expression")).map(([before, inner]) => `(${before}${inner})`),
    fc
      .tuple(functionName, fc.array(tie("expression"), { maxLength: 4 }))
      .map(([called, args]) => `${called}(${args.join(", ")})`),
    tie("expression").map((inner) => `SHIFT(${inner}, 1)`),
    tie("expression").map((inner) => `CONV(${inner}, [1, 0.5])`),
  ),
}));

const FRAGMENTS = [..."()[],+-*/._09aÜ流 \t\n\0\uFEFF\uD800", "😀", "SHIFT(", "1e3", "-1", ".5", "((((((((", "a b"];

const nearly = fc
  .tuple(
    expression,
    fc.array(fc.record({ at: fc.nat(60), cut: fc.nat(3), put: fc.constantFrom("", ...FRAGMENTS) }), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([text, edits]) => edits.reduce((t, { at, cut, put }) => t.slice(0, at) + put + t.slice(at + cut), text));

const anyText = fc.oneof(
  nearly,
  fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 40 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
);

/** A text that reads as the tree, with every operation in brackets. */
function spell(tree: Expression): string {
  switch (tree.kind) {
    case "number":
      return spellNumber(tree.value);
    case "array":
      return `[${tree.values.map(spellNumber).join(",")}]`;
    case "reference":
      return tree.name;
    case "binary":
      return `(${spell(tree.left)}${tree.operator}${spell(tree.right)})`;
    case "call":
      return `${tree.name}(${tree.args.map(spell).join(",")})`;
  }
}

/** The language has no exponents. */
function spellNumber(value: number): string {
  return value >= 1e21 ? BigInt(value).toString() : String(value);
}

function withoutPositions(tree: Expression): unknown {
  return JSON.parse(JSON.stringify(tree, (key, value: unknown) => (key === "position" ? undefined : value)));
}

test("a text of the grammar is read, and what is read, spelled out, is read as the same tree", () => {
  fc.assert(
    fc.property(expression, (text) => {
      const parsed = parseExpression(text);
      if (!parsed.ok) throw new Error(`${parsed.message} at ${parsed.position} of ${text}`);
      const again = parseExpression(spell(parsed.tree));
      if (!again.ok) throw new Error(`${again.message} at ${again.position} of ${spell(parsed.tree)}`);
      expect(withoutPositions(again.tree)).toEqual(withoutPositions(parsed.tree));
    }),
    runs(1500),
  );
});

test("any text is read, or refused at a place inside it", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const parsed = parseExpression(text);
      if (parsed.ok) return;
      expect(parsed.position).toBeGreaterThanOrEqual(0);
      expect(parsed.position).toBeLessThanOrEqual(text.length);
      expect(parsed.message).not.toBe("");
    }),
    runs(3000),
  );
});

test("any expression in a model, with classes, is compiled or refused with a place inside the text", () => {
  fc.assert(
    fc.property(fc.oneof(expression, anyText), (written) => {
      const text = `schemaVersion: 1
grid: { bins: 3, binSize: 1, binUnit: hours }
traffic: { arrivals: [{ nodeId: a, classId: A, pattern: { kind: constant } }, { nodeId: b, classId: B, pattern: { kind: constant } }] }
nodes:
- { id: a, kind: const, values: [1, 2, 3] }
- { id: b, kind: const, values: [3, 2, 1] }
- { id: _x1, kind: expr, expr: "SHIFT(e, 1) + b" }
- { id: e, kind: expr, expr: ${JSON.stringify(written)} }
`;
      const { model, diagnostics } = parseModel(text);
      const findings = model === null ? diagnostics : compileModel(model).diagnostics;
      for (const { span } of findings) {
        if (span === null) continue;
        expect(span.startOffset).toBeGreaterThanOrEqual(0);
        expect(span.endOffset).toBeGreaterThanOrEqual(span.startOffset);
        expect(span.endOffset).toBeLessThanOrEqual(text.length);
      }
    }),
    runs(500),
  );
});
