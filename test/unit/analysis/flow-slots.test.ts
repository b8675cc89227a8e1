import { expect, test } from "vitest";
import { Analyser } from "../../../src/analysis/analyser.ts";
import { analyseWindow } from "../../../src/analysis/batch-analysis.ts";
import { compileModel } from "../../../src/model/compile.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { modelText, type ShortModel } from "../../support/model-builder.ts";
import { columnsOf, evaluateRows } from "../../support/plan-builder.ts";
import { flowsOf } from "../../support/plan-flows.ts";

/** Keys raised (+), updated (~) and cleared (-) per bin; every bin checked against the whole window, through a saved state. */
function history(short: ShortModel): string[][] {
  const { plan } = compileModel(parseModel(modelText(short)).model!);
  const rows = evaluateRows(plan!);
  const signs = { raised: "+", updated: "~", cleared: "-" };
  let analyser = new Analyser(plan!);
  return rows.map((row, bin) => {
    const transitions = analyser.feed(bin, row);
    const soFar = rows.slice(0, bin + 1);
    expect(analyser.active()).toEqual(analyseWindow(plan!, columnsOf(soFar), bin + 1, flowsOf(plan!, soFar)));
    const restored = Analyser.restore(plan!, JSON.parse(JSON.stringify(analyser.saveState())));
    expect(restored.activeLive()).toEqual(analyser.activeLive());
    analyser = restored;
    return transitions
      .map((change) => `${signs[change.action]}${change.action === "cleared" ? change.key : change.warning.key}`)
      .filter((key) => /^.(edge_flow|edge_class|class_series|router)_/.test(key));
  });
}

const pair = (lag: number): string => `  nodes:
    - { id: S, kind: sink, semantics: { arrivals: served, served: served } }
    - { id: T, kind: sink, semantics: { arrivals: in, served: in } }
  edges:
    - { id: e, from: S, to: T, lag: ${lag} }`;

test("a flow that arrives late is compared when it arrives, also over a restart", () => {
  const nodes = ["served=[4,5,6,7,8]", "in=[0,0,4,9,6]"];
  expect(history({ nodes, topology: pair(2) })).toEqual([[], [], [], ["+edge_flow_mismatch_incoming/T"], []]);
  expect(history({ nodes: ["served=[4,5]", "in=[0,1]"], topology: pair(99) })).toEqual([
    [],
    ["+edge_flow_mismatch_incoming/T"],
  ]);
});

test("classes are compared one by one, late as their edge is", () => {
  const changes = history({
    nodes: ["a=[6,4,2,2]", "b=[4,4,4,4]", "served: a + b", "in: SHIFT(a + b, 1) + PULSE(9, 3)"],
    arrivals: ["a: A", "b: B"],
    topology: pair(1),
  });
  expect(changes).toEqual([[], [], [], ["+edge_flow_mismatch_incoming/T", "+edge_class_mismatch/T/incoming"]]);
});

test("a class that only the winning side of MIN brings changes what is said, code and all", () => {
  // A wins in bin 0; B comes in with bin 2, and no edge carries it.
  const changes = history({
    nodes: ["a=[1,1,9,9]", "b=[5,5,3,3]", "served: a * 2", "in: MIN(a, b)"],
    arrivals: ["a: A", "b: B"],
    topology: pair(0),
  });
  expect(changes).toEqual([
    ["+edge_flow_mismatch_incoming/T", "+edge_class_mismatch/T/incoming"],
    ["~edge_flow_mismatch_incoming/T", "~edge_class_mismatch/T/incoming"],
    ["~edge_flow_mismatch_incoming/T", "-edge_class_mismatch/T/incoming", "+edge_class_partial_coverage/T/incoming"],
    ["~edge_flow_mismatch_incoming/T", "~edge_class_partial_coverage/T/incoming"],
  ]);
});

test("lost classes are told once something goes out", () => {
  const model = (arrivals: readonly string[]): ShortModel => ({
    nodes: ["a=[5,5,5]", "b=[1,1,1]", "in: a + b", "out=[0,0,2]"],
    arrivals,
    topology: "  nodes:\n    - { id: S, kind: service, semantics: { arrivals: in, served: out } }",
  });
  expect(history(model(["a: A", "b: B"]))).toEqual([[], [], ["+class_series_missing_served/S"]]);
  expect(history(model(["a: A", "b: B", "out: A"]))).toEqual([[], [], ["+class_series_partial_served/S"]]);
});

test("a router is told of when a class first goes astray, and again when more of it does", () => {
  const changes = history({
    nodes: ["g=[4,4,4,4]", "s=[0,2,2,3]", "all: g + s", "fast=0s", "r=route(all; fast@Gold)"],
    arrivals: ["g: Gold", "s: Std"],
    topology: "  nodes:\n    - { id: N, kind: sink, semantics: { arrivals: fast, served: fast } }",
  });
  expect(changes).toEqual([
    [],
    ["+router_missing_class_route/r", "+router_class_leakage/r"],
    [],
    ["~router_class_leakage/r"],
  ]);
});

test("two routers share a target: each answers for its own part of what arrives there", () => {
  const nodes = ["a=[4,4]", "b=[4,4]", "shared=0s", "r1=route(a; shared@A)", "r2=route(b; shared*1)"];
  const topology = "  nodes:\n    - { id: N, kind: sink, semantics: { arrivals: shared, served: shared } }";
  expect(history({ nodes, arrivals: ["a: A", "b: A"], topology })).toEqual([[], []]);
  expect(history({ nodes: [...nodes, "r3=route(b; shared@B)"], arrivals: ["a: A", "b: A"], topology })).toEqual([
    ["+router_missing_class_route/r3", "+router_class_leakage/r3"],
    [],
  ]);
});
