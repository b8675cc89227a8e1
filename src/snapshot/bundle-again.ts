import path from "node:path";
import type { Model } from "../model/model.ts";
import type { RunFolder } from "./assemble.ts";
import { readCaptureManifest } from "./bundle-manifest.ts";
import { bundleRun } from "./bundle-run.ts";
import { capturedValues, readTelemetryValues } from "./bundle-series.ts";
import { TELEMETRY_FOLDER, TELEMETRY_MANIFEST_FILE } from "./layout.ts";
import { readText } from "./reader.ts";

/**
 * The run folder that the telemetry in a run folder gives once more; its ids and times mean nothing.
 * @param model of the folder, its semantics naming series
 * @throws SnapshotError
 */
export async function bundleAgain(directory: string, modelText: string, model: Model): Promise<RunFolder> {
  const manifestPath = path.join(directory, TELEMETRY_MANIFEST_FILE);
  const manifest = readCaptureManifest(await readText(directory, TELEMETRY_MANIFEST_FILE), manifestPath);
  const values = new Map<string, Float64Array>();
  for (const { path: listed } of manifest.files) {
    const file = `${TELEMETRY_FOLDER}/${path.posix.basename(listed)}`;
    values.set(listed, readTelemetryValues(await readText(directory, file), file, manifest.grid.bins));
  }
  const { folder } = bundleRun({
    modelText,
    model,
    manifest,
    captured: capturedValues(model, manifest.files, (file) => values.get(file.path)!),
    files: [],
    provenance: null,
    inputHash: null,
    runId: { kind: "deterministic" },
    now: () => "",
  });
  return folder;
}
