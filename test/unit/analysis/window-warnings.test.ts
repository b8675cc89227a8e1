import { describe, expect, test } from "vitest";
import { Analyser } from "../../../src/analysis/analyser.ts";
import { analyseLiveWindow } from "../../../src/analysis/batch-window-warnings.ts";
import type { Warning } from "../../../src/analysis/warning.ts";
import { buildPlan, columnsOf, evaluateRows, type ModelSketch } from "../../support/plan-builder.ts";

const fill = (bins: number, value: number): number[] => Array.from({ length: bins }, () => value);

/** Window warnings of a whole model, by both formulations. */
function analyse(sketch: ModelSketch): readonly Warning[] {
  const plan = buildPlan(sketch);
  const rows = evaluateRows(plan);
  const analyser = new Analyser(plan);
  for (const [bin, row] of rows.entries()) analyser.feed(bin, row);
  const live = analyser.activeLive().slice(analyser.active().length);
  expect(live).toEqual(analyseLiveWindow(plan, columnsOf(rows), rows.length));
  return live;
}

const summary = ({ code, startBin, endBin }: Warning): unknown =>
  startBin === undefined ? code : [code, startBin, endBin];

describe("window warnings", () => {
  test("growth, overload and stationarity of a buffer (T37)", () => {
    const warnings = analyse({
      series: { arr: [12, 12, 12, 12, 4, 4], srv: [6, 6, 6, 0, 10, 10], cap: [5, 5, 5, 5, 5, 0] },
      nodes: [
        {
          id: "B",
          kind: "serviceWithBuffer",
          semantics: { arrivals: "arr", served: "srv", capacity: "cap", parallelism: 2, slaMin: 90 },
        },
      ],
    });
    expect(warnings.map(({ message }) => message)).toEqual([
      "Arrival rates are not stationary across this window; cycle time estimates (queueTimeMs) may be unreliable.",
      "Queue depth increased for 3 consecutive bins (bins 0–3).",
      "Arrivals exceeded effective capacity for 4 consecutive bins (bins 0–3).",
    ]);
    expect(warnings.map(({ signal }) => signal)).toEqual(["queueTimeMs", "queueDepth", "overloadRatio"]);
  });

  test("streaks of a half-hour buffer (T51)", () => {
    const warnings = analyse({
      grid: { binSize: 30, binUnit: "minutes" },
      series: { in: [8, 8, 8, 11, 11, 11], srv: fill(6, 5), cap: fill(6, 5) },
      nodes: [
        {
          id: "Q",
          kind: "serviceWithBuffer",
          semantics: { arrivals: "in", served: "srv", capacity: "cap", slaMin: 30 },
        },
      ],
    });
    expect(warnings.map(summary)).toEqual([
      "littles-law-non-stationary",
      ["backlog_growth_streak", 0, 5],
      ["backlog_overload_ratio", 0, 5],
      ["backlog_age_risk", 1, 5],
    ]);
    expect(warnings.at(-1)!.message).toBe("Queue latency exceeded SLA for 5 consecutive bins (bins 1–5).");
  });

  test("the first of equally long streaks stays, a longer one replaces it", () => {
    const grow = (depths: readonly number[]): readonly unknown[] =>
      analyse({
        series: { arr: fill(depths.length, 1), depth: depths },
        nodes: [{ id: "Q", kind: "queue", semantics: { arrivals: "arr", served: "arr", queueDepth: "depth" } }],
      }).map(summary);
    expect(grow([0, 1, 2, 2])).toEqual([]);
    expect(grow([0, 1, 2, 3, 0, 1, 2, 3])).toEqual([["backlog_growth_streak", 0, 3]]);
    expect(grow([0, 1, 2, 3, 0, 1, 2, 3, 4])).toEqual([["backlog_growth_streak", 4, 8]]);
    expect(grow([0, 1, Number.NaN, 2, 3, 4])).toEqual([]);
  });

  test("nothing about a backlog before some bin has a queue time", () => {
    const model = (served: readonly number[]): ModelSketch => ({
      series: { arr: [1, 1, 1, 9], srv: served, depth: [1, 2, 3, 4] },
      nodes: [{ id: "Q", kind: "queue", semantics: { arrivals: "arr", served: "srv", queueDepth: "depth" } }],
    });
    expect(analyse(model(fill(4, 0)))).toEqual([]);
    expect(analyse(model([0, 0, 0, 1])).map(summary)).toEqual([
      "littles-law-non-stationary",
      ["backlog_growth_streak", 0, 3],
    ]);
  });

  test("stationarity follows the halves as the window grows", () => {
    const plan = buildPlan({
      series: { arr: [4, 4, 8, 4, 4, 4, 4, 4, 0, 0, 0], one: fill(11, 1) },
      nodes: [{ id: "Q", kind: "queue", semantics: { arrivals: "arr", served: "one", queueDepth: "one" } }],
    });
    const analyser = new Analyser(plan);
    const active = evaluateRows(plan).map((row, bin) => {
      analyser.feed(bin, row);
      return analyser.activeLive().some(({ code }) => code === "littles-law-non-stationary");
    });
    // Means of the halves: -, 4|4, 4|6, 4|6, 4|5.3, 5.3|4, 5.3|4, 5|4, 5|3.2, 4.8|2.4, 4.8|2
    expect(active).toEqual([false, false, true, true, false, false, false, false, true, true, true]);
  });

  test("a missing arrival leaves stationarity undecided", () => {
    const model = (first: number): ModelSketch => ({
      series: { arr: [first, 1, 9, 9], one: fill(4, 1) },
      nodes: [{ id: "Q", kind: "queue", semantics: { arrivals: "arr", served: "one", queueDepth: "one" } }],
    });
    expect(analyse(model(1)).map(summary)).toEqual(["littles-law-non-stationary"]);
    expect(analyse(model(Number.NaN))).toEqual([]);
  });

  test("a service whose depth names a buffer has no queue for queries", () => {
    const warnings = analyse({
      series: { arr: [1, 1, 9, 9, 9], srv: fill(5, 1), q: { inflow: "arr", outflow: "srv" } },
      nodes: [{ id: "S", kind: "service", semantics: { arrivals: "arr", served: "srv", queueDepth: "q" } }],
    });
    expect(warnings).toEqual([]);
  });

  test("retry kernel, presence and conservation, in FlowTime's words", () => {
    const warnings = analyse({
      series: { arr: [5, 5], srv: [5, 3.25], att: [5.00005, 6], none: [Number.NaN, Number.NaN], zero: [0, 1 / 3] },
      nodes: [
        {
          id: "S",
          semantics: {
            arrivals: "arr",
            served: "srv",
            attempts: "att",
            failures: "zero",
            exhaustedFailures: "none",
            retryEcho: "zero@Gold",
            retryKernel: [-1, 0.9, 0.6],
          },
        },
      ],
    });
    expect(warnings.map(({ code, message, bins }) => [code, message, bins])).toEqual([
      [
        "retry_kernel_policy",
        "Retry kernel contained negative or non-finite values; those coefficients were reset to 0.",
        [],
      ],
      ["retry_kernel_policy", "Retry kernel coefficients scaled by 0.667 to keep total mass ≤ 1.00.", []],
      ["retry_echo_series_missing", "Retry echo series was expected but could not be resolved.", []],
      ["exhausted_failures_series_missing", "Exhausted failures series was expected but could not be resolved.", []],
      [
        "attempts_conservation_mismatch",
        "Attempts do not equal served + failures for node 'S' at bin 1 (attempts=6, served=3.25, failures=0.333333).",
        [1],
      ],
    ]);
  });

  test("they are part of the live set and not of run.json", () => {
    const plan = buildPlan({
      series: { arr: [1] },
      nodes: [{ id: "S", kind: "sink", semantics: { arrivals: "arr", served: "arr", retryKernel: [2] } }],
    });
    const analyser = new Analyser(plan);
    expect(analyser.active()).toEqual([]);
    expect(analyser.activeLive().map(({ code }) => code)).toEqual(["retry_kernel_policy"]);
    expect(analyser.feed(0, evaluateRows(plan)[0]!).map(({ action }) => action)).toEqual(["raised"]);
  });
});
