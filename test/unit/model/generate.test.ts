import { describe, expect, test } from "vitest";
import { generateNodes, snakeCase } from "../../../src/model/generate.ts";
import { buildModel, type ModelSketch } from "../../support/plan-builder.ts";

const SERIES = { arr: [1, 2], srv: [1, 1], cap: [3, 3], err: [0, 1] };

function generated(nodes: NonNullable<ModelSketch["nodes"]>, more: Partial<ModelSketch> = {}) {
  return generateNodes(buildModel({ series: SERIES, nodes, ...more }));
}

describe("queues", () => {
  test.each(["queue", "dlq", "serviceWithBuffer", " QUEUE ", "ServiceWithBuffer"])("are made for a %s", (kind) => {
    const { model, generated: ids } = generated([{ id: "Desk", kind, semantics: { arrivals: "arr", served: "srv" } }]);
    expect(ids).toEqual(["desk_queue"]);
    expect(model.nodes.at(-1)).toMatchObject({
      kind: "serviceWithBuffer",
      id: "desk_queue",
      inflow: "arr",
      outflow: "srv",
      loss: null,
      dispatchSchedule: null,
      metadata: { "graph.hidden": "true", "series.origin": "derived" },
    });
    expect(model.topology!.nodes[0]!.semantics.series.queueDepth).toBe("desk_queue");
  });

  test.each(["service", "sink", "router", "dependency", "expr", null])("are not made for kind %s", (kind) => {
    const { model, generated: ids } = generated([{ id: "Desk", kind, semantics: { arrivals: "arr", served: "srv" } }]);
    expect(ids).toEqual([]);
    expect(model.nodes).toHaveLength(4);
  });

  test("take capacity where nothing is served, and errors as loss", () => {
    const { model } = generated([
      { id: "D", kind: "queue", semantics: { arrivals: "arr", capacity: "cap", errors: "err" } },
    ]);
    expect(model.nodes.at(-1)).toMatchObject({ outflow: "cap", loss: "err" });
  });

  test("take the topology node's schedule", () => {
    const dispatchSchedule = { periodBins: 3, phaseOffset: 1, capacitySeries: "cap" };
    const { model } = generated([
      { id: "D", kind: "queue", dispatchSchedule, semantics: { arrivals: "arr", served: "srv", queueDepth: "self" } },
    ]);
    expect(model.nodes.at(-1)).toMatchObject({ id: "d_queue", dispatchSchedule });
  });

  test("are not made where the depth is a series already, or a file", () => {
    for (const queueDepth of ["cap", "file:depth.csv", "FILE:depth.csv"]) {
      const semantics = { arrivals: "arr", served: "srv", queueDepth };
      expect(generated([{ id: "D", kind: "queue", semantics }]).generated, queueDepth).toEqual([]);
    }
  });

  test("have the name that is asked for, without its class", () => {
    const semantics = { arrivals: "arr", served: "srv", queueDepth: "depth@Gold" };
    const { generated: ids, model } = generated([{ id: "D", kind: "queue", semantics }]);
    expect(ids).toEqual(["depth"]);
    expect(model.topology!.nodes[0]!.semantics.series.queueDepth).toBe("depth");
  });

  test("count up where the name is taken", () => {
    const semantics = { arrivals: "arr", served: "srv" };
    const sketch: ModelSketch = {
      series: { ...SERIES, desk_queue: [0, 0], desk_queue_1: [0, 0] },
      nodes: [
        { id: "Desk", kind: "queue", semantics },
        { id: "desk", kind: "queue", semantics },
      ],
    };
    expect(generateNodes(buildModel(sketch)).generated).toEqual(["desk_queue_2", "desk_queue_3"]);
  });

  test("need something that leaves: a finding otherwise, and the model as it was", () => {
    const { diagnostics, generated: ids } = generated([{ id: "D", kind: "queue", semantics: { arrivals: "arr" } }]);
    expect(ids).toEqual([]);
    expect(diagnostics).toMatchObject([
      {
        severity: "error",
        tier: "compile",
        code: "queue_without_outflow",
        message: "Topology node 'D' must define semantics.served (or capacity) to synthesize queue depth.",
        pointer: "/topology/nodes/0/semantics",
      },
    ]);
  });
});

describe("retry echoes", () => {
  const echo = (semantics: Readonly<Record<string, string>>) =>
    generated([{ id: "S", kind: "service", semantics: { arrivals: "arr", ...semantics } }]).model.nodes.at(-1)!;

  test("convolve failures, else errors, with the kernel in its shortest form", () => {
    expect(echo({ retryEcho: "e", errors: "err" })).toMatchObject({ id: "e", expr: "CONV(err, [0, 0.6, 0.3, 0.1])" });
    expect(echo({ retryEcho: "e", errors: "err", failures: "srv" })).toMatchObject({
      expr: expect.stringContaining("CONV(srv"),
    });
  });

  test("are not made without a source, for a file, or where the series is there", () => {
    for (const semantics of [
      { retryEcho: "e" },
      { retryEcho: "file:e.csv", errors: "err" },
      { retryEcho: "cap", errors: "err" },
    ]) {
      expect(echo(semantics as Readonly<Record<string, string>>).id).toBe("err");
    }
  });
});

test("a topology for which something was made loses its constraints; otherwise the model is the same object", () => {
  const constraints = [{ id: "c", series: { arrivals: "arr" } }];
  const semantics = { arrivals: "arr", served: "srv" };
  const untouched = buildModel({ series: SERIES, nodes: [{ id: "S", semantics }], constraints });
  expect(generateNodes(untouched).model).toBe(untouched);
  expect(generated([{ id: "Q", kind: "queue", semantics }], { constraints }).model.topology!.constraints).toEqual([]);
});

test.each([
  ["OrderHub", "order_hub"],
  ["DLQ", "d_l_q"],
  ["queue-1", "queue_1"],
  ["A_B", "a_b"],
  ["Big Hub", "big_hub"],
  ["HTTPService", "h_t_t_p_service"],
  ["__x__", "x"],
  ["ÜberQueue", "über_queue"],
  ["a.b/c", "a_b_c"],
])("snake case of %s is %s", (text, expected) => {
  expect(snakeCase(text)).toBe(expected);
});
