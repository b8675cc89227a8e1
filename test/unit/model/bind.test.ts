import { describe, expect, test } from "vitest";
import { type BindingSpec, resolveBindings, roleOfMetric } from "../../../src/model/bind.ts";
import type { Model } from "../../../src/model/model.ts";
import { buildModel } from "../../support/plan-builder.ts";

const MODEL = buildModel({
  series: { arr: [1], srv: [1], q: { inflow: "arr", outflow: "srv" } },
  nodes: [
    { id: "Desk", kind: "queue", semantics: { arrivals: "arr", served: "series:srv@DEFAULT", queueDepth: "q" } },
    { id: "Back", kind: "service", semantics: { arrivals: "srv", served: "file:back.csv", errors: "file:errors.csv" } },
    { id: "Far", kind: "service", semantics: { arrivals: "file:back.csv", served: "arr" } },
  ],
});

const bound = (requested: readonly BindingSpec[], model: Model = MODEL) => [...resolveBindings(model, requested).bound];

describe("what is bound", () => {
  test("by the model itself: every file once, whoever reads it", () => {
    const { bound: ids, fileSeries, diagnostics } = resolveBindings(MODEL, []);
    expect([...ids]).toEqual(["Back_served", "Back_errors"]);
    expect([...fileSeries]).toEqual([
      ["file:back.csv", "Back_served"],
      ["file:errors.csv", "Back_errors"],
    ]);
    expect(diagnostics).toEqual([]);
  });

  test("by the model itself: nodes with a source", () => {
    const model = {
      ...MODEL,
      topology: null,
      nodes: MODEL.nodes.map((node) => ({ ...node, source: node.id === "q" ? "file:q.csv" : null })),
    };
    expect(bound([], model)).toEqual(["q"]);
  });

  test.each<[string, BindingSpec, string]>([
    ["by id", "arr", "arr"],
    ["by id, in FlowTime's spelling", "series:arr@ARR@DEFAULT", "arr"],
    ["an expression or a queue as well", "q", "q"],
    ["by the role it plays", { nodeId: "Desk", metric: "arrivals" }, "arr"],
    ["whatever the case", { nodeId: " dESK ", metric: "QUEUEDEPTH" }, "q"],
    ["by a role that names it with prefix and class", { nodeId: "Desk", metric: "served" }, "srv"],
    ["by a role that is a file", { nodeId: "Far", metric: "arrivals" }, "Back_served"],
    ["of the default class", { nodeId: "Desk", metric: "arrivals", classId: "DEFAULT" }, "arr"],
  ])("on request: %s", (_name, request, id) => {
    expect(bound([request])).toEqual([...new Set(["Back_served", "Back_errors", id])]);
    expect(resolveBindings(MODEL, [request]).diagnostics).toEqual([]);
  });

  test("once, however often it is asked for", () => {
    expect(bound(["arr", "arr", { nodeId: "Desk", metric: "arrivals" }])).toEqual([
      "Back_served",
      "Back_errors",
      "arr",
    ]);
  });
});

describe("what cannot be bound", () => {
  test.each<[string, BindingSpec, string, string]>([
    ["no series", "nowhere", "unknown_binding", "'nowhere'"],
    ["another case of a series", "ARR", "unknown_binding", "'ARR'"],
    ["no node", { nodeId: "Nobody", metric: "arrivals" }, "unknown_binding", "'Nobody'"],
    ["no metric", { nodeId: "Desk", metric: "happiness" }, "unknown_binding", "arrivals, served, queueDepth"],
    [
      "a metric that the node has not",
      { nodeId: "Desk", metric: "errors" },
      "unknown_binding",
      "arrivals, served, queueDepth",
    ],
    ["a class that is no file name", { nodeId: "Desk", metric: "arrivals", classId: "../x" }, "bad_class", "'../x'"],
    ["a class of no series", "nowhere@Gold", "unknown_binding", "'nowhere'"],
  ])("%s", (_name, request, code, text) => {
    const { diagnostics } = resolveBindings(MODEL, [request, "arr"]);
    expect(diagnostics).toMatchObject([
      { severity: "error", code, message: expect.stringContaining(text), span: null },
    ]);
  });

  test("all of them at once", () => {
    expect(resolveBindings(MODEL, ["x", "y", { nodeId: "Z", metric: "arrivals" }]).diagnostics).toHaveLength(3);
  });
});

test("a class is passed over where the model computes classes itself", () => {
  const span = { line: 1, column: 1, startOffset: 0, endOffset: 0 };
  const model = { ...MODEL, arrivals: [{ nodeId: "arr", classId: "Gold", span }] };
  const { bound: ids, diagnostics } = resolveBindings(model, [{ nodeId: "Desk", metric: "arrivals", classId: "Gold" }]);
  expect([...ids]).not.toContain("arr");
  expect(diagnostics).toEqual([]);
});

test("a series made for a file takes a name that is free", () => {
  const model = buildModel({
    series: { Back_served: [1], Back_served_1: [1], a: [1] },
    nodes: [{ id: "Back", semantics: { arrivals: "a", served: "file:x.csv" } }],
  });
  expect([...resolveBindings(model, []).fileSeries.values()]).toEqual(["Back_served_2"]);
});

test("feeds: every role that reads a series, in order", () => {
  const { feeds } = resolveBindings(MODEL, []);
  expect(feeds.get("arr")).toEqual([
    { nodeId: "Desk", role: "arrivals" },
    { nodeId: "Far", role: "served" },
  ]);
  expect(feeds.get("srv")).toEqual([
    { nodeId: "Desk", role: "served" },
    { nodeId: "Back", role: "arrivals" },
  ]);
  expect(feeds.get("Back_served")).toHaveLength(2);
});

test("metric names mean roles whatever their case", () => {
  expect(["Arrivals", " queueDEPTH ", "processingTimeMsSum", "utilization", ""].map(roleOfMetric)).toEqual([
    "arrivals",
    "queueDepth",
    "processingTimeMsSum",
    null,
    null,
  ]);
});
