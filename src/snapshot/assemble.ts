import { invariant } from "../lib/assert.ts";
import type { Model, TimeGrid } from "../model/model.ts";
import { classCoverage } from "./class-coverage.ts";
import { indexFile } from "./index-file.ts";
import { AGGREGATES_FOLDER, DEFAULT_CLASS, MODEL_FILE, PROVENANCE_FILE, requireSafeName, SPEC_FILE } from "./layout.ts";
import { type LiveDefinition, type LiveInput, liveFiles } from "./live-definition.ts";
import { manifestFile, scenarioHash } from "./manifest.ts";
import { metadataFile } from "./metadata.ts";
import { manifestProvenance, readProvenance } from "./provenance.ts";
import { runFile, type SnapshotWarning } from "./run-file.ts";
import { chooseRunIds, type RunIdChoice } from "./run-id.ts";
import { selectSeries } from "./select-series.ts";
import {
  type EncodedSeries,
  edgeSeries,
  nodeSeries,
  type SeriesEncoder,
  type SeriesEntry,
  wholeSeries,
} from "./series-file.ts";
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

/** A run folder that is made file by file, so that it need not be in memory whole. */
export interface RunFolderStream {
  /** What run.json says; differs from the folder's name only for explicit ids. */
  readonly runId: string;
  readonly folderName: string;
  readonly scenarioHash: string;
  readonly modelHash: string;
  /** Folders that stay empty. */
  readonly emptyFolders: readonly string[];
  /** The files in writing order; manifest.json is last. To be gone through once. */
  readonly files: Iterable<SnapshotFile>;
}

/** A whole run folder in memory. */
export interface RunFolder extends RunFolderStream {
  readonly files: readonly SnapshotFile[];
  /** By series id, in writing order. */
  readonly seriesHashes: ReadonlyMap<string, string>;
}

/**
 * Builds the folder that FlowTime would write for the same model and values (artifacts.md). Pure apart from `now`.
 * Throws `SnapshotError` for semantics that cannot be linked, unsafe ids and colliding paths, `JsonWriteError` for a
 * warning whose value is not finite.
 */
export function assembleRun(input: SnapshotInput): RunFolder {
  const seriesHashes = new Map<string, string>();
  const stream = streamRun(input, {
    encoder: wholeSeries,
    onSeries: ({ name, hash }) => seriesHashes.set(name.id, hash),
  });
  return { ...stream, files: [...stream.files], seriesHashes };
}

export interface StreamOptions {
  /** Default: every series from its beginning. */
  readonly encoder?: SeriesEncoder;
  readonly onSeries?: (entry: SeriesEntry) => void;
}

/** The same, file by file; what `assembleRun` throws may then come while the files are gone through. */
export function streamRun(input: SnapshotInput, options: StreamOptions = {}): RunFolderStream {
  const spec = normaliseSpec(input.modelText, new Set(input.series.map(({ id }) => id)));
  const modelFile = markedFile(MODEL_FILE, spec.text);
  const modelHash = sha256(modelFile.bytes);
  const scenario = scenarioHash(spec.text, input.requestedSeed);
  const ids = chooseRunIds(input.runId, scenario, input.inputHash);
  const parts = { spec, modelFile, modelHash, scenario, ...ids };
  return {
    ...ids,
    scenarioHash: scenario,
    modelHash,
    emptyFolders: [AGGREGATES_FOLDER],
    files: distinctSafePaths(runFiles(input, parts, options)),
  };
}

interface Parts {
  readonly spec: ReturnType<typeof normaliseSpec>;
  readonly modelFile: SnapshotFile;
  readonly modelHash: string;
  readonly scenario: string;
  readonly runId: string;
  readonly folderName: string;
}

function* runFiles(input: SnapshotInput, parts: Parts, options: StreamOptions): Generator<SnapshotFile> {
  const { spec, modelFile, modelHash, scenario, runId, folderName } = parts;
  const encoder = options.encoder ?? wholeSeries;
  const grid: TimeGrid = { ...input.model.grid, bins: input.bins };
  const declared = input.model.classes;
  yield markedFile(SPEC_FILE, spec.text);
  yield modelFile;
  const provenance = readProvenance(input.provenance);
  yield metadataFile({ specText: spec.text, provenance, modelHash, receivedAtUtc: input.now() });
  if (input.provenance !== null) yield markedFile(PROVENANCE_FILE, input.provenance);
  const entries: SeriesEntry[] = [];
  const classIds: string[] = [];
  for (const { entry, file } of writtenSeries(input, spec.referencedSeries, encoder)) {
    yield file;
    entries.push(entry);
    const isClass = entry.name.classId !== DEFAULT_CLASS;
    if (isClass) classIds.push(entry.name.classId);
    options.onSeries?.(entry);
  }
  const override = (input.classCoverage ?? "").trim().toLowerCase();
  const coverage =
    override === ""
      ? classCoverage(
          declared.map(({ id }) => id),
          classIds,
        )
      : override;
  yield runFile({
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
  });
  const manifestCreatedUtc = input.now();
  yield indexFile({ grid, series: entries, classes: declared, classCoverage: coverage });
  if (input.hasTelemetryManifest === true) {
    yield simulationTelemetryManifest({
      grid,
      authoredBinUnit: authoredBinUnit(spec.text) ?? grid.binUnit,
      warnings: [...input.warnings, ...(input.telemetryWarnings ?? [])],
      runId: folderName,
      scenarioHash: scenario,
      modelHash,
      capturedAtUtc: input.now(),
    });
  }
  if (input.live !== undefined) {
    const written = new Set(entries.map(({ name }) => name.id));
    yield* liveFiles(input.live.definition, input.live.inputs, written, encoder);
  }
  yield* input.extraFiles ?? [];
  yield manifestFile({
    scenarioHash: scenario,
    modelHash,
    seed: input.requestedSeed,
    series: entries,
    createdUtc: manifestCreatedUtc,
    provenance: manifestProvenance(input.provenance, input.inputHash),
    classes: declared,
  });
}

/** `yyyy-MM-ddTHH:mm:ss.fffffffZ`. @param ms milliseconds since the Unix epoch */
export function roundTripUtc(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "0000Z");
}

function* writtenSeries(
  input: SnapshotInput,
  referenced: readonly string[],
  encoder: SeriesEncoder,
): Generator<EncodedSeries> {
  const evaluated = new Map(input.series.map((series) => [series.id, series]));
  const outputs = input.model.outputs.map(({ series }) => series);
  for (const id of selectSeries({ outputs, evaluated: [...evaluated.keys()], referenced })) {
    const values = evaluated.get(id)?.values;
    invariant(values !== undefined && values.length === input.bins, `series '${id}' has ${input.bins} values`);
    yield nodeSeries(id, values, encoder);
    for (const share of input.classSeries?.get(id) ?? []) {
      const { classId, values: shares } = share;
      if (shares.some(Number.isFinite)) yield nodeSeries(id, shares, encoder, classId);
    }
  }
  for (const edge of input.edgeSeries ?? []) yield edgeSeries(edge, edge.values, encoder);
}

function authoredBinUnit(specText: string): string | null {
  return scalarText(member(member(parseYamlStream(specText)?.documents[0], "grid"), "binUnit"));
}

/** FlowTime would let the later file win; then the hashes of the folder would not hold. */
function* distinctSafePaths(files: Iterable<SnapshotFile>): Generator<SnapshotFile> {
  const seen = new Set<string>();
  for (const file of files) {
    const { path } = file;
    for (const component of path.split("/")) requireSafeName(component, `Path '${path}'`);
    if (seen.has(path)) {
      throw new SnapshotError(
        "path_collision",
        `Two parts of the run would be written to '${path}'. Rename one of them.`,
        { facts: { path } },
      );
    }
    seen.add(path);
    yield file;
  }
}
