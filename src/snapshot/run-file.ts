import type { ModelClass, TimeGrid } from "../model/model.ts";
import type { Warning } from "../protocol/run-event.ts";
import { indentedJson, type JsonValue } from "./dotnet-json.ts";
import { classList } from "./index-file.ts";
import { RUN_FILE, SERIES_UNIT, seriesPath } from "./layout.ts";
import type { SeriesEntry } from "./series-file.ts";
import { markedFile, type SnapshotFile } from "./text-file.ts";

/** A fixed word of the format, not a product version. */
const ENGINE_VERSION = "0.1.0";

/** A warning as run.json holds it: the stream's, without the key that later updates refer to. */
export type SnapshotWarning = Omit<Warning, "key" | "startBin" | "endBin" | "signal">;

export interface RunFileInput {
  readonly runId: string;
  readonly inputHash: string | null;
  readonly grid: TimeGrid;
  readonly modelHash: string;
  readonly scenarioHash: string;
  readonly createdUtc: string;
  readonly classCoverage: string;
  /** In emission order. */
  readonly warnings: readonly SnapshotWarning[];
  readonly series: readonly SeriesEntry[];
  readonly classes: readonly ModelClass[];
}

/** run.json (artifacts.md §5.1 and §8). Throws `JsonWriteError` when a warning's value is not finite. */
export function runFile(input: RunFileInput): SnapshotFile {
  const { grid } = input;
  const run: JsonValue = {
    schemaVersion: 1,
    runId: input.runId,
    engineVersion: ENGINE_VERSION,
    source: "engine",
    inputHash: input.inputHash,
    grid: { bins: grid.bins, binSize: grid.binSize, binUnit: grid.binUnit, timezone: "UTC", align: "left" },
    modelHash: input.modelHash,
    scenarioHash: input.scenarioHash,
    createdUtc: input.createdUtc,
    classCoverage: input.classCoverage,
    warnings: input.warnings.map((warning) => ({
      code: warning.code,
      message: warning.message,
      nodeId: warning.nodeId,
      bins: warning.bins,
      value: warning.value,
      severity: warning.severity,
      edgeIds: warning.edgeIds ?? null,
    })),
    series: input.series.map(({ name }) => ({ id: name.id, path: seriesPath(name.id), unit: SERIES_UNIT })),
    classes: classList(input.classes),
  };
  return markedFile(RUN_FILE, indentedJson(run));
}
