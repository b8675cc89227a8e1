import { describe, expect, test } from "vitest";
import { Evaluator, type EvaluatorOptions } from "../../../src/engine/evaluator.ts";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { modelText } from "../../support/model-builder.ts";

const BINS = 60;

/** Everything that has a memory: short and long lags, a kernel, a queue with a gate, a loop. */
function planWithMemory(): Plan {
  const text = modelText({
    nodes: [
      "a=3s",
      "in: a + MOD(PULSE(3, 1, a) * 7, 5)",
      "far: SHIFT(in * 2, 13)",
      "conv: CONV(in + loop, [0.5, 0.25, 0.125, 0.0625, 1])",
      "loop: SHIFT(far + q, 1) * 0.25 + in",
      "out: MIN(q_before, 4)",
      "q_before: SHIFT(q, 1) + in",
      "q=buf(in,out)",
    ],
    bins: BINS,
    schedules: { q: "4,2" },
  });
  const { plan } = compileModel(parseModel(text).model!, { bindings: ["a"] });
  return plan!;
}

const cells = (bin: number) => Float64Array.of(bin % 5 === 4 ? Number.NaN : bin % 7);

function rows(evaluator: Evaluator, from: number, to: number): number[][] {
  const { seriesCount } = evaluator.plan;
  return Array.from({ length: to - from }, (_, index) => [
    ...evaluator.advance(cells(from + index)).subarray(0, seriesCount),
  ]);
}

describe.each<[string, EvaluatorOptions]>([
  ["compiled", { execution: "compiled" }],
  ["interpreted", { execution: "interpreted" }],
  ["compiled, within a horizon", { execution: "compiled", horizonBins: BINS }],
  ["interpreted, within a horizon shorter than the memory", { execution: "interpreted", horizonBins: BINS }],
])("%s", (_name, options) => {
  const plan = planWithMemory();
  const expected = rows(new Evaluator(plan, { execution: "interpreted" }), 0, BINS);

  test("gives the same figures", () => {
    expect(rows(new Evaluator(plan, options), 0, BINS)).toEqual(expected);
  });

  test("goes on from a state saved at any bin, in another evaluator", () => {
    const source = new Evaluator(plan, options);
    for (let bin = 0; bin < BINS; bin++) {
      const state = structuredClone(source.saveState());
      expect(state.bin).toBe(bin);
      const other = new Evaluator(plan, options);
      other.restoreState(state);
      expect(other.bin).toBe(bin);
      expect(rows(other, bin, BINS), `from bin ${bin}`).toEqual(expected.slice(bin));
      source.advance(cells(bin));
    }
  });

  test("goes back to a state of its own, and forgets what came after", () => {
    const evaluator = new Evaluator(plan, options);
    rows(evaluator, 0, 20);
    const state = evaluator.saveState();
    rows(evaluator, 20, 50);
    evaluator.restoreState(state);
    expect(rows(evaluator, 20, BINS)).toEqual(expected.slice(20));
    evaluator.restoreState({ bin: 0, rows: new Float64Array(0) });
    expect(rows(evaluator, 0, BINS)).toEqual(expected);
  });

  test("saves a state that later bins do not change, no larger than the longest memory", () => {
    const evaluator = new Evaluator(plan, options);
    rows(evaluator, 0, 40);
    const state = evaluator.saveState();
    const before = state.rows.slice();
    rows(evaluator, 40, BINS);
    expect(state.rows).toEqual(before);
    expect(state.rows.length).toBe(plan.lookback * plan.columns.length);
    expect(plan.lookback).toBe(13);
  });
});

test("states travel between the ways of evaluating", () => {
  const plan = planWithMemory();
  const interpreted = new Evaluator(plan, { execution: "interpreted" });
  const compiled = new Evaluator(plan, { execution: "compiled" });
  rows(interpreted, 0, 30);
  compiled.restoreState(interpreted.saveState());
  expect(rows(compiled, 30, BINS)).toEqual(rows(interpreted, 30, BINS));
});
