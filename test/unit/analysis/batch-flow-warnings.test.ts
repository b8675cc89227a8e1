import { expect, test } from "vitest";
import { analyseWindow } from "../../../src/analysis/batch-analysis.ts";
import type { Warning } from "../../../src/analysis/warning.ts";
import { routerClasses } from "../../../src/engine/batch-classes.ts";
import { edgeSeries } from "../../../src/engine/batch-edges.ts";
import type { Totals } from "../../../src/engine/batch-model.ts";
import { batchRunOf } from "../../support/batch-builder.ts";
import type { ShortModel } from "../../support/model-builder.ts";

const FLOW_CODES = /^(edge_flow|edge_class|router_|class_)/;

/** @param change what happens to the totals between evaluation and analysis. Default nothing. */
function flowWarnings(model: ShortModel, change: (totals: Totals) => Totals = (totals) => totals): readonly Warning[] {
  const run = batchRunOf(model);
  const totals = change(run.totals);
  const ids = [...totals.keys()];
  const plan = {
    model: run.batch.model,
    columns: ids.map((id) => ({ id, origin: "node" as const })),
    columnOf: new Map(ids.map((id, column) => [id, column])),
    generated: run.generated,
  };
  const bins = totals.values().next().value!.length;
  const warnings = analyseWindow(plan, (column) => totals.get(ids[column]!)!, bins, {
    edges: edgeSeries(run.batch, totals, run.classes),
    classes: run.classes,
    routers: routerClasses(run.batch, totals),
  });
  return warnings.filter(({ code }) => FLOW_CODES.test(code));
}

test("flows that do not add up, worst difference over all bins; the fourth edge is only counted", () => {
  const warnings = flowWarnings({
    nodes: ["served=[12,12,12,12,12,12,99]", "in=[9,9,9,9,9,9,9]"],
    topology: `  nodes:
    - { id: S, kind: sink, semantics: { arrivals: served, served: served } }
    - { id: T, kind: sink, semantics: { arrivals: in, served: in } }
  edges:
    - { id: a, from: S, to: T }
    - { id: A, from: "S:out", to: T }
    - { id: b, from: S, to: T }
    - { id: c, from: S, to: T }
    - { id: d, from: S, to: T }
    - { id: side, from: "S:errors", to: T, type: terminal }`,
  });
  const edgeIds = ["a", "A", "b", "c", "d", "side"];
  expect(warnings).toEqual([
    {
      key: "edge_flow_mismatch_incoming/T",
      code: "edge_flow_mismatch_incoming",
      nodeId: "T",
      message: "Arrivals do not match sum of incoming edge flows. Edges: a, b, c (+2 more).",
      severity: "warning",
      bins: [0, 1, 2, 3, 4],
      value: 90,
      edgeIds,
    },
  ]);
});

test("an effort edge without a measure serves a second time; a lag delays what arrives", () => {
  const model = (lag: number): ShortModel => ({
    nodes: ["served=[4,4]", "late=[0,4]", "db=4s"],
    topology: `  nodes:
    - { id: S, kind: sink, semantics: { arrivals: served, served: served } }
    - { id: T, kind: sink, semantics: { arrivals: late, served: late } }
    - { id: D, kind: dependency, semantics: { arrivals: db, served: db } }
  edges:
    - { id: st, from: S, to: T, lag: ${lag} }
    - { id: sd, from: S, to: D, type: effort }`,
  });
  const found = (lag: number): unknown[] =>
    flowWarnings(model(lag)).map(({ code, nodeId, bins, value }) => [code, nodeId, bins, value]);
  expect(found(1)).toEqual([["edge_flow_mismatch_outgoing", "S", [0, 1], 4]]);
  expect(found(0)).toEqual([
    ["edge_flow_mismatch_outgoing", "S", [0, 1], 4],
    ["edge_flow_mismatch_incoming", "T", [0], 4],
  ]);
});

const classPair = (nodes: readonly string[]): ShortModel => ({
  nodes,
  arrivals: ["a: A", "b: B"],
  topology: `  nodes:
    - { id: S, kind: sink, semantics: { arrivals: served, served: served } }
    - { id: T, kind: sink, semantics: { arrivals: in, served: in } }
  edges:
    - { id: e, from: S, to: T }`,
});

test("classes that edges carry in other amounts, and classes that they do not carry", () => {
  expect(flowWarnings(classPair(["a=[5,3]", "b=[5,5]", "served: a + b", "in: b + a * 1"]))).toEqual([]);

  const differing = flowWarnings(classPair(["a=[6,4]", "b=[4,4]", "served: a + b", "in: a - 1 + b + 1"]));
  expect(differing.map(({ code, message, bins }) => ({ code, message, bins }))).toEqual([
    {
      code: "edge_class_mismatch",
      message: "Per-class arrivals do not match incoming edge flows. Classes: A, B. Edges: e.",
      bins: [0, 1, 0, 1],
    },
  ]);

  const missing = flowWarnings(classPair(["a=[6,4]", "b=[6,0]", "served: b * 1", "in: a * 1 + b * 0"]));
  expect(missing.filter(({ code }) => code.startsWith("edge_class"))).toEqual([
    {
      key: "edge_class_partial_coverage/T/incoming",
      code: "edge_class_partial_coverage",
      nodeId: "T",
      message: "Per-class arrivals do not match incoming edge flows. Classes: A, B. Edges: e.",
      severity: "warning",
      bins: [0, 1, 0],
      value: 6,
      edgeIds: ["e"],
    },
  ]);
});

test("a class of zeros that no edge carries is no difference", () => {
  const warnings = flowWarnings(classPair(["a=[0,0]", "b=[6,2]", "served: b * 1", "in: a + b"]));
  expect(warnings).toEqual([]);
});

const routed: ShortModel = {
  nodes: ["g=[4,6]", "s=[6,4]", "z=0s", "all: g + s + z", "fast=0s", "r=route(all; fast@Gold)"],
  arrivals: ["g: Gold", "s: Std", "z: Zero"],
  topology: "  nodes:\n    - { id: N, kind: sink, semantics: { arrivals: fast, served: fast } }",
};

test("a router without a route for a class that comes, and classes that do not arrive", () => {
  expect(flowWarnings(routed).map(({ code, nodeId, message }) => ({ code, nodeId, message }))).toEqual([
    { code: "router_missing_class_route", nodeId: "r", message: "Router 'r' is missing routes for classes: Std." },
    {
      code: "router_class_leakage",
      nodeId: "r",
      message: "Router 'r' routed class totals that differ from source: Std (max diff 6).",
    },
  ]);
});

test("shares are scaled to their targets before they are compared with the source", () => {
  const half = (totals: Totals): Totals => new Map([...totals, ["fast", Float64Array.of(2, 2.0005)]]);
  const leak = flowWarnings(routed, half).find(({ code }) => code === "router_class_leakage");
  expect(leak?.message).toBe(
    "Router 'r' routed class totals that differ from source: Gold (max diff 4), Std (max diff 6).",
  );
});

test("coverage: what goes out of a queue has other classes than what comes in, unless there is nothing", () => {
  const warnings = flowWarnings({
    nodes: ["a=[6,4]", "b=[1,1]", "none=0s", "in: a + b", "out: b * 2", "p=pmf{2:1}", "q=buf(in,out,none)"],
    arrivals: ["b: B", "a: A"],
    topology: `  nodes:
    - { id: N, kind: queue, semantics: { arrivals: in, served: out, queueDepth: q } }
    - { id: S, kind: service, semantics: { arrivals: in, served: p, errors: none, queueDepth: q } }
    - { id: B, kind: serviceWithBuffer, semantics: { arrivals: b, served: b, errors: out, queueDepth: q } }`,
  });
  expect(warnings.map(({ code, nodeId, message }) => [code, nodeId, message])).toEqual([
    [
      "class_series_partial_outflow",
      "q",
      "Class coverage partial for serviceWithBuffer node 'q' outflow 'out'. Missing classes: A.",
    ],
    [
      "class_series_missing_served",
      "S",
      "Class coverage missing for serviceWithBuffer node 'S' served 'p'. Inflow classes: A, B.",
    ],
    [
      "class_series_partial_served",
      "N",
      "Class coverage partial for serviceWithBuffer node 'N' served 'out'. Missing classes: A.",
    ],
  ]);
});
