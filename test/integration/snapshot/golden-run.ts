import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { Model, TimeGrid } from "../../../src/model/model.ts";
import type { ClassSeries, EdgeSeries, SnapshotInput } from "../../../src/snapshot/assemble.ts";

/** A run folder that FlowTime wrote, and what it takes to build the same folder from its own model and values. */
export interface GoldenRun {
  readonly name: string;
  readonly directory: string;
  readonly input: SnapshotInput;
  /** Content by path inside the folder. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export function goldenCases(root: string, kind: "direct" | "prefix" | "simulation"): readonly string[] {
  return readdirSync(path.join(root, "golden", kind)).map((name) => path.join(root, "golden", kind, name));
}

export function loadGoldenRun(caseDirectory: string): GoldenRun {
  const runs = path.join(caseDirectory, "run");
  const directory = path.join(runs, readdirSync(runs)[0] ?? "");
  const files = readFolder(directory, "");
  const json = (name: string) => {
    const bytes = files.get(name);
    return bytes === undefined ? null : JSON.parse(bytes.toString("utf8").replace(/^\ufeff/, ""));
  };
  const [run, index, manifest, metadata] = [
    "run.json",
    "series/index.json",
    "manifest.json",
    "model/metadata.json",
  ].map(json);
  const telemetry = json("model/telemetry/telemetry-manifest.json");
  const provenance = files.get("model/provenance.json")?.toString("utf8").slice(1) ?? null;
  const modelText = startText(caseDirectory, files.get("spec.yaml")?.toString("utf8") ?? "");
  const clock = [metadata.receivedAtUtc, run.createdUtc, manifest.createdUtc, telemetry?.provenance.capturedAtUtc];
  const input: SnapshotInput = {
    modelText,
    model: sketchModel(modelText),
    bins: index.grid.bins,
    ...seriesOf(index, files),
    warnings: run.warnings,
    requestedSeed: provenance === null ? null : manifest.rng.seed,
    provenance,
    inputHash: run.inputHash,
    runId: { kind: "deterministic", templateId: metadata.templateId },
    now: () => clock.shift(),
    hasTelemetryManifest: telemetry !== null,
  };
  return { name: path.basename(caseDirectory), directory, input, files };
}

/**
 * The text the run started from: model.yaml of the case. In some simulation cases that is another version of the template
 * than the one that ran; there it is the run's own spec with the links to series taken out again.
 */
function startText(caseDirectory: string, spec: string): string {
  const modelText = readFileSync(path.join(caseDirectory, "model.yaml"), "utf8").replaceAll("\r\n", "\n");
  if (!caseDirectory.includes(`${path.sep}simulation${path.sep}`)) return modelText;
  const unlinked = spec
    .replace(/^\ufeff/, "")
    .replace(/file:\.\.\/series\/([^@]*)@[^@]*@DEFAULT\.csv/g, "$1")
    .replace(/\.\.\.\n$/, "");
  return modelText === unlinked ? modelText : unlinked;
}

/** The parts of a model that a snapshot needs, read without the model parser, so that this test judges the writer alone. */
function sketchModel(text: string): Pick<Model, "grid" | "outputs" | "classes"> {
  const root = parse(text, { uniqueKeys: false });
  const span = { line: 1, column: 1, startOffset: 0, endOffset: 0 };
  const grid: TimeGrid = { ...root.grid, start: root.grid.start ?? null, binUnit: root.grid.binUnit.toLowerCase() };
  return {
    grid,
    outputs: (root.outputs ?? []).map((output: { series: string }) => ({ series: output.series, as: null, span })),
    classes: (root.classes ?? []).map((entry: { id: string; displayName?: string; description?: string }) => ({
      id: entry.id,
      displayName: entry.displayName ?? null,
      description: entry.description ?? null,
    })),
  };
}

interface IndexLine {
  readonly id: string;
  readonly kind: string;
  readonly class: string;
}

function seriesOf(index: { series: readonly IndexLine[] }, files: ReadonlyMap<string, Buffer>) {
  const series: { id: string; values: Float64Array }[] = [];
  const classSeries = new Map<string, ClassSeries[]>();
  const edgeSeries: EdgeSeries[] = [];
  for (const { id, kind, class: classId } of index.series) {
    const values = readValues(files.get(`series/${id}.csv`));
    const local = id.slice(0, id.indexOf("@"));
    if (kind === "edge") {
      const cut = local.lastIndexOf("_");
      const edgeId = local.slice("edge_".length, cut);
      edgeSeries.push({
        edgeId,
        metric: local.slice(cut + 1),
        classId: classId === "DEFAULT" ? null : classId,
        values,
      });
    } else if (classId === "DEFAULT") {
      series.push({ id: local, values });
    } else {
      classSeries.set(local, [...(classSeries.get(local) ?? []), { classId, values }]);
    }
  }
  return { series, classSeries, edgeSeries };
}

function readValues(bytes: Buffer | undefined): Float64Array {
  const rows = (bytes?.toString("utf8") ?? "").trimEnd().split("\n").slice(1);
  return Float64Array.from(rows, (row) => Number(row.slice(row.indexOf(",") + 1)));
}

function readFolder(root: string, prefix: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(path.join(root, prefix), { withFileTypes: true })) {
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) for (const [inner, bytes] of readFolder(root, name)) files.set(inner, bytes);
    else files.set(name, readFileSync(path.join(root, name)));
  }
  return files;
}
