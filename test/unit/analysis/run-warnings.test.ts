import { describe, expect, test } from "vitest";
import { Analyser } from "../../../src/analysis/analyser.ts";
import { analyseWindow } from "../../../src/analysis/batch-analysis.ts";
import type { Warning } from "../../../src/analysis/warning.ts";
import { buildPlan, columnsOf, evaluateRows, type ModelSketch } from "../../support/plan-builder.ts";
import { flowsOf } from "../../support/plan-flows.ts";

const fill = (bins: number, value: number): number[] => Array.from({ length: bins }, () => value);

/** Warnings of a whole model, by both formulations. */
function analyse(sketch: ModelSketch): readonly Warning[] {
  const plan = buildPlan(sketch);
  const rows = evaluateRows(plan);
  const analyser = new Analyser(plan);
  for (const [bin, row] of rows.entries()) analyser.feed(bin, row);
  expect(analyser.active()).toEqual(analyseWindow(plan, columnsOf(rows), rows.length, flowsOf(plan, rows)));
  return analyser.active();
}

function codes(warnings: readonly Warning[]): string[] {
  return warnings.map(({ code }) => code);
}

function find(warnings: readonly Warning[], code: string): Pick<Warning, "bins" | "value"> | undefined {
  const found = warnings.find((warning) => warning.code === code);
  return found && { bins: found.bins, value: found.value };
}

/** A service with every series it should have, so that only what a test adds is reported. */
const COMPLETE = { capacity: "big", processingTimeMsSum: "srv", servedCount: "srv" } as const;

describe("run warnings", () => {
  test("a model without topology nodes has none", () => {
    expect(analyse({ series: { a: [-1] } })).toEqual([]);
    expect(analyse({ series: { a: [-1] }, nodes: [] })).toEqual([]);
  });

  test("FlowTime's schedule check does not know the capacity series (T13)", () => {
    const warnings = analyse({
      series: {
        arr: fill(4, 5),
        srv: fill(4, 9),
        gate: fill(4, 4),
        q: {
          inflow: "arr",
          outflow: "srv",
          dispatchSchedule: { periodBins: 3, phaseOffset: 4, capacitySeries: "gate" },
        },
      },
      nodes: [{ id: "Q", kind: "queue", semantics: { arrivals: "arr", served: "srv", queueDepth: "q" } }],
    });
    expect(codes(warnings)).toEqual(["served_exceeds_arrivals", "queue_depth_mismatch"]);
    expect(find(warnings, "queue_depth_mismatch")).toEqual({ bins: [1, 2, 3], value: null });
    expect(find(warnings, "served_exceeds_arrivals")).toEqual({ bins: [0, 1, 2, 3], value: 1.8 });
  });

  test("a closed gate with backlog is listed in every such bin (T14)", () => {
    const warnings = analyse({
      series: { arr: fill(4, 5), srv: [9, 0, 9, 0] },
      nodes: [
        {
          id: "Q",
          kind: "queue",
          semantics: { arrivals: "arr", served: "srv" },
          dispatchSchedule: { periodBins: 2, phaseOffset: 0, capacitySeries: null },
        },
      ],
    });
    expect(codes(warnings)).toEqual(["served_exceeds_arrivals", "queue_latency_gate_closed"]);
    expect(find(warnings, "queue_latency_gate_closed")).toEqual({ bins: [1, 3], value: null });
    expect(find(warnings, "served_exceeds_arrivals")).toEqual({ bins: [0, 2], value: 1.8 });
  });

  test("volumes that contradict each other (T35)", () => {
    const warnings = analyse({
      series: {
        arr: [-1, -2, -3, -4, -5, -6, 5],
        srv: [12, 10, 0, 0, 0, 0, 6],
        cap: [5, 10, 10, 10, 10, 10, 4],
        att: fill(7, 0),
      },
      nodes: [
        {
          id: "S",
          semantics: {
            arrivals: "arr",
            served: "srv",
            capacity: "cap",
            parallelism: 2,
            attempts: "att",
            failures: "srv",
            errors: "cap",
            processingTimeMsSum: "srv",
            servedCount: "srv",
          },
        },
      ],
    });
    expect(codes(warnings)).toEqual([
      "arrivals_negative",
      "served_exceeds_arrivals",
      "served_exceeds_capacity",
      "errors_exceed_arrivals",
      "attempts_below_arrivals",
      "failures_exceed_attempts",
    ]);
    expect(find(warnings, "arrivals_negative")).toEqual({ bins: [0, 1, 2, 3, 4], value: -1 });
    expect(find(warnings, "served_exceeds_arrivals")).toEqual({ bins: [0, 1, 2, 3, 4], value: 12 });
    expect(find(warnings, "served_exceeds_capacity")).toEqual({ bins: [0], value: 1.2 });
    expect(find(warnings, "errors_exceed_arrivals")).toEqual({ bins: [0, 1, 2, 3, 4], value: 5 });
    expect(find(warnings, "attempts_below_arrivals")).toEqual({ bins: [6], value: 0 });
    expect(find(warnings, "failures_exceed_attempts")).toEqual({ bins: [0, 1, 6], value: 12000000 });
  });

  test("a missing retry budget hides that capacity is zero (T36)", () => {
    const model = (maxAttempts: number | null): ModelSketch => ({
      series: { arr: [0, 0], zero: [0, 0] },
      nodes: [
        {
          id: "S",
          semantics: {
            arrivals: "arr",
            served: "arr",
            capacity: "zero",
            processingTimeMsSum: "arr",
            servedCount: "arr",
            maxAttempts,
          },
        },
      ],
    });
    expect(codes(analyse(model(3)))).toEqual(["missing_exhausted_failures_series", "missing_retry_budget_series"]);
    expect(codes(analyse(model(null)))).toEqual(["capacity_all_zero"]);
  });

  test("a schedule that never opens (T47)", () => {
    const warnings = analyse({
      series: { arr: fill(4, 10), srv: fill(4, 0) },
      nodes: [
        {
          id: "Q",
          kind: "serviceWithBuffer",
          semantics: {
            arrivals: "arr",
            served: "srv",
            capacity: "arr",
            processingTimeMsSum: "srv",
            servedCount: "srv",
          },
          dispatchSchedule: { periodBins: 9, phaseOffset: 8, capacitySeries: null },
        },
      ],
    });
    expect(codes(warnings)).toEqual(["dispatch_never_releases"]);
  });

  test("the depth FlowTime generates is found under the generated id (T43)", () => {
    const warnings = analyse({
      series: { arr: [4], srv: [1], order_hub_queue: [7] },
      nodes: [
        { id: "OrderHub", kind: "Queue", semantics: { arrivals: "arr", served: "srv" } },
        { id: "DLQ", kind: "dlq", semantics: { arrivals: "arr", served: "srv" } },
        { id: "Big Hub", kind: "queue", semantics: { arrivals: "arr", served: "srv", queueDepth: "bigq" } },
      ],
    });
    expect(warnings).toEqual([]);
  });

  test("of several nodes with one depth the last decides how it starts", () => {
    const semantics = { arrivals: "none", served: "none", queueDepth: "depth" };
    const model = (first: number | null, last: number | null): readonly Warning[] =>
      analyse({
        series: { none: [0, 0], depth: [8, 8] },
        nodes: [
          { id: "A", kind: "queue", semantics, initialQueueDepth: first },
          { id: "B", kind: "queue", semantics, initialQueueDepth: last },
        ],
      }).filter(({ code }) => code === "queue_depth_mismatch");
    expect(model(null, 8)).toEqual([]);
    expect(model(8, null).map(({ nodeId, bins }) => [nodeId, bins])).toEqual([
      ["A", [0, 1]],
      ["B", [0, 1]],
    ]);
  });

  test("bins are the first five, the value is the worst of all", () => {
    const warnings = analyse({
      series: { arr: fill(8, 1), srv: [2, 2, 2, 2, 2, 2, 30, 2], big: fill(8, 99) },
      nodes: [{ id: "S", semantics: { arrivals: "arr", served: "srv", ...COMPLETE } }],
    });
    expect(find(warnings, "served_exceeds_arrivals")).toEqual({ bins: [0, 1, 2, 3, 4], value: 30 });
  });

  test("an infinite excess has no value, a NaN is no violation", () => {
    const warnings = analyse({
      series: {
        arr: [1, Number.NaN, 1],
        srv: [Number.POSITIVE_INFINITY, 5, 1],
        big: fill(3, Number.POSITIVE_INFINITY),
      },
      nodes: [{ id: "S", semantics: { arrivals: "arr", served: "srv", ...COMPLETE } }],
    });
    expect(codes(warnings)).toEqual(["served_exceeds_arrivals"]);
    expect(find(warnings, "served_exceeds_arrivals")).toEqual({ bins: [0], value: null });
  });

  test("negative parallelism counts as a number, a NaN one as a single server", () => {
    const service = (parallelism: number | string): readonly string[] =>
      codes(
        analyse({
          series: { arr: [5, 5], srv: [3, 3], cap: [2, 2], servers: [Number.NaN, 2] },
          nodes: [
            {
              id: "S",
              semantics: {
                arrivals: "arr",
                served: "srv",
                capacity: "cap",
                parallelism,
                processingTimeMsSum: "srv",
                servedCount: "srv",
              },
            },
          ],
        }),
      );
    expect(service(2)).toEqual([]);
    expect(service(-2)).toEqual(["served_exceeds_capacity"]);
    expect(service("servers")).toEqual(["served_exceeds_capacity"]);
  });

  test("dependencies want arrivals, served and effort edges whose sources declare attempts", () => {
    const model = (edgeType: string, attempts: boolean): ModelSketch => ({
      series: { arr: [1], srv: [1] },
      nodes: [
        { id: "DB", kind: "dependency", semantics: { arrivals: "gone", served: "gone", errors: "arr" } },
        {
          id: "Api",
          kind: "sink",
          semantics: { arrivals: "arr", served: "srv", ...(attempts ? { attempts: "arr" } : {}) },
        },
      ],
      edges: [{ from: "API:out", to: "db:in", type: edgeType }],
    });
    const missing = ["missing_dependency_arrivals", "missing_dependency_served"];
    expect(codes(analyse(model("throughput", false)))).toEqual([...missing, "dependency_missing_effort_edges"]);
    expect(codes(analyse(model("Effort", false)))).toEqual([...missing, "dependency_retry_pressure_missing"]);
    expect(codes(analyse(model("dependency", true)))).toEqual(missing);
  });

  test("edges: lag, and dead letters that do not end", () => {
    const warnings = analyse({
      series: { arr: [1], srv: [1] },
      nodes: [
        { id: "A", kind: "sink", semantics: { arrivals: "arr", served: "srv" } },
        { id: "D", kind: "dlq", semantics: { arrivals: "arr", served: "srv" } },
      ],
      edges: [
        { from: "A:errors", to: "D", type: "terminal" },
        { from: "A", to: "D:in", lag: 2 },
        { id: "out", from: "D", to: "A", type: "effort" },
        { id: "back", from: "D", to: "A" },
      ],
    });
    const shape = warnings.filter(({ code }) => !code.startsWith("edge_flow_mismatch_"));
    expect(shape.map(({ nodeId, message, edgeIds }) => [nodeId, message, edgeIds])).toEqual([
      [
        "A",
        "Edge 'A->D:in' applies a lag of 2 bin(s). Model transit as an explicit node instead of edge behavior.",
        ["A->D:in"],
      ],
      ["D", "DLQ nodes must only receive terminal edges (A->D:in).", undefined],
      ["D", "DLQ nodes must emit terminal edges (out, back).", undefined],
    ]);
  });

  test("a queue fed by terminal edges alone reports no unknown latency", () => {
    const model = (edges: ModelSketch["edges"] & {}): ModelSketch => ({
      series: { arr: [3], srv: [0] },
      nodes: [{ id: "Q", kind: "queue", semantics: { arrivals: "arr", served: "srv" } }],
      edges,
    });
    expect(codes(analyse(model([])))).toEqual(["queue_latency_unreported"]);
    expect(codes(analyse(model([{ from: "X", to: "Q", type: "terminal" }])))).toEqual([]);
    expect(codes(analyse(model([{ from: "X", to: "Q", type: "throughput" }])))).toEqual(["queue_latency_unreported"]);
    const both = [
      { from: "X", to: "Q", type: "terminal" },
      { from: "Q", to: "Y" },
    ];
    expect(codes(analyse(model(both)))).toEqual(["queue_latency_unreported"]);
  });

  test("constraints are looked at only when compilation generated nothing", () => {
    const sketch: ModelSketch = {
      series: { arr: [1] },
      nodes: [{ id: "S", kind: "sink", constraints: ["cpu"], semantics: { arrivals: "arr", served: "arr" } }],
    };
    const plan = buildPlan(sketch);
    const topology = {
      ...plan.model.topology!,
      constraints: [{ id: "CPU", series: { arrivals: "arr", served: "nothing" } }],
    };
    const constrained = { ...plan, model: { ...plan.model, topology } };
    const analyser = new Analyser(constrained);
    expect(analyser.active().map(({ message }) => message)).toEqual([
      "Constraint 'CPU' served series was not available.",
    ]);
    expect(analyser.active()).toEqual(analyseWindow(constrained, () => new Float64Array(0), 0));
    expect(new Analyser({ ...constrained, generated: ["x_queue"] }).active()).toEqual([]);
  });

  test("a telemetry reference counts as absent", () => {
    const plan = buildPlan({
      series: { arr: [1] },
      nodes: [{ id: "S", kind: "sink", semantics: { arrivals: "arr", served: "file:served.csv" } }],
    });
    expect(codes(new Analyser(plan).active())).toEqual(["missing_served_series"]);
  });
});

describe("transitions", () => {
  const sketch: ModelSketch = {
    series: { arr: [1, 1, 1], srv: [1, 3, 2], cap: [0, 0, 9] },
    nodes: [
      {
        id: "S",
        semantics: { arrivals: "arr", served: "srv", capacity: "cap", processingTimeMsSum: "srv", servedCount: "srv" },
      },
      { id: "D", kind: "dependency", semantics: { arrivals: "arr", served: "arr" } },
    ],
  };

  test("raised, updated and cleared name the same key; a quiet bin is silent", () => {
    const plan = buildPlan(sketch);
    const analyser = new Analyser(plan);
    const told = evaluateRows(plan).map((row, bin) =>
      analyser
        .feed(bin, row)
        .map((transition) =>
          transition.action === "cleared"
            ? `- ${transition.key}`
            : `${transition.action === "raised" ? "+" : "~"} ${transition.warning.key} ${transition.warning.bins.join()}`,
        ),
    );
    expect(told).toEqual([
      ["+ served_exceeds_capacity/S 0", "+ capacity_all_zero/S ", "+ dependency_missing_effort_edges/D "],
      ["+ served_exceeds_arrivals/S 1", "~ served_exceeds_capacity/S 0,1"],
      ["~ served_exceeds_arrivals/S 1,2", "- capacity_all_zero/S"],
    ]);
  });

  test("bins out of order are a broken promise", () => {
    const plan = buildPlan(sketch);
    const analyser = new Analyser(plan);
    expect(() => analyser.feed(1, evaluateRows(plan)[1]!)).toThrow("bins are analysed in order: expected 0, got 1");
  });

  test("a state of another plan is refused", () => {
    const other = buildPlan({ series: { a: [1] } });
    const state = new Analyser(buildPlan(sketch)).saveState();
    expect(() => Analyser.restore(other, state)).toThrow(/analyser state has \d+ rules, the plan 0/);
  });

  test("the same warning twice gets two keys", () => {
    const plan = buildPlan({
      series: { arr: [1] },
      nodes: [{ id: "S", kind: "sink", semantics: { arrivals: "arr", served: "arr" } }],
      edges: [
        { id: "e", from: "S", to: "T", lag: 1 },
        { id: "e", from: "S", to: "T", lag: 1 },
      ],
    });
    expect(new Analyser(plan).active().map(({ key }) => key)).toEqual([
      "edge_behavior_violation_lag/S/e",
      "edge_behavior_violation_lag/S/e#2",
    ]);
  });
});
