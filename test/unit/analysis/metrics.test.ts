import { describe, expect, test } from "vitest";
import { normalise } from "../../../src/analysis/formulas.ts";
import { NodeMetrics } from "../../../src/analysis/metrics.ts";
import type { Plan } from "../../../src/model/plan.ts";
import { buildPlan, evaluateRows, type ModelSketch } from "../../support/plan-builder.ts";

type Table = Readonly<Record<string, readonly (number | null)[]>>;

/** All metrics of one node over all bins; null for NaN. */
function tabulate(plan: Plan, nodeId: string): Table {
  const metrics = new NodeMetrics(plan);
  const node = metrics.nodes.findIndex(({ id }) => id === nodeId);
  const table: Record<string, (number | null)[]> = {};
  for (const [bin, row] of evaluateRows(plan).entries()) {
    metrics.evaluate(bin, row);
    for (const [metric, name] of metrics.nodes[node]!.metrics.entries()) {
      const value = metrics.value(node, metric);
      table[name] = [...(table[name] ?? []), Number.isNaN(value) ? null : value];
    }
  }
  return table;
}

const BUFFER: ModelSketch = {
  series: {
    arr: [12, 12, 12, 12, 4, 4],
    srv: [6, 6, 6, 0, 10, 10],
    cap: [5, 5, 5, 5, 5, 0],
    pt: [3000, 3000, 0, 100, 200, 200],
  },
  nodes: [
    {
      id: "B",
      kind: "serviceWithBuffer",
      semantics: {
        arrivals: "arr",
        served: "srv",
        capacity: "cap",
        parallelism: 2,
        processingTimeMsSum: "pt",
        servedCount: "srv",
        slaMin: 90,
      },
    },
  ],
};

describe("node metrics", () => {
  test("times and utilisation of a buffer (T37)", () => {
    const table = tabulate(buildPlan(BUFFER), "B");
    expect(table.queueDepth).toEqual([6, 12, 18, 30, 24, 18]);
    expect(table.queueTimeMs).toEqual([3600000, 7200000, 10800000, null, 8640000, 6480000]);
    expect(table.latencyMinutes).toEqual([60, 120, 180, null, 144, 108]);
    expect(table.serviceTimeMs).toEqual([500, 500, 0, null, 20, 20]);
    expect(table.cycleTimeMs![0]).toBe(3600500);
    expect(table.utilization).toEqual([0.6, 0.6, 0.6, 0, 1, null]);
    expect(table.parallelism).toEqual([2, 2, 2, 2, 2, 2]);
  });

  test("a node says what it is and what it measures", () => {
    const [node] = new NodeMetrics(buildPlan(BUFFER)).nodes;
    expect(node).toEqual({
      id: "B",
      kind: "serviceWithBuffer",
      category: "service",
      slaMin: 90,
      metrics: [
        "arrivals",
        "served",
        "queueDepth",
        "capacity",
        "processingTimeMsSum",
        "servedCount",
        "parallelism",
        "utilization",
        "throughputRatio",
        "latencyMinutes",
        "serviceTimeMs",
        "queueTimeMs",
        "cycleTimeMs",
        "flowEfficiency",
      ],
    });
  });

  test("one minute bins: queue and service time add up (T38)", () => {
    const table = tabulate(
      buildPlan({
        grid: { binSize: 1, binUnit: "minutes" },
        series: { depth: [10, 8], srv: [5, 4], pt: [500, 200], count: [10, 4] },
        nodes: [
          {
            id: "B",
            kind: "serviceWithBuffer",
            semantics: {
              arrivals: "srv",
              served: "srv",
              queueDepth: "depth",
              processingTimeMsSum: "pt",
              servedCount: "count",
            },
          },
        ],
      }),
      "B",
    );
    expect(table.queueTimeMs).toEqual([120000, 120000]);
    expect(table.serviceTimeMs).toEqual([50, 50]);
    expect(table.cycleTimeMs).toEqual([120050, 120050]);
    expect(table.flowEfficiency).toEqual([50 / 120050, 50 / 120050]);
  });

  test("attempts are derived from what was served and what failed (T40)", () => {
    const semantics = { arrivals: "arr", served: "srv", errors: "err" };
    const sketch = {
      series: { arr: [16], srv: [8], err: [2] },
      nodes: [
        { id: "S", semantics },
        { id: "R", kind: "router", semantics },
      ],
    };
    const table = tabulate(buildPlan(sketch), "S");
    expect(table).toMatchObject({ attempts: [10], failures: [2], retryTax: [0.2], throughputRatio: [0.5] });
    expect(Object.keys(tabulate(buildPlan(sketch), "R"))).toEqual(["arrivals", "served", "errors", "throughputRatio"]);
  });

  test("the echo of failures has memory, which state carries (T49)", () => {
    const plan = buildPlan({
      series: { arr: [10, 10, 0, 10], srv: [5, 9, 3, 9], err: [2, 0, 0, 0] },
      nodes: [{ id: "S", semantics: { arrivals: "arr", served: "srv", errors: "err" } }],
    });
    expect(tabulate(plan, "S").retryEcho).toEqual([0, 1.2, 0.6, 0.2]);

    let metrics = new NodeMetrics(plan);
    const echo = metrics.nodes[0]!.metrics.indexOf("retryEcho");
    const echoes = evaluateRows(plan).map((row, bin) => {
      metrics = NodeMetrics.restore(plan, JSON.parse(JSON.stringify(metrics.saveState())));
      metrics.evaluate(bin, row);
      return metrics.value(0, echo);
    });
    expect(echoes).toEqual([0, 1.2, 0.6, 0.2]);
  });

  test("no failure in reach, no echo", () => {
    const plan = buildPlan({
      series: { a: [1, 1, 1], err: [Number.NaN, 4, Number.NaN] },
      nodes: [{ id: "S", semantics: { arrivals: "a", served: "a", errors: "err", retryKernel: [0.5, 0.25] } }],
    });
    expect(tabulate(plan, "S").retryEcho).toEqual([null, 2, 1]);
  });

  test("missing telemetry is null, never zero", () => {
    const plan = buildPlan({
      series: { arr: [Number.NaN, 4, 0], srv: [2, Number.NaN, 0] },
      nodes: [{ id: "S", semantics: { arrivals: "arr", served: "srv", capacity: "arr" } }],
    });
    const table = tabulate(plan, "S");
    expect(table.arrivals).toEqual([null, 4, 0]);
    expect(table.throughputRatio).toEqual([null, null, null]);
    expect(table.utilization).toEqual([null, null, null]);
  });

  test("a file reference is read from the series that telemetry feeds", () => {
    const plan = buildPlan({
      series: { arr: [1] },
      nodes: [{ id: "S", semantics: { arrivals: "arr", served: "file:served.csv" } }],
    });
    const metrics = new NodeMetrics(plan);
    const row = new Float64Array(plan.columns.length);
    row[plan.columnOf.get("arr")!] = 4;
    row[plan.bound[0]!.column] = 3;
    metrics.evaluate(0, row);
    expect(metrics.nodes[0]!.metrics).toEqual(["arrivals", "served", "throughputRatio"]);
    expect([0, 1, 2].map((metric) => metrics.value(0, metric))).toEqual([4, 3, 0.75]);
  });

  test("without topology every computation node is a node with its value", () => {
    const plan = buildPlan({ series: { a: [1.00000049], b: [Number.POSITIVE_INFINITY] } });
    const metrics = new NodeMetrics(plan);
    metrics.evaluate(0, evaluateRows(plan)[0]!);
    expect(metrics.nodes).toEqual([
      { id: "a", kind: "const", category: "constant", slaMin: null, metrics: ["value"] },
      { id: "b", kind: "const", category: "constant", slaMin: null, metrics: ["value"] },
    ]);
    expect([metrics.value(0, 0), metrics.value(1, 0)]).toEqual([1.00000049, Number.NaN]);
  });
});

test("queried values are rounded to six decimals, dust is zero (T44)", () => {
  expect([0.0000005, -0.0000005, 2e-10, 1.0000004999, -3e-10].map(normalise)).toEqual([0.000001, -0.000001, 0, 1, 0]);
  expect(normalise(Number.NEGATIVE_INFINITY)).toBeNaN();
  expect(normalise(1.2345678901234568e16)).toBe(1.2345678901234568e16);
});
