import { describe, expect, test } from "vitest";
import { decomposeClasses, routerClasses } from "../../../src/engine/batch-classes.ts";
import { type BatchRun, runSimulation } from "../../../src/engine/batch-run.ts";
import { parseModel } from "../../../src/model/parse.ts";
import { batchRunOf, valuesOf } from "../../support/batch-builder.ts";
import { modelText } from "../../support/model-builder.ts";

function classIds({ classes }: BatchRun, id: string): string[] {
  return Array.from(classes.get(id) ?? [], ([classId]) => classId);
}

test("the last entry for a node decides, and rates do not count (T29)", () => {
  const run = batchRunOf({ nodes: ["src=[8,8]", "dbl: src * 2"], arrivals: ["src: A", "src: B"] });
  expect(valuesOf(run, ["src@A", "src@B", "dbl@A", "dbl@B"])).toEqual({
    "src@A": null,
    "src@B": [8, 8],
    "dbl@A": null,
    "dbl@B": [16, 16],
  });
});

test("no assignment, no classes; an assigned node may be named in any case", () => {
  expect(batchRunOf({ nodes: ["a=[1]"] }).classes.size).toBe(0);
  const run = batchRunOf({ nodes: ["src=[8]"], arrivals: ["SRC: A"] });
  expect(valuesOf(run, ["src@A", "src@a"])).toEqual({ "src@A": [8], "src@a": [8] });
});

describe("algebra", () => {
  const sources = ["a=[10,20,0]", "b=[30,20,8]"];
  const arrivals = ["a: A", "b: B"];

  test("sums, extremes, quotients, rounding (T30)", () => {
    const run = batchRunOf({
      nodes: [
        ...sources,
        "src: a + b",
        "served: MIN(src, 20)",
        "ratio: served / src",
        "mx: MAX(a, b)",
        "diff: a - b",
        "fl: FLOOR(a / 3)",
      ],
      arrivals,
    });
    expect(
      valuesOf(run, ["served@A", "served@B", "ratio@A", "ratio@B", "mx@A", "mx@B", "diff@A", "diff@B", "fl@A", "fl@B"]),
    ).toEqual({
      "served@A": [5, 10, 0],
      "served@B": [15, 10, 8],
      "ratio@A": [0.125, 0.25, 0],
      "ratio@B": [0.375, 0.25, 1],
      "mx@A": [0, 20, 0],
      "mx@B": [30, 0, 8],
      "diff@A": [10, 20, 0],
      "diff@B": [-30, -20, -8],
      "fl@A": [3, 6, 0],
      "fl@B": null,
    });
  });

  test("products take the classes of the left, times the other's total", () => {
    const run = batchRunOf({ nodes: [...sources, "ab: a * b", "ka: 2 * a"], arrivals });
    expect(classIds(run, "ab")).toEqual(["A"]);
    expect(valuesOf(run, ["ab@A", "ka@A"])).toEqual({ "ab@A": [300, 400, 0], "ka@A": [20, 40, 0] });
  });

  test("remainders have classes only over a divisor without; steps have none; pulses gate", () => {
    const run = batchRunOf({
      nodes: [
        ...sources,
        "m: MOD(a, 7)",
        "mb: MOD(a, b)",
        "st: STEP(a, 5)",
        "pu: PULSE(2, 0, a)",
        "sh: SHIFT(a, 1)",
        "co: CONV(a, [1, 0.5])",
      ],
      arrivals,
    });
    expect(valuesOf(run, ["m@A", "mb@A", "st@A", "pu@A", "sh@A", "co@A"])).toEqual({
      "m@A": [3, 6, 0],
      "mb@A": null,
      "st@A": null,
      "pu@A": [10, 0, 0],
      "sh@A": [0, 10, 20],
      "co@A": [10, 25, 10],
    });
  });

  test("a class is in an extreme from the first bin in which its side won, with zeros elsewhere", () => {
    const run = batchRunOf({
      nodes: ["a=[1,1]", "b=[2,2]", "c=[3,0]", "lo: MIN(a, b)", "sw: MIN(b, c)"],
      arrivals: ["a: A", "b: B", "c: C"],
    });
    expect(classIds(run, "lo")).toEqual(["A"]);
    expect(classIds(run, "sw")).toEqual(["B", "C"]);
    expect(valuesOf(run, ["sw@B", "sw@C"])).toEqual({ "sw@B": [2, 0], "sw@C": [0, 0] });
  });
});

describe("queues", () => {
  test("share by what came in, and hand their classes to what goes out (T31)", () => {
    const run = batchRunOf({
      nodes: ["a=[6,6,0]", "b=[2,2,0]", "in: a + b", "out=4s", "q=buf(in,out)", "late: q + out"],
      arrivals: ["a: A", "b: B"],
    });
    expect(valuesOf(run, ["q", "q@A", "q@B", "out@A", "out@B", "late@A"])).toEqual({
      q: [4, 8, 4],
      "q@A": [3, 6, 3],
      "q@B": [1, 2, 1],
      "out@A": [3, 3, 0],
      "out@B": [1, 1, 0],
      "late@A": [6, 9, 6],
    });
  });

  test("a shut gate shuts the classes of the outflow itself (T32, D8)", () => {
    const run = batchRunOf({
      nodes: ["a=6s", "b=2s", "in: a + b", "out: in * 1", "q=buf(in,out)", "after: out * 1"],
      bins: 4,
      schedules: { q: "2,0" },
      arrivals: ["a: A", "b: B"],
    });
    expect(valuesOf(run, ["q", "q@A", "out", "out@A", "out@B"])).toEqual({
      q: [0, 8, 8, 16],
      "q@A": [0, 6, 6, 12],
      out: [8, 8, 8, 8],
      "out@A": [6, 0, 6, 0],
      "out@B": [2, 0, 2, 0],
    });
    // Behind the queue in the order, so it reads the shut outflow too.
    expect([...run.totals.keys()].indexOf("after")).toBeGreaterThan([...run.totals.keys()].indexOf("q"));
    expect(valuesOf(run, ["after", "after@A"])).toEqual({ after: [8, 8, 8, 8], "after@A": [6, 0, 6, 0] });
  });

  test("carry on un-normalised (T51)", () => {
    const run = batchRunOf({
      nodes: ["a=[6,6,6,9,9,9]", "b=2s", "in: a + b", "srv: MIN(in, 5)", "q=buf(in,srv)"],
      arrivals: ["a: A", "b: B"],
    });
    expect(valuesOf(run, ["q", "q@A", "srv@A"])).toEqual({
      q: [3, 6, 9, 15, 21, 27],
      "q@A": [2.25, 4.5, 6.75, 11.516798418972332, 16.342476489028215, 21.19675324675325],
      "srv@A": [3.75, 3.75, 3.75, 4.090909090909091, 4.090909090909091, 4.090909090909091],
    });
  });

  test("of the topology hand arrivals' classes to served and errors", () => {
    const run = batchRunOf({
      nodes: ["a=[6,4]", "srv=[3,3]", "err=[1,0]"],
      arrivals: ["a: A"],
      topology:
        "  nodes:\n    - id: S\n      kind: serviceWithBuffer\n      semantics: { arrivals: a, served: srv, errors: err }",
    });
    expect(valuesOf(run, ["srv@A", "err@A", "s_queue@A"])).toEqual({
      "srv@A": [3, 3],
      "err@A": [1, 0],
      "s_queue@A": [2, 3],
    });
  });
});

describe("where FlowTime fails", () => {
  test("classes go round feedback loops (D7)", () => {
    const run = batchRunOf({
      nodes: ["a=[8,8,8,8]", "x: a + SHIFT(y, 1)", "y: x / 2"],
      arrivals: ["a: A"],
    });
    expect(valuesOf(run, ["x", "x@A", "y@A"])).toEqual({
      x: [8, 12, 14, 15],
      "x@A": [8, 12, 14, 15],
      "y@A": [4, 6, 7, 7.5],
    });
  });

  test("a SHIFT may look ahead in the order (D7) and beyond the first bin (D13)", () => {
    const run = batchRunOf({
      nodes: ["early: SHIFT(late, 1)", "a=[1,2,3]", "late: a * 2", "far: SHIFT(a, 9)"],
      arrivals: ["a: A"],
    });
    expect(valuesOf(run, ["early@A", "far@A"])).toEqual({ "early@A": [0, 2, 4], "far@A": [0, 0, 0] });
  });
});

test("class series from telemetry stand before what the model says", () => {
  const { model } = parseModel(modelText({ nodes: ["a=[6,4]", "b: a * 2"], arrivals: ["a: A"] }));
  const { batch, totals } = runSimulation(model!, 2);
  const given = decomposeClasses(
    batch,
    new Map([...totals].map(([id, values]) => [id, values.map((value) => value / 2)])),
  );
  const classes = decomposeClasses(batch, totals, { given: new Map([["b", given.get("b")!]]) });
  expect(valuesOf({ totals, classes }, ["a@A", "b@A"])).toEqual({ "a@A": [6, 4], "b@A": [6, 4] });
});

test("router diagnostics compare the source with what reaches the targets", () => {
  const run = batchRunOf({
    nodes: ["g=[4,6]", "s=[6,4]", "all: g + s", "fast=0s", "r=route(all; fast@Gold)"],
    arrivals: ["g: Gold", "s: Std"],
  });
  const [router] = routerClasses(run.batch, run.totals);
  expect(Array.from(router!.source, ([id, values]) => [id, [...values]])).toEqual([
    ["Gold", [4, 6]],
    ["Std", [6, 4]],
  ]);
  expect(Array.from(router!.routed, ([id, values]) => [id, [...values]])).toEqual([["Gold", [4, 6]]]);
});
