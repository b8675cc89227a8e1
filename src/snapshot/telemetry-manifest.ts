import type { TimeGrid } from "../model/model.ts";
import { indentedJson, type JsonValue } from "./dotnet-json.ts";
import { TELEMETRY_MANIFEST_FILE } from "./layout.ts";
import type { SnapshotWarning } from "./run-file.ts";
import { plainFile, type SnapshotFile } from "./text-file.ts";

export interface TelemetryManifestInput {
  readonly grid: TimeGrid;
  /** As the model writes it. */
  readonly authoredBinUnit: string;
  readonly warnings: readonly SnapshotWarning[];
  /** The explicit run id if there is one. */
  readonly runId: string;
  readonly scenarioHash: string;
  readonly modelHash: string;
  readonly capturedAtUtc: string;
}

/** model/telemetry/telemetry-manifest.json of a simulation run (artifacts.md §10.5): no files, version 1, no BOM. */
export function simulationTelemetryManifest(input: TelemetryManifestInput): SnapshotFile {
  const { grid } = input;
  const manifest: JsonValue = {
    schemaVersion: 1,
    // FlowTime multiplies as if every bin size were in minutes.
    window: { startTimeUtc: grid.start ?? undefined, durationMinutes: grid.bins * grid.binSize },
    grid: { bins: grid.bins, binSize: grid.binSize, binUnit: input.authoredBinUnit },
    files: [],
    warnings: input.warnings.map((warning) => ({
      code: warning.code,
      message: warning.message,
      nodeId: warning.nodeId ?? undefined,
      bins: warning.bins,
      severity: warning.severity,
    })),
    provenance: {
      runId: input.runId,
      scenarioHash: input.scenarioHash,
      modelHash: input.modelHash,
      capturedAtUtc: input.capturedAtUtc,
    },
    supportsClassMetrics: false,
  };
  return plainFile(TELEMETRY_MANIFEST_FILE, indentedJson(manifest));
}
