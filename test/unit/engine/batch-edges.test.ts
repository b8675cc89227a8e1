import { expect, test } from "vitest";
import { edgeSeries } from "../../../src/engine/batch-edges.ts";
import { batchRunOf } from "../../support/batch-builder.ts";
import type { ShortModel } from "../../support/model-builder.ts";

function edgesOf(model: ShortModel): [string, readonly number[]][] {
  const { batch, totals, classes } = batchRunOf(model);
  return edgeSeries(batch, totals, classes).map(({ edgeId, metric, classId, values }) => [
    `${edgeId} ${metric}${classId === null ? "" : `@${classId}`}`,
    [...values],
  ]);
}

test("throughput, effort, terminal and retry edges (T34)", () => {
  const edges = edgesOf({
    nodes: [
      "arr=9s",
      "srv=[12,12,12,0]",
      "att=[16,16,16,0]",
      "exh=[1,0,0,0]",
      "bsrv: srv / 4",
      "echo=[0,2,1,0]",
      "db=0s",
      "x=0s",
      "other=0s",
    ],
    topology: `  nodes:
    - { id: S, kind: service, semantics: { arrivals: other, served: srv, attempts: att, exhaustedFailures: exh } }
    - { id: A, kind: service, semantics: { arrivals: arr, served: arr, retryEcho: echo } }
    - { id: B, kind: service, semantics: { arrivals: bsrv, served: bsrv } }
    - { id: DB, kind: dependency, semantics: { arrivals: db, served: db } }
    - { id: X, kind: dlq, semantics: { arrivals: x, served: x, queueDepth: x } }
  edges:
    - { id: sa, from: S, to: A, weight: 3 }
    - { id: sb, from: "S:out", to: B, weight: 1 }
    - { id: ba, from: B, to: A }
    - { id: sdb, from: S, to: DB, type: effort, measure: attempts, multiplier: 2.5 }
    - { id: sx, from: "S:exhaustedFailures", to: X, type: terminal }`,
  });
  expect(edges).toEqual([
    ["sa flowVolume", [9, 9, 9, 0]],
    ["sb flowVolume", [3, 3, 3, 0]],
    ["ba flowVolume", [3, 3, 3, 0]],
    ["sdb flowVolume", [12, 12, 12, 0]],
    ["sdb attemptsVolume", [40, 40, 40, 0]],
    ["sx failuresVolume", [1, 0, 0, 0]],
    ["sa retryVolume", [0, 1.5, 0.75, 0]],
    ["ba retryVolume", [0, 0.5, 0.25, 0]],
  ]);
});

const pair = (edges: string): string => `  nodes:
    - { id: S, kind: service, semantics: { arrivals: a, served: a, attempts: a, errors: a } }
    - { id: T, kind: service, semantics: { arrivals: t, served: t, retryEcho: a } }
  edges:
${edges}`;

test("a missing id is made of the endpoints; a weight of 0 counts as 1; other types and measures carry nothing", () => {
  const edges = edgesOf({
    nodes: ["a=[4,8]", "t=0s"],
    topology: pair(`    - { from: "S:out", to: "T:in", weight: 0 }
    - { id: second, from: S, to: T, weight: 3, lag: 1, multiplier: 9 }
    - { id: bad, from: "S:errors", to: T }
    - { id: load, from: S, to: T, type: dependency, measure: load, weight: 2 }
    - { id: dead, from: S, to: T, type: terminal, measure: errors, weight: 0.5 }`),
  });
  expect(edges.map(([name, values]) => [name, values])).toEqual([
    ["S:out->T:in flowVolume", [1, 2]],
    ["second flowVolume", [3, 6]],
    ["load flowVolume", [4, 8]],
    ["load attemptsVolume", [8, 16]],
    ["dead failuresVolume", [2, 4]],
    ["S:out->T:in retryVolume", [1, 2]],
    ["second retryVolume", [3, 6]],
  ]);
});

test("a retry is shared evenly where nothing flows, and left out where there is none", () => {
  const nodes = ["a=[0,8]", "t=0s", "echo=[2,0]", "none=0s"];
  const topology = (echo: string): string =>
    pair("    - { id: e, from: S, to: T }\n    - { id: f, from: S, to: T }").replace(
      "retryEcho: a",
      `retryEcho: ${echo}`,
    );
  const retries = (echo: string): unknown[] =>
    edgesOf({ nodes, topology: topology(echo) }).filter(([name]) => name.endsWith("retryVolume"));
  expect(retries("echo")).toEqual([
    ["e retryVolume", [1, 0]],
    ["f retryVolume", [1, 0]],
  ]);
  expect(retries("none")).toEqual([]);
});

test("edges out of a router carry its routes, with classes; other edges the classes of what is served", () => {
  const edges = edgesOf({
    nodes: ["g=[4,6]", "s=[6,4]", "all: g + s", "fast=0s", "slow=0s", "r=route(all; fast@Gold; slow*1)"],
    arrivals: ["g: Gold", "s: Std"],
    topology: `  nodes:
    - { id: In, kind: service, semantics: { arrivals: all, served: all } }
    - { id: r, kind: router, semantics: { arrivals: g, served: all } }
    - { id: Fast, kind: service, semantics: { arrivals: fast, served: fast } }
    - { id: Slow, kind: service, semantics: { arrivals: slow, served: slow } }
  edges:
    - { id: slow, from: r, to: Slow }
    - { id: in, from: In, to: r }
    - { id: fast, from: r, to: Fast }`,
  });
  expect(edges).toEqual([
    ["fast flowVolume", [4, 6]],
    ["fast flowVolume@Gold", [4, 6]],
    ["slow flowVolume", [6, 4]],
    ["slow flowVolume@Std", [6, 4]],
    ["in flowVolume", [10, 10]],
    ["in flowVolume@Gold", [4, 6]],
    ["in flowVolume@Std", [6, 4]],
  ]);
});

test("a route without an edge leaves its classes to the others", () => {
  const edges = edgesOf({
    nodes: ["g=[4,6]", "s=[6,4]", "all: g + s", "fast=0s", "slow=0s", "r=route(all; fast@Gold; slow*1)"],
    arrivals: ["g: Gold", "s: Std"],
    topology: `  nodes:
    - { id: r, kind: router, semantics: { arrivals: all, served: all } }
    - { id: Slow, kind: service, semantics: { arrivals: slow, served: slow } }
  edges:
    - { id: slow, from: r, to: Slow }`,
  });
  expect(edges).toEqual([
    ["slow flowVolume", [10, 10]],
    ["slow flowVolume@Gold", [4, 6]],
    ["slow flowVolume@Std", [6, 4]],
  ]);
});

test("of two nodes with the same arrivals the first is a route's target (D10)", () => {
  const edges = edgesOf({
    nodes: ["a=[4]", "t=0s", "r=route(a; t*1)"],
    topology: `  nodes:
    - { id: r, kind: router, semantics: { arrivals: a, served: a } }
    - { id: First, kind: service, semantics: { arrivals: t, served: t } }
    - { id: Second, kind: service, semantics: { arrivals: t, served: t } }
  edges:
    - { id: second, from: r, to: Second }
    - { id: first, from: r, to: First }`,
  });
  expect(edges).toEqual([
    ["first flowVolume", [4]],
    ["second flowVolume", [4]],
  ]);
});
