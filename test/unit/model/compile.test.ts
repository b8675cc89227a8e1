import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluateWindow } from "../../../src/engine/batch.ts";
import { Evaluator } from "../../../src/engine/evaluator.ts";
import { type CompileOptions, compileModel } from "../../../src/model/compile.ts";
import type { Diagnostic } from "../../../src/model/diagnostics.ts";
import type { Model } from "../../../src/model/model.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { type Operator, operandsOf, outputsOf, type Plan } from "../../../src/model/plan.ts";
import { modelText, type ShortModel, topologyNodes } from "../../support/model-builder.ts";
import { randomModel } from "../../support/random-model.ts";
import { runs } from "../../support/seed.ts";

function modelOf(short: ShortModel): Model {
  const { model, diagnostics } = parseModel(modelText(short));
  if (model === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return model;
}

function findings(short: ShortModel, options: CompileOptions = {}): readonly Diagnostic[] {
  const { plan, diagnostics } = compileModel(modelOf(short), options);
  expect(plan === null).toBe(diagnostics.some(({ severity }) => severity === "error"));
  return diagnostics;
}

function planOf(short: ShortModel, options: CompileOptions = {}): Plan {
  const { plan, diagnostics } = compileModel(modelOf(short), options);
  if (plan === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return plan;
}

/** What stands in the model's text at a finding. */
function at(short: ShortModel, { span }: Diagnostic): string {
  const lineStart =
    modelText(short)
      .split("\n")
      .slice(0, span!.line - 1)
      .join("\n").length + 1;
  expect(lineStart + span!.column - 1).toBe(span!.startOffset);
  return modelText(short).slice(span!.startOffset, span!.endOffset);
}

/** Columns that an operator reads in its own bin. */
function columnsRead(operator: Operator): readonly number[] {
  return operator.op === "shift" ? [] : operandsOf(operator);
}

function lagOf(operator: Operator): number {
  if (operator.op === "shift") return operator.lag;
  if (operator.op === "convolve") return operator.kernel.length - 1;
  return operator.op === "queue" || operator.op === "classQueues" ? 1 : 0;
}

describe("a plan", () => {
  test("of any model writes every column once, and in a bin reads only what was written before", () => {
    fc.assert(
      fc.property(randomModel, fc.array(fc.nat({ max: 11 }), { maxLength: 3 }), ({ text, nodeIds }, picks) => {
        const bindings = picks.map((pick) => nodeIds[pick % nodeIds.length]!);
        const { plan } = compileModel(parseModel(text).model!, { bindings });
        const written = new Set<number>();
        for (const operator of plan!.operators) {
          for (const column of columnsRead(operator)) expect(written, `${operator.op} in\n${text}`).toContain(column);
          for (const column of outputsOf(operator)) {
            expect(written, `${operator.op} in\n${text}`).not.toContain(column);
            written.add(column);
          }
          expect(plan!.lookback).toBeGreaterThanOrEqual(lagOf(operator));
        }
        expect(written.size).toBe(plan!.columns.length);
      }),
      runs(200),
    );
  });

  test("has series first: declared nodes, generated ones, files; and knows them by id", () => {
    const topology = topologyNodes("Desk:queue arrivals=a served=a capacity=file:cap.csv");
    const plan = planOf({ nodes: ["b: a + 1", "a=[1,2]"], topology });
    expect(plan.columns.slice(0, plan.seriesCount)).toEqual([
      { id: "b", origin: "node" },
      { id: "a", origin: "node" },
      { id: "desk_queue", origin: "generated" },
      { id: "Desk_capacity", origin: "telemetry" },
    ]);
    expect([...plan.columnOf]).toEqual([
      ["b", 0],
      ["a", 1],
      ["desk_queue", 2],
      ["Desk_capacity", 3],
    ]);
    expect(plan.bound).toEqual([
      { column: 3, seriesId: "Desk_capacity", classId: null, feeds: [{ nodeId: "Desk", role: "capacity" }] },
    ]);
    expect(plan).toMatchObject({
      order: ["a", "b", "desk_queue"],
      orderAsWritten: ["a", "b"],
      generated: ["desk_queue"],
    });
    expect(plan.source.nodes).toHaveLength(2);
  });

  test("takes a bound series from its cell, whatever its definition, for every reader", () => {
    const short: ShortModel = { nodes: ["a=[1,2]", "x: a * 10", "q=buf(x,a)", "y: q + SHIFT(x, 1)"] };
    const plan = planOf(short, { bindings: ["q", "x"] });
    expect(plan.bound.map(({ seriesId }) => seriesId)).toEqual(["x", "q"]);
    const evaluator = new Evaluator(plan);
    const rows = [Float64Array.of(7, 100), Float64Array.of(8, 200)].map((cells) => evaluator.advance(cells).slice());
    const column = (id: string) => rows.map((row) => row[plan.columnOf.get(id)!]);
    expect([column("x"), column("q"), column("y")]).toEqual([
      [7, 8],
      [100, 200],
      [100, 207],
    ]);
  });

  test("needs no definition of a series that is bound: telemetry may break a cycle, and stand for an unknown name", () => {
    const loop: ShortModel = { nodes: ["x: y + 1", "y: x * 2"], bins: 2 };
    expect(findings(loop)).toMatchObject([{ code: "cycle" }]);
    const plan = planOf(loop, { bindings: ["y"] });
    expect(new Evaluator(plan).advance(Float64Array.of(5)).subarray(0, 2)).toEqual(Float64Array.of(6, 5));
  });

  test("evaluates constants beyond the grid by repeating them", () => {
    const plan = planOf({ nodes: ["a=[1,2,3]"] });
    const evaluator = new Evaluator(plan);
    expect(Array.from({ length: 7 }, () => evaluator.advance(new Float64Array(0))[0])).toEqual([1, 2, 3, 1, 2, 3, 1]);
  });

  test("normalises a pmf that misses 1, as FlowTime's node builder does behind validation (T09)", () => {
    const model = modelOf({ nodes: ["p=pmf{1:.5,2:.5}"], bins: 1 });
    const plan = compileModel({
      ...model,
      nodes: model.nodes.map((node) => (node.kind === "pmf" ? { ...node, probabilities: [1, 3] } : node)),
    }).plan!;
    expect(new Evaluator(plan).advance(new Float64Array(0))[0]).toBe(1.75);
    expect([...evaluateWindow(plan, 1, () => 0).get("p")!]).toEqual([1.75]);
  });

  test("counts a capacity that is no number as none, and as nothing inside FlowTime's feedback groups", () => {
    const nodes = (fed: string) => ["in=10s", `out: 4 + 0 * SHIFT(${fed}, 1)`, "cap=1s", "q=buf(in,out)"];
    const first = (fed: string) => {
      const plan = planOf({ nodes: nodes(fed), bins: 2, schedules: { q: "1,0,cap" } }, { bindings: ["cap"] });
      return new Evaluator(plan).advance(Float64Array.of(Number.NaN))[plan.columnOf.get("q")!];
    };
    expect([first("in"), first("q")]).toEqual([6, 10]);
  });
});

describe("findings", () => {
  test("every syntax error, each in its place", () => {
    const short: ShortModel = {
      nodes: ["a=[1,2]", "x: a + (a * 2", "u: a -"],
      bins: 2,
    };
    const syntax = findings(short).filter(({ code }) => code === "expression_syntax");
    expect(syntax.map((finding) => at(short, finding))).toEqual(["", ""]);
    expect(syntax[0]!.message).toContain("Parse error at position 10: Expected ')'");
    expect(syntax[0]!.pointer).toBe("/nodes/1/expr");
  });

  test.each([
    ["FOO(a)", "Unknown function: FOO", "FOO"],
    ["1 + ABS(a)", "Unknown function: ABS", "ABS"],
    ["MIN(a)", "MIN function requires exactly 2 arguments", "MIN"],
    ["max(a, a, a)", "MAX function requires exactly 2 arguments", "max"],
    ["CLAMP(a,1)", "CLAMP function requires exactly 3 arguments: CLAMP(value, min, max)", "CLAMP"],
    ["MOD(a)", "MOD function requires exactly 2 arguments: MOD(value, divisor)", "MOD"],
    ["FLOOR()", "FLOOR function requires exactly 1 argument", "FLOOR"],
    ["CEIL(a,a)", "CEIL function requires exactly 1 argument", "CEIL"],
    ["ROUND()", "ROUND function requires exactly 1 argument", "ROUND"],
    ["STEP(a)", "STEP function requires 2 arguments: STEP(value, threshold)", "STEP"],
    ["PULSE()", "PULSE requires 1-3 arguments: PULSE(periodBins, phaseOffset?, amplitude?)", "PULSE"],
    ["SHIFT(a)", "SHIFT function requires exactly 2 arguments: SHIFT(series, lag)", "SHIFT"],
    ["CONV(a)", "CONV function requires exactly 2 arguments: CONV(series, [kernel...])", "CONV"],
    ["SHIFT(a, 1.5)", "SHIFT lag parameter must be a non-negative integer", "1.5"],
    ["SHIFT(a, 2147483648)", "SHIFT lag parameter must be a non-negative integer", "2147483648"],
    ["SHIFT(a, a)", "SHIFT lag parameter must be a literal integer", "a"],
    ["SHIFT(a,  (0-1) )", "SHIFT lag parameter must be a literal integer", "(0-1)"],
    ["CONV(a, a)", "CONV kernel argument must be an array literal (e.g., [0.0, 0.6, 0.3, 0.1]).", "a"],
    ["CONV(a, 1+1)", "CONV kernel argument must be an array literal (e.g., [0.0, 0.6, 0.3, 0.1]).", "1+1"],
    ["PULSE(0)", "PULSE period must be a positive integer", "0"],
    ["PULSE(MIN(a, a))", "PULSE period must be a literal", "MIN(a, a)"],
    ["PULSE(2, a, a)", "PULSE phaseOffset must be a literal", "a"],
    ["PULSE(2, 0.5)", "PULSE phaseOffset must be a non-negative integer", "0.5"],
    ["[1, 2] + a", "Unsupported expression node type: FlowTime.Expressions.ArrayLiteralNode", "[1, 2]"],
  ])("%s", (expr, message, marked) => {
    const short: ShortModel = { nodes: ["a=[1,2]", `x: ${expr}`] };
    const found = findings(short);
    expect(found).toMatchObject([{ severity: "error", tier: "analyse", code: "expression_meaning", message }]);
    expect(found[0]!.hint).toMatch(/'x'|Did you mean|Functions:/);
    expect(at(short, found[0]!)).toBe(marked);
  });

  test("every fault of every expression, whatever is wrong with the others", () => {
    const short: ShortModel = {
      nodes: ["a=[1,2]", "x: a + (", "y: MIN(a)", "z: SHIFT([1] + FOO(a), 1) + CONV(MAX(a), a)"],
      bins: 2,
    };
    expect(findings(short).map((finding) => [finding.pointer, at(short, finding)])).toEqual([
      ["/nodes/1/expr", ""],
      ["/nodes/2/expr", "MIN"],
      ["/nodes/3/expr", "[1]"],
      ["/nodes/3/expr", "FOO"],
      ["/nodes/3/expr", "MAX"],
      ["/nodes/3/expr", "a"],
    ]);
  });

  test("an array literal is an operand inside a feedback group, where FlowTime takes it", () => {
    const plan = planOf({ nodes: ["one=1s", "x: [5,6] + SHIFT(y, 1)", "y: x * one"], bins: 3 });
    expect([...evaluateWindow(plan, 3, () => 0).get("x")!]).toEqual([5, 11, 11]);
  });

  test("a cycle names who is on it and what to do", () => {
    const short: ShortModel = { nodes: ["a=[1]", "x: y + a", "y: CONV(x, [0, 1])", "z: y"] };
    const found = findings(short);
    expect(found).toMatchObject([
      {
        code: "cycle",
        message: "Graph has a cycle (same-bin algebraic cycle, not resolvable by SHIFT)",
        hint: expect.stringMatching(/x, y, z.*SHIFT/),
      },
    ]);
    expect(at(short, found[0]!)).toBe("x");
  });

  test("bindings that name nothing are findings like others", () => {
    expect(findings({ nodes: ["a=[1]", "x: FOO(a)"] }, { bindings: ["zz"] }).map(({ code }) => code)).toContain(
      "unknown_binding",
    );
  });
});

test("a direct run has no series for generated nodes inside a feedback group", () => {
  const short: ShortModel = {
    nodes: ["one=2s", "arr: one + 0 * SHIFT(late, 1)", "srv=1s", "late: arr * 1"],
    bins: 2,
    topology: topologyNodes("Desk:queue arrivals=arr served=srv", "Other:queue arrivals=srv served=one"),
  };
  const all = planOf(short);
  expect(all.generated).toEqual(["desk_queue", "other_queue"]);
  const direct = planOf(short, { asDirectRun: true });
  expect(direct.order.filter((id) => direct.generated.includes(id))).toEqual(direct.generated);
  for (const id of direct.generated) expect(direct.columnOf.has(id)).toBe(true);
  expect(direct.operators).toEqual(all.operators);
});
