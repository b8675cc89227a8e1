import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { seventeenDigitText } from "../../../src/lib/dotnet-number.ts";
import { assembleRun, roundTripUtc, type SnapshotInput } from "../../../src/snapshot/assemble.ts";
import { classCoverage } from "../../../src/snapshot/class-coverage.ts";
import { compactJson } from "../../../src/snapshot/dotnet-json.ts";
import { scenarioHash } from "../../../src/snapshot/manifest.ts";
import { nodeSeries, wholeSeries } from "../../../src/snapshot/series-file.ts";
import { decodeText } from "../../../src/snapshot/text-file.ts";
import { describeWithReference } from "../../support/reference.ts";

const span = { line: 1, column: 1, startOffset: 0, endOffset: 0 };

const DESK_DEMO = `# Desk demo
schemaVersion: 1
grid:
    bins: 3
    binSize: 15
    binUnit: minutes
    start: "2026-01-01T00:00:00Z"
classes:
    - id: Gold
      displayName: Gold tier
traffic:
    arrivals:
        - nodeId: intake
          classId: Gold
          pattern: { kind: constant, ratePerBin: 10 }
nodes:
    - id: intake
      kind: const
      values: [10, 20.5, 0]
    - id: done
      kind: expr
      expr: "intake * 0.1"   # a tenth
topology:
    nodes:
        - id: Desk
          kind: service
          semantics: { arrivals: intake, served: done }
        - id: Audit
          kind: service
          semantics:
              arrivals: done
              served: 'done'
              errors: ""
    edges: []
outputs:
    - series: done
      as: done.csv
`;

function deskDemo(changes: Partial<SnapshotInput> = {}): SnapshotInput {
  const clock = ["2026-01-01T09:30:00.1200000Z", "2026-01-01T09:30:00.1300000Z", "2026-01-01T09:30:00.1400000Z"];
  const intake = Float64Array.of(10, 20.5, 0);
  const done = intake.map((value) => value * 0.1);
  const warnings = ["Desk", "Audit"].flatMap((nodeId) =>
    [
      ["missing_capacity_series", "Capacity series was not available; utilization cannot be computed."],
      ["missing_processing_time_series", "Processing time series was not available; service time cannot be computed."],
      ["missing_served_count_series", "Served count series was not available; service time cannot be computed."],
    ].map(([code = "", message = ""]) => ({ code, message, nodeId, bins: [], value: null, severity: "info" as const })),
  );
  return {
    modelText: DESK_DEMO,
    model: {
      grid: { bins: 3, binSize: 15, binUnit: "minutes", start: "2026-01-01T00:00:00Z" },
      outputs: [{ series: "done", as: "done.csv", span }],
      classes: [{ id: "Gold", displayName: "Gold tier", description: null }],
    },
    bins: 3,
    series: [
      { id: "intake", values: intake },
      { id: "done", values: done },
    ],
    classSeries: new Map([
      ["intake", [{ classId: "Gold", values: intake }]],
      ["done", [{ classId: "Gold", values: done }]],
    ]),
    warnings,
    requestedSeed: 7,
    provenance: null,
    inputHash: null,
    runId: { kind: "deterministic" },
    now: () => clock.shift() ?? "2026-01-01T09:30:00.1500000Z",
    ...changes,
  };
}

function hexOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

describe("the worked example of artifacts.md §5.5", () => {
  const folder = assembleRun(deskDemo());
  test("has its ids and hashes", () => {
    expect(folder.runId).toBe("run_deterministic_3fb140d9");
    expect(folder.scenarioHash).toBe("sha256:3fb140d98e01325a19e793686b51afa533c95876ce8a82ff4c3f455dbbef45f5");
    expect(folder.modelHash).toBe("sha256:3281102a67e9e945bd71e136c5ecd02143499a952ffc39bd832fea069b29bbc9");
  });

  test.each([
    ["series/index.json", 1908, "037bd2990ce7effd8e7ca1c98e72e31a38628b964d5d17ee1ce4ebb934cf85e5"],
    ["manifest.json", 866, "4c0b8c35408e01b08734ca8e8b3c68e4fde8415b44ab032241779dc30e7a0fab"],
    ["run.json", 2718, "3275ba1683ad8e0e7c43e0a20a480bbc583bfd32274c7180bc9d875a9b5eda7f"],
    ["model/metadata.json", 592, "2d5c12300304e2d384b9a92838ed58be083a616c4b8ab1487b8a869a24e65f11"],
  ])("%s has its %d bytes", (name, length, hash) => {
    const bytes = folder.files.find((file) => file.path === name)?.bytes ?? new Uint8Array();
    expect([bytes.length, hexOf(bytes)]).toEqual([length, hash]);
  });

  test("lists the files in the order they are written, the manifest last", () => {
    expect(folder.files.map((file) => file.path)).toEqual([
      "spec.yaml",
      "model/model.yaml",
      "model/metadata.json",
      "series/done@DONE@DEFAULT.csv",
      "series/done@DONE@Gold.csv",
      "series/intake@INTAKE@DEFAULT.csv",
      "series/intake@INTAKE@Gold.csv",
      "run.json",
      "series/index.json",
      "manifest.json",
    ]);
    expect(folder.emptyFolders).toEqual(["aggregates"]);
  });
});

describe("assembly", () => {
  test("leaves out a class series without a finite value", () => {
    const nothing = Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NaN);
    const folder = assembleRun(deskDemo({ classSeries: new Map([["done", [{ classId: "Gold", values: nothing }]]]) }));
    expect([...folder.seriesHashes.keys()]).toEqual(["done@DONE@DEFAULT", "intake@INTAKE@DEFAULT"]);
    expect(textOf(folder.files, "run.json")).toContain('"classCoverage": "missing"');
  });

  test("writes NaN and infinities as words into series, and refuses them in warnings", () => {
    const odd = Float64Array.of(Number.NaN, Number.NEGATIVE_INFINITY, -0);
    const folder = assembleRun(
      deskDemo({
        series: [
          { id: "intake", values: odd },
          { id: "done", values: odd },
        ],
        classSeries: new Map(),
      }),
    );
    expect(textOf(folder.files, "series/done@DONE@DEFAULT.csv")).toBe("bin_index,value\n0,NaN\n1,-Infinity\n2,-0\n");
    const warning = {
      code: "c",
      message: "m",
      nodeId: null,
      bins: [],
      value: Number.NaN,
      severity: "warning",
    } as const;
    expect(() => assembleRun(deskDemo({ warnings: [warning] }))).toThrowError(
      expect.objectContaining({ code: "json_number_not_finite" }),
    );
  });

  test("refuses ids that leave the folder and parts that share a file", () => {
    const values = Float64Array.of(1, 2, 3);
    const outputs = [{ series: "*", as: null, span }];
    const grid = deskDemo().model.grid;
    const bare = { modelText: "grid: {bins: 3}\n", model: { grid, outputs, classes: [] }, classSeries: new Map() };
    expect(() => assembleRun(deskDemo({ ...bare, series: [{ id: "../x", values }] }))).toThrowError(
      expect.objectContaining({ code: "id_unsafe" }),
    );
    const edge = { metric: "flowVolume", classId: null, values };
    const edgeSeries = [
      { ...edge, edgeId: "a->b" },
      { ...edge, edgeId: "a-:b" },
    ];
    expect(() => assembleRun(deskDemo({ edgeSeries }))).toThrowError(
      expect.objectContaining({ code: "path_collision", message: expect.stringContaining("edge_a-_b_flowVolume") }),
    );
    const extraFiles = [{ path: "model/../../x", bytes: new Uint8Array() }];
    expect(() => assembleRun(deskDemo({ extraFiles }))).toThrowError(expect.objectContaining({ code: "id_unsafe" }));
  });

  test("an unknown series in semantics stops the assembly", () => {
    const series = [{ id: "intake", values: Float64Array.of(1, 2, 3) }];
    expect(() => assembleRun(deskDemo({ series, classSeries: new Map() }))).toThrowError(
      expect.objectContaining({
        code: "series_unknown",
        message: "Topology node 'Desk' semantics references unknown series 'done'.",
      }),
    );
  });

  test("an explicit id names the folder and the telemetry manifest, run.json keeps its own", () => {
    const runId = { kind: "explicit", id: "mine", own: { kind: "deterministic" } } as const;
    const folder = assembleRun(deskDemo({ runId, hasTelemetryManifest: true }));
    expect([folder.folderName, folder.runId]).toEqual(["mine", "run_deterministic_3fb140d9"]);
    const telemetry = JSON.parse(textOf(folder.files, "model/telemetry/telemetry-manifest.json"));
    expect(telemetry).toMatchObject({ provenance: { runId: "mine" }, window: { durationMinutes: 45 }, files: [] });
    expect(folder.files.at(-1)?.path).toBe("manifest.json");
  });
});

test("class coverage compares declared and written classes, ignoring case", () => {
  expect(classCoverage([], ["a"])).toBe("missing");
  expect(classCoverage(["a"], [])).toBe("missing");
  expect(classCoverage(["a", "B"], ["b", "A", "a"])).toBe("full");
  expect(classCoverage(["a", "b"], ["a"])).toBe("partial");
  expect(classCoverage(["a"], ["a", "b"])).toBe("partial");
});

test("round-trip time has seven fractional digits", () => {
  expect(roundTripUtc(Date.UTC(2026, 0, 1, 9, 30, 0, 140))).toBe("2026-01-01T09:30:00.1400000Z");
});

describe("known answers of artifacts.md, Appendix F", () => {
  test("series file", () => {
    const { hash } = nodeSeries("x", new Float64Array(8).fill(8), wholeSeries).entry;
    expect(hash).toBe("sha256:dd7cefe39e32c11ff845cdf3702f7f50ba0e9d3f6a5043cefba0482e133ab020");
  });

  test("telemetry series text", () => {
    const rows = [10, 20.5, 0].map((value, bin) => `${bin},DEFAULT,${seventeenDigitText(value)}\n`);
    expect(hexOf(`bin_index,classId,value\n${rows.join("")}`)).toBe(
      "73c59099a33ee670ca032caef1f35c0e0f223425258d5b74f42ff43ccf1b50b9",
    );
  });

  test("compact JSON inside hash inputs", () => {
    const parameters = { bins: 3, label: "a+b", rate: 0.5 };
    const inputs = {
      templateId: "desk-demo",
      templateVersion: "1.2.0",
      mode: "simulation",
      parameters,
      telemetryBindings: {},
      rng: { kind: "pcg32", seed: 123 },
    };
    expect(hexOf(compactJson(inputs))).toBe("a8f4600bf62d7439964a1699fd91e7dcedfb439c6d3552841da94410767c7ac3");
    const capture = { templateId: "desk-demo", templateVersion: "1.2.0", rngSeed: 123, parameters };
    expect(hexOf(compactJson(capture))).toBe("1162118237cb8d81f38ad644185118726527b3cfb3f694cc6dfce5c186ff1751");
  });

  describeWithReference("with FlowTime's example", (root) => {
    test("scenario hash without a seed", () => {
      const model = readFileSync(path.join(root, "golden/direct/examples.hello.model/model.yaml"), "utf8");
      expect(scenarioHash(model, null)).toBe("sha256:7a9f2727d1a78f40d7965daf3e909ff0c0e7804615008109ad142aeeb886c70c");
    });
  });
});

function textOf(files: readonly { path: string; bytes: Uint8Array }[], name: string): string {
  return decodeText(files.find((file) => file.path === name)?.bytes ?? new Uint8Array());
}
