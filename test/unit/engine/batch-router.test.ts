import { expect, test } from "vitest";
import { prepareBatch } from "../../../src/engine/batch-model.ts";
import { evaluateRouted } from "../../../src/engine/batch-router.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { batchRunOf, valuesOf } from "../../support/batch-builder.ts";
import { modelText } from "../../support/model-builder.ts";

test("class routes take their classes, weight routes the rest (T27)", () => {
  const run = batchRunOf({
    nodes: [
      "g=[4,6]",
      "s=[6,4]",
      "all: g + s",
      "fast=0s",
      "slow=0s",
      "r=route(all; slow*1; fast@Gold)",
      "total: fast + slow",
    ],
    arrivals: ["g: Gold", "s: Std"],
  });
  expect(valuesOf(run, ["fast", "slow", "total", "total@Gold", "fast@Gold", "slow@Std", "fast@Std", "r@Gold"])).toEqual(
    {
      fast: [4, 6],
      slow: [6, 4],
      total: [10, 10],
      "total@Gold": [4, 6],
      "fast@Gold": [4, 6],
      "slow@Std": [6, 4],
      "fast@Std": null,
      "r@Gold": [4, 6],
    },
  );
});

test("a router behind another one sees unrouted values (T28, D6)", () => {
  const run = batchRunOf({
    nodes: [
      "src=[100,50,0]",
      "r1=route(src; t1*3; t2*1)",
      "r2=route(t1; u1*1; u2*1)",
      "t1=0s",
      "t2: src * 0",
      "u1=0s",
      "u2=0s",
      "down: t2 * 2 + u1",
    ],
  });
  expect(valuesOf(run, ["t1", "t2", "r1", "r2", "u1", "u2", "down"])).toEqual({
    t1: [75, 37.5, 0],
    t2: [25, 12.5, 0],
    r1: [100, 50, 0],
    r2: [75, 37.5, 0],
    u1: [0, 0, 0],
    u2: [0, 0, 0],
    down: [50, 25, 0],
  });
});

test("what several routes and routers send to one target adds up", () => {
  const run = batchRunOf({
    nodes: ["a=[8,4]", "b=[1,2]", "t=0s", "u=0s", "r1=route(a; t*1; t*1; u*2)", "r2=route(b; t*1)"],
    arrivals: ["a: A", "b: B"],
  });
  expect(valuesOf(run, ["t", "u", "t@A", "t@B"])).toEqual({ t: [5, 4], u: [4, 2], "t@A": [4, 2], "t@B": [1, 2] });
});

test("without class data a class route yields zeros, and the rest goes by weight", () => {
  const run = batchRunOf({ nodes: ["a=[8,4]", "t=5s", "u=5s", "r=route(a; t@Gold; u*2)"] });
  expect(valuesOf(run, ["t", "u"])).toEqual({ t: [0, 0], u: [8, 4] });
});

test("an override within a feedback loop is part of the recurrence (T48, D5)", () => {
  const run = batchRunOf({
    nodes: ["src=[8,8,8]", "r=route(src; y*1)", "x: src * (1 - SHIFT(p, 1))", "y: x * 0", "p: CLAMP(y / 8, 0, 1)"],
  });
  expect(valuesOf(run, ["x", "y", "p"])).toEqual({ x: [8, 0, 0], y: [8, 8, 8], p: [1, 1, 1] });
});

test("a target that telemetry feeds keeps its telemetry", () => {
  const { model } = parseModel(modelText({ nodes: ["a=[8,4]", "t=0s", "u=0s", "r=route(a; t*1; u*1)", "w: t + u"] }));
  const batch = prepareBatch(model!, { bound: new Set(["t"]) });
  const { base, overrides, totals } = evaluateRouted(batch, 2, () => 7);
  expect([...overrides.keys()]).toEqual(["t", "u"]);
  expect(valuesOf({ totals: base, classes: new Map() }, ["t", "u", "w"])).toEqual({ t: [7, 7], u: [0, 0], w: [7, 7] });
  expect(valuesOf({ totals, classes: new Map() }, ["t", "u", "w"])).toEqual({ t: [7, 7], u: [4, 2], w: [11, 9] });
});
