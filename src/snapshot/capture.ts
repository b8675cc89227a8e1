import type { CaptureContent, CaptureWarning } from "../protocol/capture.ts";
import { type CaptureBinding, type CaptureModel, type CaptureSeries, captureBindings } from "./capture-bindings.ts";
import {
  type AutocaptureInput,
  autocapture,
  type CaptureGrid,
  type CaptureProvenance,
  capturedClasses,
  captureManifest,
} from "./capture-manifest.ts";
import { type CaptureRows, captureSeries, type GapOptions } from "./capture-series.ts";
import { plainFile, type SnapshotFile, sha256 } from "./text-file.ts";

export const CAPTURE_MANIFEST_FILE = "manifest.json";
export const AUTOCAPTURE_FILE = "autocapture.json";

/** A run to capture: a folder on disk, or a run that lives. */
export interface CaptureSource extends Pick<AutocaptureInput, "templateId" | "templateVersion" | "parameters"> {
  readonly model: CaptureModel;
  readonly grid: CaptureGrid;
  /** Every series of the run, in index order. */
  readonly index: readonly CaptureSeries[];
  readonly provenance: CaptureProvenance;
  readonly rngSeed: number;
  readonly rows: (series: CaptureSeries) => CaptureRows | Promise<CaptureRows>;
}

export interface CaptureOptions extends GapOptions {
  /** Round-trip UTC; read for manifest.json, then for autocapture.json. */
  readonly now: () => string;
}

/**
 * Captures a run (artifacts.md §9): yields its files one by one, so that never more than one is held: CSVs, each once,
 * autocapture.json, and last manifest.json, which stands for a whole capture. Returns what it holds. Throws `SnapshotError` for a series that cannot be read or a name that no file may have.
 */
export async function* captureRun(
  source: CaptureSource,
  options: CaptureOptions,
): AsyncGenerator<SnapshotFile, CaptureContent> {
  const bindings = captureBindings(source.model, source.index);
  const files: { readonly binding: CaptureBinding; readonly hash: string }[] = [];
  const warnings: CaptureWarning[] = [];
  const hashes = new Map<string, string>();
  for (const binding of bindings) {
    const captured = captureSeries(binding, await source.rows(binding.series), options);
    warnings.push(...captured.warnings);
    const known = hashes.get(binding.path);
    const hash = known ?? sha256(captured.file.bytes);
    files.push({ binding, hash });
    if (known !== undefined) continue;
    hashes.set(binding.path, hash);
    yield captured.file;
  }
  const { model, grid, provenance } = source;
  const manifest = captureManifest({ model, grid, files, warnings, provenance, capturedAtUtc: options.now() });
  const { templateId, templateVersion, parameters, rngSeed } = source;
  const about = autocapture({
    templateId,
    templateVersion,
    parameters,
    rngSeed,
    captureKey: null,
    sourceRunId: provenance.runId,
    scenarioHash: provenance.scenarioHash,
    generatedAtUtc: options.now(),
  });
  yield plainFile(AUTOCAPTURE_FILE, about);
  yield plainFile(CAPTURE_MANIFEST_FILE, manifest);
  return {
    runId: provenance.runId,
    entries: bindings.map(({ nodeId, metric, classId, path, series: { points } }) => ({
      nodeId,
      metric,
      classId,
      path,
      points,
    })),
    warnings,
    ...capturedClasses({ model, files }),
  };
}
