import { describe, expect, test } from "vitest";
import type { SeriesValues } from "../../../../src/analysis/explain/column-values.ts";
import { type Explanation, explainSeries, MAX_EXPLANATIONS } from "../../../../src/analysis/explain/explain.ts";
import { Evaluator } from "../../../../src/engine/evaluator.ts";
import { compileModel } from "../../../../src/model/compile.ts";
import { parseModel } from "../../../../src/model/parse.ts";
import { modelText, type ShortModel, topologyNodes } from "../../../support/model-builder.ts";

interface Options {
  readonly bindings?: readonly string[];
  /** Cells of every bound series by bin. */
  readonly cells?: readonly (readonly number[])[];
  readonly bins?: number;
  readonly firstBin?: number;
}

function explainer(model: ShortModel, { bindings = [], cells = [], bins, firstBin = 0 }: Options = {}) {
  const { plan, diagnostics } = compileModel(parseModel(modelText(model)).model!, { bindings });
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  const evaluator = new Evaluator(plan!);
  const rows: Float64Array[] = [];
  while (rows.length < (bins ?? plan!.model.grid.bins)) {
    rows.push(evaluator.advance(Float64Array.from(cells[rows.length] ?? [])).slice());
  }
  const values: SeriesValues = { firstBin, bins: rows.length, value: (bin, column) => rows[bin]![column]! };
  return (series: string, bin: number | null = null, depth = 1): Explanation =>
    explainSeries(plan!, values, { series, bin, depth });
}

const shown = ({ kind, formula, numbers, value, notes, inputs }: Explanation) => ({
  kind,
  formula,
  numbers,
  value,
  notes,
  inputs: inputs.map((input) => `${input.name} = ${input.value}`),
});

describe("series of nodes", () => {
  test("an expression in its own words, then in numbers; SHIFT and CONV say which bins they read", () => {
    const explain = explainer({
      nodes: ["a=[1,2,3,4]", "e=[5,0,2,1]", "x: (a - 5) * SHIFT(a + e, 2) + CONV(e, [0, 0.6, 0.3])"],
    });
    expect(shown(explain("x", 3))).toEqual({
      kind: "expr",
      formula: "(a - 5) * SHIFT(a + e, 2) + CONV(e, [0, 0.6, 0.3])",
      numbers: "(4 - 5) * (2 + 0) + (2 * 0.6 + 0 * 0.3)",
      value: -0.8,
      notes: ["SHIFT by 2 reads bin 1", "CONV reads bins 2, 1"],
      inputs: ["a = 4", "a[1] = 2", "e[1] = 0", "e[2] = 2"],
    });
    expect(explain("x", 0).numbers).toBe("(1 - 5) * 0 + 0");
  });

  test("const, pmf, a generator that fires and one that does not", () => {
    const explain = explainer({ nodes: ["a=[1,2,3]", "p=pmf{10:.5,20:.5}", "w: PULSE(2, 1, a)"] });
    expect(shown(explain("a", 1))).toMatchObject({ kind: "const", formula: "values[1]", numbers: "2", value: 2 });
    expect(shown(explain("p", 1))).toMatchObject({ kind: "pmf", numbers: "10 * 0.5 + 20 * 0.5", value: 15 });
    expect(explain("w", 1)).toMatchObject({ numbers: "2", value: 2, notes: ["PULSE fires in bin 1"] });
    expect(explain("w", 2)).toMatchObject({
      numbers: "0",
      value: 0,
      notes: ["PULSE does not fire in bin 2; it fires again in bin 3"],
    });
  });

  test("a queue: previous depth, flows, loss, and what the dispatch gate does", () => {
    const explain = explainer({
      nodes: ["in=[9,9,9,9]", "out=5s", "cap=3s", "lost=1s", "q=buf(in,out,lost)"],
      schedules: { q: "2,1,cap" },
      topology: `${topologyNodes("Desk:queue arrivals=in served=out queueDepth=q initial=20")}\n  edges: []`,
    });
    expect(shown(explain("q", 0))).toEqual({
      kind: "serviceWithBuffer",
      formula: "MAX(0, initial depth + in - gated(MIN(out, cap)) - lost)",
      numbers: "MAX(0, 20 + 9 - 0 - 1)",
      value: 28,
      notes: ["the dispatch gate is closed in bin 0 (it opens every 2 bins from bin 1): nothing leaves"],
      inputs: ["in = 9", "out = 5", "cap = 3", "lost = 1"],
    });
    expect(shown(explain("q", 1))).toMatchObject({
      formula: "MAX(0, q[0] + in - gated(MIN(out, cap)) - lost)",
      numbers: "MAX(0, 28 + 9 - MIN(5, 3) - 1)",
      value: 33,
    });
  });

  test("telemetry, a gap, and a queue that counts the gap as 0", () => {
    const explain = explainer(
      { nodes: ["a=0s", "b=2s", "q=buf(a,b)"], bins: 2 },
      { bindings: ["a"], cells: [[7], [Number.NaN]] },
    );
    expect(shown(explain("a", 0))).toMatchObject({ kind: "telemetry", formula: "telemetry", numbers: "7", value: 7 });
    expect(explain("a", 1)).toMatchObject({ value: "NaN", notes: [expect.stringContaining("gap")] });
    expect(shown(explain("q", 1))).toMatchObject({
      formula: "MAX(0, q[0] + a - b)",
      numbers: "MAX(0, 5 + 0 - 2)",
      value: 3,
      notes: ["a[1] is NaN, which counts as 0 here"],
    });
  });

  test("a router's target: the routed shares of what the router saw", () => {
    const explain = explainer({
      nodes: ["gold=4s", "std=6s", "in: gold + std", "x=0s", "y=0s", "r=route(in; x@Gold; y*1)", "after: y * 2"],
      arrivals: ["gold: Gold", "std: Std"],
      bins: 1,
    });
    expect(shown(explain("x"))).toMatchObject({ kind: "routed", formula: "in@Gold", numbers: "4", value: 4 });
    expect(shown(explain("y"))).toMatchObject({
      kind: "routed",
      formula: "(in - in@Gold) * 1",
      numbers: "(10 - 4) * 1",
    });
    expect(explain("y").about).toBe("routed here by r");
    expect(shown(explain("after"))).toMatchObject({ kind: "expr", numbers: "6 * 2", value: 12 });
  });
});

describe("classes and edges", () => {
  const MODEL: ShortModel = {
    nodes: ["a=[4,4]", "b=[6,6]", "in: a + b", "out=5s", "q=buf(in,out)", "x: MIN(in, 8)"],
    arrivals: ["a: Gold", "b: Std"],
    topology: [
      topologyNodes("Desk:serviceWithBuffer arrivals=in served=x queueDepth=q", "Back:service arrivals=x served=x"),
      "  edges:",
      "    - id: go",
      "      from: Desk:out",
      "      to: Back:in",
    ].join("\n"),
  };

  test("a class of a sum, and one that is scaled to a total", () => {
    const explain = explainer(MODEL);
    expect(shown(explain("in@Gold", 0))).toMatchObject({ kind: "class", value: 4 });
    const scaled = explain("x@gold", 0, 3);
    expect(scaled).toMatchObject({ series: "x@Gold", kind: "class", value: 3.2 });
  });

  test("an edge has its share of what its source serves", () => {
    const explain = explainer(MODEL);
    expect(shown(explain("go.flowVolume", 0))).toMatchObject({
      kind: "edge",
      formula: "x * 1",
      numbers: "8 * 1",
      value: 8,
    });
    expect(explain("go.flowVolume", 0).about).toBe("flowVolume of the edge from Desk:out to Back:in");
    expect(explain("go.flowVolume@Gold", 0)).toMatchObject({ value: 3.2 });
  });
});

describe("metrics", () => {
  const MODEL: ShortModel = {
    nodes: ["in=[8,9]", "out=[6,0]", "err=[2,1]", "cap=[3,3]", "q=buf(in,out)"],
    topology: topologyNodes(
      "Desk:serviceWithBuffer arrivals=in served=out errors=err queueDepth=q capacity=cap parallelism=4",
    ).concat("\n  edges: []"),
  };

  test("derived ones by their rule and by the model's series", () => {
    const explain = explainer(MODEL);
    expect(explain("Desk.utilization", 0)).toMatchObject({
      kind: "metric",
      about: "utilization = served / (capacity * parallelism); rounded to 6 decimals",
      formula: "ROUND6(out / (cap * 4))",
      numbers: "ROUND6(6 / (3 * 4))",
      value: 0.5,
    });
    expect(explain("Desk.queueTimeMs", 0)).toMatchObject({ formula: "q / out * 3600000", numbers: "2 / 6 * 3600000" });
    expect(explain("desk.LATENCYMINUTES", 0)).toMatchObject({ series: "Desk.latencyMinutes", value: 20 });
    expect(explain("Desk.attempts", 0)).toMatchObject({ formula: "ROUND6(out + err)", value: 8 });
    expect(explain("Desk.retryEcho", 1)).toMatchObject({ formula: "ROUND6(err[0] * 0.6)", value: 1.2 });
    expect(explain("Desk.retryTax", 0)).toMatchObject({ numbers: "ROUND6(MAX(0, (8 - 6) / 8))", value: 0.25 });
  });

  test("what has no value says why", () => {
    const explain = explainer(MODEL);
    expect(explain("Desk.queueTimeMs", 1)).toMatchObject({
      value: null,
      notes: ["no value: served is 0, not above 0"],
    });
    expect(explain("Desk.latencyMinutes", 1)).toMatchObject({
      value: null,
      notes: ["no value: queueTimeMs has no value"],
    });
  });
});

describe("what cannot be explained", () => {
  const MODEL: ShortModel = {
    nodes: ["arrivals=[1,2,3,4]", "served=1s", "q=buf(arrivals,served)"],
    topology: `${topologyNodes("Desk:queue arrivals=arrivals served=served queueDepth=q")}\n  edges: []`,
  };
  const failure = (ask: () => unknown): unknown => {
    try {
      ask();
    } catch (error) {
      return error;
    }
    throw new Error("it was explained");
  };

  test("an unknown name gets the nearest one, a node its metrics", () => {
    const explain = explainer(MODEL);
    expect(failure(() => explain("arivals"))).toMatchObject({
      code: "unknown_series",
      message: expect.stringContaining("There is no series or metric 'arivals'. Did you mean 'arrivals'?"),
    });
    expect(failure(() => explain("Desk.latencyMinute"))).toMatchObject({
      code: "unknown_series",
      message: expect.stringContaining("Did you mean 'Desk.latencyMinutes'? It has: arrivals, served, queueDepth"),
    });
    expect(failure(() => explain("Desk"))).toMatchObject({
      message: expect.stringContaining("name one of its metrics"),
    });
  });

  test("bins: outside the grid, not sealed, no longer kept", () => {
    const explain = explainer(MODEL, { bins: 3, firstBin: 1 });
    expect(failure(() => explain("q", 4))).toMatchObject({
      code: "bin_outside_grid",
      message: "Bin 4 is outside the grid: its bins are 0 to 3.",
    });
    expect(failure(() => explain("q", 3))).toMatchObject({
      code: "bin_not_sealed",
      message: expect.stringContaining("the newest sealed bin is 2"),
    });
    expect(failure(() => explain("q", 0))).toMatchObject({
      code: "bin_not_retained",
      message: expect.stringContaining("bins from 1 on are kept"),
    });
    expect(failure(() => explain("q", 1))).toMatchObject({ code: "bin_not_retained" });
    expect(explain("q", 2).numbers).toBe("MAX(0, 1 + 3 - 1)");
    expect(failure(() => explainer(MODEL, { bins: 0 })("q"))).toMatchObject({ code: "bin_not_sealed" });
  });

  test("a tree is cut at its bound, and says so", () => {
    const chain = Array.from({ length: 12 }, (_, index) => `x${index + 1}: x${index} + SHIFT(x${index}, 1)`);
    const explanation = explainer({ nodes: ["x0=1s", ...chain], bins: 20 })("x12", 19, 16);
    const count = (part: Explanation): number =>
      part.inputs.reduce((all, { explanation: next }) => all + (next === null ? 0 : count(next)), 1);
    expect(count(explanation)).toBe(MAX_EXPLANATIONS);
    expect(explanation.isTruncated).toBe(true);
  });
});

test("a series of which telemetry gives the classes is their sum", () => {
  const explain = explainer(
    { nodes: ["a=[1,1]"], topology: topologyNodes("Desk:sink arrivals=a served=a") },
    { bindings: ["a@Gold", "a@Std"], cells: [[3, 4]], bins: 1 },
  );
  expect(explain("a", 0)).toMatchObject({
    kind: "telemetry",
    about: "sum of the classes that telemetry gives: Gold, Std",
    numbers: "3 + 4",
    value: 7,
  });
});
