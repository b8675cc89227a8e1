import { invariant } from "../lib/assert.ts";
import type { Model, TimeGrid } from "../model/model.ts";
import { classCoverage } from "./class-coverage.ts";
import { indexFile } from "./index-file.ts";
import { AGGREGATES_FOLDER, MODEL_FILE, PROVENANCE_FILE, requireSafeName, SPEC_FILE } from "./layout.ts";
import { type LiveDefinition, type LiveInput, liveFiles } from "./live-definition.ts";
import { manifestFile, scenarioHash } from "./manifest.ts";
import { metadataFile } from "./metadata.ts";
import { manifestProvenance, readProvenance } from "./provenance.ts";
import { runFile, type SnapshotWarning } from "./run-file.ts";
import { chooseRunIds, type RunIdChoice } from "./run-id.ts";
import { selectSeries } from "./select-series.ts";
import { edgeSeriesEntry, nodeSeriesEntry, type SeriesEntry } from "./series-file.ts";
import { SnapshotError } from "./snapshot-error.ts";
import { normaliseSpec } from "./spec-text.ts";
import { simulationTelemetryManifest } from "./telemetry-manifest.ts";
import { markedFile, type SnapshotFile, sha256 } from "./text-file.ts";
import { member, parseYamlStream, scalarText } from "./yaml-tree.ts";

/** Everything a run folder is made of. Same input and clock, same bytes. */
export interface SnapshotInput {
  /** The model text as the producer of artifacts.md §4.1 hands it over; for a prefix, the cut text. */
  readonly modelText: string;
  readonly model: Pick<Model, "grid" | "outputs" | "classes">;
  /** Bins written; the grid of every file says this number. */
  readonly bins: number;
  /** Evaluated series in evaluation order, generated ones included, `bins` values each. */
  readonly series: readonly { readonly id: string; readonly values: Float64Array }[];
  /** Class series by node id, classes in the order of the decomposition. Default none. */
  readonly classSeries?: ReadonlyMap<string, readonly ClassSeries[]>;
  /** In FlowTime's order (Appendix C); `classId` null for the total. Default none. */
  readonly edgeSeries?: readonly EdgeSeries[];
  /** In emission order. */
  readonly warnings: readonly SnapshotWarning[];
  /** What went wrong with telemetry on its way in: in the telemetry manifest only, behind the others. Default none. */
  readonly telemetryWarnings?: readonly SnapshotWarning[];
  readonly requestedSeed: number | null;
  /** JSON text for model/provenance.json, written as it stands; null for none. */
  readonly provenance: string | null;
  readonly inputHash: string | null;
  readonly runId: RunIdChoice;
  /** Round-trip UTC text (`roundTripUtc`). Read for metadata, run.json, manifest.json, then the telemetry manifest. */
  readonly now: () => string;
  /** Whether to add the telemetry manifest of a simulation run. Default false. */
  readonly hasTelemetryManifest?: boolean;
  /** Overrides the computed class coverage when not blank. Default computed. */
  readonly classCoverage?: string;
  /** What the run can be replayed from, of a live run. Default none. */
  readonly live?: { readonly definition: LiveDefinition; readonly inputs: readonly LiveInput[] };
  /** Further files, such as bundled telemetry; paths inside the folder. Default none. */
  readonly extraFiles?: readonly SnapshotFile[];
}
export interface ClassSeries {
  readonly classId: string;
  readonly values: Float64Array;
}
export interface EdgeSeries {
  readonly edgeId: string;
  readonly metric: string;
  readonly classId: string | null;
  readonly values: Float64Array;
}

/** A whole run folder in memory. */
export interface RunFolder {
  /** What run.json says; differs from the folder's name only for explicit ids. */
  readonly runId: string;
  readonly folderName: string;
  /** In writing order; manifest.json is last. */
  readonly files: readonly SnapshotFile[];
  /** Folders that stay empty. */
  readonly emptyFolders: readonly string[];
  readonly scenarioHash: string;
  readonly modelHash: string;
  /** By series id, in writing order. */
  readonly seriesHashes: ReadonlyMap<string, string>;
}

/**
 * Builds the folder that FlowTime would write for the same model and values (artifacts.md). Pure apart from `now`.
 * Throws `SnapshotError` for semantics that cannot be linked, unsafe ids and colliding paths, `JsonWriteError` for a
 * warning whose value is not finite.
 */
export function assembleRun(input: SnapshotInput): RunFolder {
  const grid: TimeGrid = { ...input.model.grid, bins: input.bins };
  const evaluated = new Map(input.series.map(({ id, values }) => [id, values]));
  const spec = normaliseSpec(input.modelText, new Set(evaluated.keys()));
  const modelFile = markedFile(MODEL_FILE, spec.text);
  const modelHash = sha256(modelFile.bytes);
  const scenario = scenarioHash(spec.text, input.requestedSeed);
  const { runId, folderName } = chooseRunIds(input.runId, scenario, input.inputHash);

  const { entries, classIds } = writtenSeries(input, evaluated, spec.referencedSeries);
  const declared = input.model.classes;
  const override = (input.classCoverage ?? "").trim().toLowerCase();
  const coverage =
    override === ""
      ? classCoverage(
          declared.map(({ id }) => id),
          classIds,
        )
      : override;

  const files: SnapshotFile[] = [markedFile(SPEC_FILE, spec.text), modelFile];
  const provenance = readProvenance(input.provenance);
  files.push(metadataFile({ specText: spec.text, provenance, modelHash, receivedAtUtc: input.now() }));
  if (input.provenance !== null) files.push(markedFile(PROVENANCE_FILE, input.provenance));
  files.push(...entries.map(({ file }) => file));
  files.push(
    runFile({
      runId,
      inputHash: input.inputHash,
      grid,
      modelHash,
      scenarioHash: scenario,
      createdUtc: input.now(),
      classCoverage: coverage,
      warnings: input.warnings,
      series: entries,
      classes: declared,
    }),
  );
  const manifestCreatedUtc = input.now();
  files.push(indexFile({ grid, series: entries, classes: declared, classCoverage: coverage }));
  if (input.hasTelemetryManifest === true) {
    files.push(
      simulationTelemetryManifest({
        grid,
        authoredBinUnit: authoredBinUnit(spec.text) ?? grid.binUnit,
        warnings: [...input.warnings, ...(input.telemetryWarnings ?? [])],
        runId: folderName,
        scenarioHash: scenario,
        modelHash,
        capturedAtUtc: input.now(),
      }),
    );
  }
  if (input.live !== undefined) {
    files.push(...liveFiles(input.live.definition, input.live.inputs, new Set(entries.map(({ name }) => name.id))));
  }
  files.push(...(input.extraFiles ?? []));
  files.push(
    manifestFile({
      scenarioHash: scenario,
      modelHash,
      seed: input.requestedSeed,
      series: entries,
      createdUtc: manifestCreatedUtc,
      provenance: manifestProvenance(input.provenance, input.inputHash),
      classes: declared,
    }),
  );
  requireDistinctSafePaths(files);
  return {
    runId,
    folderName,
    files,
    emptyFolders: [AGGREGATES_FOLDER],
    scenarioHash: scenario,
    modelHash,
    seriesHashes: new Map(entries.map(({ name, hash }) => [name.id, hash])),
  };
}

/** `yyyy-MM-ddTHH:mm:ss.fffffffZ`. @param ms milliseconds since the Unix epoch */
export function roundTripUtc(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "0000Z");
}

function writtenSeries(
  input: SnapshotInput,
  evaluated: ReadonlyMap<string, Float64Array>,
  referenced: readonly string[],
): { entries: readonly SeriesEntry[]; classIds: readonly string[] } {
  const outputs = input.model.outputs.map(({ series }) => series);
  const entries: SeriesEntry[] = [];
  const classIds: string[] = [];
  for (const id of selectSeries({ outputs, evaluated: [...evaluated.keys()], referenced })) {
    const values = evaluated.get(id);
    invariant(values !== undefined && values.length === input.bins, `series '${id}' has ${input.bins} values`);
    entries.push(nodeSeriesEntry(id, values));
    for (const { classId, values: share } of input.classSeries?.get(id) ?? []) {
      if (!share.some(Number.isFinite)) continue;
      entries.push(nodeSeriesEntry(id, share, classId));
      classIds.push(classId);
    }
  }
  for (const { edgeId, metric, classId, values } of input.edgeSeries ?? []) {
    const entry = edgeSeriesEntry(edgeId, metric, classId, values);
    entries.push(entry);
    if (classId !== null && entry.name.classId !== "DEFAULT") classIds.push(classId);
  }
  return { entries, classIds };
}

function authoredBinUnit(specText: string): string | null {
  return scalarText(member(member(parseYamlStream(specText)?.documents[0], "grid"), "binUnit"));
}

/** FlowTime would let the later file win; then the hashes of the folder would not hold. */
function requireDistinctSafePaths(files: readonly SnapshotFile[]): void {
  const seen = new Set<string>();
  for (const { path } of files) {
    for (const component of path.split("/")) requireSafeName(component, `Path '${path}'`);
    if (seen.has(path)) {
      throw new SnapshotError(
        "path_collision",
        `Two parts of the run would be written to '${path}'. Rename one of them.`,
        {
          facts: { path },
        },
      );
    }
    seen.add(path);
  }
}
