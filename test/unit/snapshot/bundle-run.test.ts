import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { parseModel } from "../../../src/model/parse.ts";
import { readCaptureFolder } from "../../../src/snapshot/bundle-folder.ts";
import { linkTelemetry } from "../../../src/snapshot/bundle-references.ts";
import { bundleRun } from "../../../src/snapshot/bundle-run.ts";
import { capturedValues } from "../../../src/snapshot/bundle-series.ts";
import { readSeries } from "../../../src/snapshot/reader.ts";
import { sha256 } from "../../../src/snapshot/text-file.ts";
import { verifyRunFolder } from "../../../src/snapshot/verify.ts";
import { writeRunFolder } from "../../../src/snapshot/writer.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MODEL = `schemaVersion: 1
grid: {bins: 3, binSize: 1, binUnit: hours, start: "2026-03-01T00:00:00Z"}
classes: [{id: gold}, {id: std}]
nodes:
- {id: calls, kind: const, values: [1, 1, 1]}
- {id: done, kind: expr, expr: calls * 2}
- {id: later, kind: expr, expr: done + 1}
topology:
  nodes:
  - id: Desk
    kind: service
    semantics: {arrivals: calls, served: done}
  edges: []
`;

interface Listed {
  readonly path: string;
  readonly metric: string | number;
  readonly rows: readonly (number | string)[];
  readonly nodeId?: string;
  readonly classId?: string;
}

function captureFolder(
  files: readonly Listed[],
  more: object = {},
  grid: object | null = { bins: 3, binSize: 1, binUnit: "hours" },
) {
  const folder = path.join(tempFolder(), "capture");
  mkdirSync(folder);
  const textOf = (rows: Listed["rows"]): string =>
    `bin_index,classId,value\n${rows.map((value, bin) => `${bin},DEFAULT,${value}\n`).join("")}`;
  for (const { path: name, rows } of files)
    if (!name.includes("..")) writeFileSync(path.join(folder, name), textOf(rows));
  const listed = files.map(({ rows, nodeId = "Desk", ...file }) => ({
    nodeId,
    hash: sha256(textOf(rows)),
    points: 3,
    ...file,
  }));
  const manifest = { schemaVersion: 2, window: {}, grid, files: listed, warnings: [], provenance: {}, ...more };
  writeFileSync(path.join(folder, "manifest.json"), JSON.stringify(manifest));
  return folder;
}

async function bundle(folder: string, text = MODEL) {
  const { manifest, values, paths, files } = await readCaptureFolder(folder);
  const modelText = linkTelemetry(text, paths);
  const { model } = parseModel(modelText, { profile: "live" });
  const captured = capturedValues(model!, manifest.files, (file) => values.get(file.path)!);
  const bundled = bundleRun({
    modelText,
    model: model!,
    manifest,
    captured,
    files,
    provenance: null,
    inputHash: null,
    runId: { kind: "deterministic" },
    now: () => "2026-03-01T00:00:00.0000000Z",
  });
  const root = tempFolder();
  const directory = await writeRunFolder(bundled.folder, { root, stagingRoot: path.join(root, ".staging") });
  const texts = new Map(bundled.folder.files.map((file) => [file.path, Buffer.from(file.bytes).toString("utf8")]));
  return {
    ...bundled,
    directory,
    texts,
    values: (id: string) => readSeries(directory, id).then((series) => [...series]),
  };
}

const CALLS: Listed = { path: "calls.csv", metric: "Arrivals", rows: [5, "", 1000.5] };

describe("a bundled run", () => {
  test("has captured series as they are, and the rest of the model on top of them", async () => {
    const run = await bundle(captureFolder([CALLS]));
    expect(await run.values("calls@CALLS@DEFAULT")).toEqual([5, Number.NaN, 1000.5]);
    expect(await run.values("later@LATER@DEFAULT")).toEqual([11, Number.NaN, 2002]);
    expect(run.texts.get("model/telemetry/calls.csv")).toContain("2,DEFAULT,1000.5\n");
    const manifest = JSON.parse(run.texts.get("model/telemetry/telemetry-manifest.json")!);
    expect(manifest).toMatchObject({
      schemaVersion: 2,
      classes: null,
      classCoverage: null,
      supportsClassMetrics: false,
    });
    expect((await verifyRunFolder(run.directory)).problems).toEqual([]);
  });

  test("links the capture's files, by URI and by path, and reads them as telemetry", async () => {
    const folder = captureFolder([CALLS]);
    const file = path.join(folder, "calls.csv");
    expect(linkTelemetry(`a: ${pathToFileURL(file).href}\nb: FILE://${file}\nc: ${file}`, [file])).toBe(
      `a: file://telemetry/calls.csv\nb: file://telemetry/calls.csv\nc: ${file}`,
    );
    const text = MODEL.replace("arrivals: calls", `arrivals: ${pathToFileURL(file).href}`);
    const run = await bundle(folder, text);
    expect(run.texts.get("spec.yaml")).toContain("arrivals: 'file://telemetry/calls.csv'");
    expect(JSON.parse(run.texts.get("model/metadata.json")!.slice(1)).telemetrySources).toContain(
      "file://telemetry/calls.csv",
    );
  });

  test("classes: sums without a total, and what is missing", async () => {
    const run = await bundle(
      captureFolder(
        [
          { ...CALLS, rows: [5, 6, 7] },
          { path: "calls_gold.csv", metric: 0, classId: "gold", rows: [2, 6, 7] },
          { path: "done_gold.csv", metric: "served", classId: "gold", rows: [1, 2, 3] },
          { path: "done_std.csv", metric: "SERVED", classId: "std", rows: [1, 1, 1] },
        ],
        { supportsClassMetrics: true, classes: ["gold", "std"], classCoverage: "Partial" },
      ),
    );
    expect(await run.values("done@DONE@DEFAULT")).toEqual([2, 3, 4]);
    expect(await run.values("calls@CALLS@gold")).toEqual([5, 6, 7]);
    expect(run.bundleWarnings.map(({ code, message, bins }) => ({ code, message, bins }))).toEqual([
      { code: "class_series_partial", message: "Node 'calls' is missing class 'std'.", bins: null },
      {
        code: "class_conservation_mismatch",
        message: "Node 'calls' total differs from class sum (bin 0, total=5, sum=2).",
        bins: [0],
      },
    ]);
    expect(JSON.parse(run.texts.get("run.json")!.slice(1)).classCoverage).toBe("partial");
  });

  test("class metrics announced without classes or class files are told", async () => {
    const run = await bundle(
      captureFolder([{ ...CALLS, rows: [1, 2, 12345.678] }], { supportsClassMetrics: true, classes: [] }),
    );
    expect(run.bundleWarnings.map(({ code }) => code)).toEqual([
      "class_manifest_missing",
      "class_data_missing",
      "class_series_missing",
    ]);
  });

  test("a file listed twice, which FlowTime's bundler refuses, is one series in two roles", async () => {
    const run = await bundle(
      captureFolder([
        { ...CALLS, rows: [1, 2, 3] },
        { ...CALLS, rows: [1, 2, 3], metric: "Served" },
      ]),
      MODEL.replace("served: done", "served: calls"),
    );
    expect(await run.values("done@DONE@DEFAULT")).toEqual([2, 4, 6]);
    expect(JSON.parse(run.texts.get("model/telemetry/telemetry-manifest.json")!).files).toHaveLength(2);
  });

  test("files of unknown nodes feed nothing", async () => {
    const run = await bundle(captureFolder([{ ...CALLS, nodeId: "Nowhere", rows: [9, 9, 9] }]));
    expect(await run.values("calls@CALLS@DEFAULT")).toEqual([1, 1, 1]);
  });
});

describe("a capture that cannot be bundled says why", () => {
  const refused = (folder: string, text?: string) =>
    bundle(folder, text).then(
      () => null,
      (error: unknown) => error,
    );

  test.each([
    ["too few rows", { ...CALLS, rows: [1, 2] }, "contained 2 points but expected 3"],
    ["no number", { ...CALLS, rows: [1, 2, "x"] }, "Invalid numeric value 'x'"],
    ["an unknown metric", { ...CALLS, metric: "Speed" }, "files[0]"],
  ])("%s", async (_, file, message) => {
    expect(await refused(captureFolder([file]))).toMatchObject({
      code: "capture_malformed",
      message: expect.stringContaining(message),
    });
  });

  test("no grid, no manifest, no folder, no file", async () => {
    expect(await refused(captureFolder([CALLS], {}, null))).toMatchObject({ code: "capture_malformed" });
    expect(await refused(tempFolder())).toMatchObject({ code: "capture_not_found" });
    expect(await refused("/nowhere/at/all")).toMatchObject({
      code: "capture_not_found",
      message: /Directory not found/,
    });
    const folder = captureFolder([CALLS], { files: [{ nodeId: "Desk", metric: "Arrivals", path: "gone.csv" }] });
    expect(await refused(folder)).toMatchObject({ code: "capture_not_found", message: /Telemetry CSV not found/ });
  });

  test("a model of another length", async () => {
    const text = MODEL.replace("bins: 3", "bins: 2").replace("[1, 1, 1]", "[1, 1]");
    expect(await refused(captureFolder([CALLS]), text)).toMatchObject({ code: "grid_mismatch" });
  });

  test("a path or a link that leads out of the folder", async () => {
    expect(await refused(captureFolder([{ ...CALLS, path: "../calls.csv" }]))).toMatchObject({ code: "id_unsafe" });
    const folder = captureFolder([{ ...CALLS, path: "other.csv" }]);
    const secret = path.join(tempFolder(), "secret.csv");
    writeFileSync(secret, "bin_index,value\n0,1\n1,1\n2,1\n");
    symlinkSync(secret, path.join(folder, "calls.csv"));
    writeFileSync(
      path.join(folder, "manifest.json"),
      JSON.stringify({ grid: { bins: 3 }, files: [{ nodeId: "Desk", metric: 0, path: "calls.csv" }] }),
    );
    expect(await refused(folder)).toMatchObject({ code: "id_unsafe", message: /leads out/ });
  });
});
