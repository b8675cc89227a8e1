import { describe, expect, test } from "vitest";
import { type ClassValues, type QueryRun, seriesKey } from "../../../src/analysis/query/query-run.ts";
import { StateQuery } from "../../../src/analysis/query/state-query.ts";
import { buildModel, type ModelSketch } from "../../support/plan-builder.ts";

/** A run whose series are the constants of the sketch. */
function runOf(sketch: ModelSketch, changes: Partial<QueryRun> = {}, mode = "simulation"): QueryRun {
  const model = buildModel(sketch);
  const values = new Map(model.nodes.flatMap((node) => (node.kind === "const" ? [[node.id, node.values]] : [])));
  return {
    facts: {
      runId: "run",
      templateId: "template",
      templateTitle: null,
      templateNarrative: null,
      templateVersion: null,
      mode,
      provenanceHash: null,
      schemaHash: "",
      storage: { modelPath: "", metadataPath: null, provenancePath: null },
      telemetrySources: [],
      nodeSources: [],
      classCoverage: "missing",
    },
    model,
    bins: model.grid.bins,
    series: (id) => (values.has(id) ? Float64Array.from(values.get(id)!) : null),
    classSeries: () => [],
    edgeSeries: [],
    warnings: [],
    ...changes,
  };
}

const service = (
  semantics: Readonly<Record<string, string>>,
  extras: object = {},
): NonNullable<ModelSketch["nodes"]> => [{ id: "S", semantics, ...extras }];
const SERVED = { arrivals: "a", served: "a" };

describe("what the mode of a run demands", () => {
  const gap: ModelSketch = { series: { a: [1, Number.NaN] }, nodes: service(SERVED) };

  test("a simulation has no gaps", () => {
    expect(new StateQuery(runOf(gap)).modeError).toEqual({
      code: "mode_validation_failed",
      message: "Node 'S' contains invalid values for arrivals, served in simulation mode.",
    });
  });

  test("a simulation has the series of a service and of a queue", () => {
    const run = runOf({
      series: { a: [1] },
      nodes: service({ arrivals: "a", served: "gone" }, { kind: "serviceWithBuffer" }),
    });
    expect(new StateQuery(run).modeError?.message).toBe(
      "Node 'S' is missing required served, queue series for simulation mode.",
    );
  });

  test("telemetry may have gaps and says so", () => {
    const query = new StateQuery(runOf(gap, {}, "telemetry"));
    expect(query.modeError).toBeNull();
    const { nodes, warnings, metadata } = query.snapshot(1);
    expect(nodes[0]!.metrics.arrivals).toBeNull();
    expect(nodes[0]!.telemetry.warnings).toEqual([
      {
        code: "telemetry_sources_unresolved",
        message: "Telemetry mode detected sources for arrivals, served and invalid values in arrivals, served.",
        severity: "warning",
      },
    ]);
    expect(warnings.map(({ code }) => code)).toEqual(["telemetry_sources_missing"]);
    expect(metadata.telemetrySourcesResolved).toBe(false);
  });
});

describe("findings of queries about a node", () => {
  test("a kernel that was repaired, series without values, attempts that do not add up", () => {
    const semantics = { ...SERVED, attempts: "t", failures: "gone", errors: "e" };
    const sketch: ModelSketch = {
      series: { a: [1, 1], t: [1, 3], e: [0, 1] },
      nodes: [{ id: "S", semantics: { ...semantics, retryKernel: [1, 1] } }],
    };
    expect(new StateQuery(runOf(sketch)).snapshot(0).nodes[0]!.telemetry.warnings.map(({ code }) => code)).toEqual([
      "retry_kernel_policy",
      "failures_series_missing",
      "attempts_conservation_mismatch",
    ]);
  });

  test("totals that their classes do not add up to make the coverage partial", () => {
    const classSeries = (): readonly ClassValues[] => [
      { classId: "b", values: Float64Array.of(1) },
      { classId: "A", values: Float64Array.of(2) },
    ];
    const { nodes, metadata } = new StateQuery(
      runOf({ series: { a: [5] }, nodes: service({ arrivals: "a", served: "a" }) }, { classSeries }),
    ).snapshot(0);
    expect(nodes[0]!.telemetry.warnings.map(({ message }) => message)).toEqual([
      "Total arrivals 5 differs from byClass sum 3.",
      "Total served 5 differs from byClass sum 3.",
    ]);
    expect(nodes[0]!.classTruth.coverage).toBe("partial");
    expect([...nodes[0]!.byClass!.keys()]).toEqual(["A", "b"]);
    expect(metadata.classCoverage).toBe("missing");
  });
});

describe("windows", () => {
  const edges: ModelSketch["edges"] = [
    { id: "st", from: "S", to: "T" },
    { id: "tx", from: "T:failures", to: "X", type: "terminal", measure: "failures", lag: 1 },
  ];
  const sketch: ModelSketch = {
    grid: { start: "2026-01-05T00:00:00Z" },
    series: { a: [1, 2, 3, 4], f: [1, 1, 0, 2], k: [7, 7, 7, 7] },
    nodes: [
      { id: "S", semantics: SERVED },
      { id: "T", semantics: { ...SERVED, failures: "f" } },
      { id: "X", kind: "expr", semantics: SERVED },
    ],
    edges,
  };
  const flow = { edgeId: "st", metric: "flowVolume", classId: null, values: Float64Array.of(1, 2, 3, 4) };
  const query = new StateQuery(runOf(sketch, { edgeSeries: [flow] }));

  test("begin anywhere: echoes and lags reach back before them", () => {
    const { nodes, edges: shown, timestampsUtc } = query.window({ start: 2, count: 2 });
    expect(timestampsUtc).toEqual(["2026-01-05T02:00:00+00:00", "2026-01-05T03:00:00+00:00"]);
    expect(nodes.find(({ id }) => id === "T")!.series.get("retryEcho")).toEqual([0.9, 0.4]);
    expect(shown.map(({ id }) => id)).toEqual(["st", "tx"]);
    expect(shown[1]!.series.get("failuresVolume")).toEqual([1, 0]);
    expect(shown[1]!.lag).toBe(1);
  });

  test("show what is only computed when they are full", () => {
    expect(query.window({ start: 0, count: 1 }).nodes.map(({ id }) => id)).toEqual(["S", "T"]);
    const full = query.window({ start: 1, count: 1 }, { mode: "full" }).nodes;
    expect(full.map(({ id }) => id)).toEqual(["S", "T", "X", "a", "f", "k"]);
    expect(full.at(-1)!.series.get("series:k")).toEqual([7]);
  });

  test("telemetry takes the place of a constant as written", () => {
    const values = Float64Array.of(9, 9, 9, 9);
    const bound = new StateQuery(runOf(sketch, { boundNodes: new Set(["k"]), series: () => values }));
    const { nodes } = bound.window({ start: 0, count: 1 }, { mode: "full" });
    expect(nodes.slice(-2).map(({ series }) => series.get("values"))).toEqual([[1], [9]]);
  });

  test("keep only the edges and metrics that are asked for", () => {
    const filtered = (filter: Readonly<Record<"edgeIds" | "metrics" | "classIds", readonly string[] | null>>) => {
      const set = (list: readonly string[] | null) => (list === null ? null : new Set(list));
      const edgeFilter = { edgeIds: set(filter.edgeIds), metrics: set(filter.metrics), classIds: set(filter.classIds) };
      return query.window({ start: 0, count: 1 }, { edgeFilter }).edges.map(({ id, series }) => [id, ...series.keys()]);
    };
    expect(filtered({ edgeIds: ["st"], metrics: null, classIds: null })).toEqual([["st", "flowVolume", "retryVolume"]]);
    expect(filtered({ edgeIds: null, metrics: ["retryRate"], classIds: null })).toEqual([["tx", "retryRate"]]);
    expect(filtered({ edgeIds: ["nothing"], metrics: null, classIds: null })).toEqual([]);
  });
});

test.each([
  ["x", "x"],
  ["series:x@Gold", "x"],
  ["file:../series/x@X@DEFAULT.csv", "x"],
  ["file:telemetry/x.csv", "file:telemetry/x.csv"],
])("the reference %s is looked up as %s", (reference, key) => {
  expect(seriesKey(reference)).toBe(key);
});
